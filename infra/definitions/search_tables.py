"""SearchParameter resources compiled: FHIRPath to steps over JSON names, choices spelled out.

A path is `[steps, type]` or `[steps, type, systems]`; a step is a JSON name or one of
`{"where": [name, value]}`, `{"target": type}`, `{"extension": url}`, `{"has": url}`, `{"at": n}`,
`{"affirmed": [names]}` (one of them is there and not false), `{"root": 1}` (the resource again, in
a component of a composite).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]
Path = tuple[list[Any], str, list[str]]
_CAST = re.compile(r"\((.+) as (\w+)\)(.*)")
_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?(?:\((.*)\))?")
_SPLIT = re.compile(r"\.(?=(?:[^'()]|'[^']*'|\((?:[^'()]|'[^']*'|\([^()]*\))*\))*$)")
_AFFIRMED = re.compile(r"(\w+)\.(\w+)\.exists\(\) and \1\.\2 != false")
_VALUES: Mapping[str, tuple[str, ...]] = {
    "string": ("string",),
    "token": ("code", "Coding", "CodeableConcept", "Identifier", "boolean", "string"),
    "reference": ("Reference",),
}
_ROOTS = ("Resource", "DomainResource")


class Compiler:
    """Compiles the expressions of one set of types."""

    def __init__(self, types: Mapping[str, Json], value_sets: Mapping[str, Json]) -> None:
        self._types = types
        self._value_sets = value_sets

    def paths(self, expression: str, owner: str) -> list[Path]:
        """The paths of the parts of a union that begin at the type `owner`."""
        found: list[Path] = []
        for part in map(str.strip, expression.split("|")):
            if affirmed := _AFFIRMED.fullmatch(part):
                if affirmed[1] == owner:
                    found.append(([{"affirmed": self._names(owner, affirmed[2])}], "boolean", []))
                continue
            cast = _CAST.fullmatch(part)
            text, rest = (f"{cast[1]}.as({cast[2]})", cast[3]) if cast else (part, "")
            root, *steps = _SPLIT.split(text + rest)
            if root == owner or root in _ROOTS:
                found.extend(self._walk(steps, owner))
            elif root[0].islower():
                found.extend(self._walk([root, *steps], owner))
        return found

    def relative(self, expression: str, owner: str) -> list[Path]:
        """The paths of an expression that begins inside `owner`."""
        found: list[Path] = []
        for part in map(str.strip, expression.split("|")):
            first, *steps = _SPLIT.split(part)
            if first == "%resource":
                inner = self._walk(steps, owner.partition(".")[0])
                found.extend(([{"root": 1}, *p], t, s) for p, t, s in inner)
            else:
                found.extend(self._walk([first, *steps], owner))
        return found

    def valued(self, path: Path, kind: str) -> list[Path]:
        """The path itself or, where it ends at an extension, its values of use to the kind."""
        if path[1] != "Extension":
            return [path]
        return [p for p in self._child(path, "value") if p[1] in _VALUES[kind]]

    def _names(self, owner: str, group: str) -> list[str]:
        elements = self._types[owner]["elements"]
        return sorted(name for name, e in elements.items() if e.get("c") == group)

    def _walk(self, steps: Iterable[str], owner: str) -> list[Path]:
        paths: list[Path] = [([], owner, [])]
        for step in steps:
            if step == "$this":
                continue
            match = _STEP.fullmatch(step)
            if match is None:
                raise ValueError(f"not in the subset: {step}")
            name, at, argument = match.groups()
            if argument is None:
                paths = [new for path in paths for new in self._child(path, name)]
                if at is not None:
                    paths = [([*p, {"at": int(at)}], t, s) for p, t, s in paths]
            else:
                paths = self._call(paths, name, argument)
        return paths

    def _child(self, path: Path, name: str) -> list[Path]:
        steps, owner, _ = path
        definition = self._types.get(owner)
        if definition is None:
            return []
        return [
            ([*steps, key], e["t"], self._systems(e))
            for key, e in definition["elements"].items()
            if key == name or e.get("c") == name
        ]

    def _systems(self, element: Json) -> list[str]:
        bound = self._value_sets.get(element.get("b", ""), {})
        return sorted(bound.get("codes", ()))

    def _call(self, paths: list[Path], name: str, argument: str) -> list[Path]:
        if name in ("as", "ofType"):
            return [path for path in paths if path[1] == argument]
        if name == "extension":
            step: Json = {"extension": argument.strip("'")}
            return [([*p, "extension", step], "Extension", []) for p, _, _ in paths]
        if name != "where":
            raise ValueError(f"not in the subset: {name}()")
        if argument.startswith("resolve() is "):
            step = {"target": argument.removeprefix("resolve() is ")}
        elif argument.startswith("hasExtension("):
            step = {"has": argument.split("'")[1]}
        else:
            key, _, value = argument.partition("=")
            step = {"where": [key.strip(), value.strip().strip("'")]}
        return [([*p, step], t, s) for p, t, s in paths]


def search_table(
    types: Mapping[str, Json],
    value_sets: Mapping[str, Json],
    parameters: Iterable[Json],
) -> Json:
    """Each type's search parameters by code."""
    compiler = Compiler(types, value_sets)
    parameters = [p for p in parameters if p.get("expression") and p.get("base")]
    # The package's own example declares _id a second time.
    parameters = [p for p in parameters if p["id"] != "example"]
    by_url = {p["url"]: p for p in parameters}
    resources = sorted(name for name, t in types.items() if t["kind"] == "resource")
    made = {}
    for name in resources:
        own = (p for p in parameters if {name, *_ROOTS}.intersection(p["base"]))
        rows = [(p["code"], _row(p, name, compiler, by_url)) for p in own]
        made[name] = {code: row for code, row in sorted(rows, key=_code) if row["paths"]}
    return {"parameters": made}


def modifiers_of(definitions: Iterable[Json]) -> Json:
    """Each resource type's own elements that change the meaning of the rest, by JSON name."""
    made: Json = {}
    for definition in definitions:
        if definition["kind"] != "resource" or definition.get("derivation") == "constraint":
            continue
        top = (e for e in definition["snapshot"]["element"] if e["path"].count(".") == 1)
        names = (e["path"].partition(".")[2] for e in top if e.get("isModifier"))
        made[definition["type"]] = sorted(name.removesuffix("[x]") for name in names)
    return dict(sorted(made.items()))


def _code(row: tuple[str, Json]) -> str:
    return row[0]


def _row(parameter: Json, owner: str, compiler: Compiler, by_url: Mapping[str, Json]) -> Json:
    paths = compiler.paths(parameter["expression"], owner)
    paths = [p for path in paths for p in compiler.valued(path, parameter["type"])]
    row: Json = {
        "url": parameter["url"],
        "type": parameter["type"],
        "paths": [[*p[:2], p[2]] if p[2] else list(p[:2]) for p in paths],
    }
    if targets := parameter.get("target"):
        row["targets"] = sorted(targets)
    if parameter["type"] == "composite":
        row["components"] = [
            {
                "type": by_url[component["definition"]]["type"],
                "paths": _relative(component["expression"], paths, compiler),
            }
            for component in parameter["component"]
        ]
    return row


def _relative(expression: str, contexts: Iterable[Path], compiler: Compiler) -> list[Any]:
    owners = dict.fromkeys(owner for _, owner, _ in contexts)
    paths = [p for owner in owners for p in compiler.relative(expression, owner)]
    unique = {str(p): [*p[:2], p[2]] if p[2] else list(p[:2]) for p in paths}
    return list(unique.values())
