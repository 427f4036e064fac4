"""The constraints of the definitions as a table: by type, each with its key, severity and rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.definitions.fhirpath import Reader

Json = dict[str, Any]
Row = list[Any]
# Checked by hand-written code, with the module that does it.
BY_HAND: Mapping[str, str] = {
    "ele-1": "validator: an object must not be empty",
    "ext-1": "datatypes",
    "dom-2": "validator",
    "dom-3": "scope",
    "ref-1": "scope",
    "txt-1": "narrative",
    "txt-2": "narrative",
}
NOT_CHECKED: Mapping[str, str] = {
    "ctm-1": "asks for the type of a resource elsewhere; the type of the reference is checked",
    "ig-1": "asks for siblings of its context; no implementation guide is in a record",
    "ig-2": "as ig-1",
    "sdf-8": "takes definitions apart by their own paths; none is in a record",
    "sdf-8a": "as sdf-8",
    "sdf-19": "about definitions that HL7 publishes",
}
# 4.0.1 says what it does not mean: its own text is what is checked (and HL7's validator checks).
AMENDED: Mapping[str, str] = {"que-12": "enableWhen.count() > 1 implies enableBehavior.exists()"}


def invariants_of(types: Mapping[str, Json], definitions: Iterable[Json]) -> dict[str, list[Row]]:
    """Each type's rules: `[key, severity, text, rule]`, in the order of their keys."""
    made: dict[str, dict[str, Row]] = {}
    for definition in definitions:
        root = definition["type"]
        if definition["id"] not in types:
            continue
        for element in definition["snapshot"]["element"]:
            path = definition["id"] + element["path"][len(root) :]
            for constraint in element.get("constraint", ()):
                if constraint["key"] not in {*BY_HAND, *NOT_CHECKED}:
                    owner, row = _row(types, path, constraint)
                    made.setdefault(owner, {})[constraint["key"]] = row
    return {name: [rows[key] for key in sorted(rows)] for name, rows in sorted(made.items())}


def _row(types: Mapping[str, Json], path: str, constraint: Json) -> tuple[str, Row]:
    """The owner is the nested type itself or, for an element of a datatype, the object around."""
    key = constraint["key"]
    expression = AMENDED.get(key, constraint["expression"])
    if path in types:
        node = Reader(expression, path, types).read()
        return path, [key, constraint["severity"], constraint["human"], node]
    owner, _, last = path.rpartition(".")
    group = last.removesuffix("[x]")
    elements = types[owner]["elements"]
    names = [n for n, e in elements.items() if n == last or e.get("c") == group]
    # of a choice, the rule is about the objects; on a primitive it finds nothing to object to
    kind = max((elements[n]["t"] for n in names), key=lambda k: (k in types, k))
    node = ["all", [".", ["this"], names], Reader(expression, kind, types).read()]
    return owner, [key, constraint["severity"], constraint["human"], node]
