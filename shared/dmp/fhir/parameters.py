"""The Parameters that an operation takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dmp.domain.identifiers import is_patient_id
from dmp.domain.refusals import Invalid, Issue
from dmp.fhir import json_reader
from dmp.fhir.validator import validate

Json = dict[str, Any]


def taken(content: Mapping[str, Any], wanted: Mapping[str, str]) -> Json:
    """The values by name; Invalid with every fault of the input.

    `wanted` gives each parameter's member (`valueReference`, `resource`…), with `?` at its end when
    it may be absent. Each comes at most once; what is not known is refused.
    """
    if content.get("resourceType") != "Parameters":
        raise Invalid(f"Parameters are expected, with {', '.join(wanted)}", "resourceType")
    if issues := validate(dict(content)):
        raise Invalid(issues)
    issues, values = [], {}
    for i, parameter in enumerate(content.get("parameter", ())):
        name, path = parameter["name"], f"Parameters.parameter[{i}]"
        member = wanted.get(name, "").rstrip("?")
        if not member:
            issues.append(Issue(f"one of {', '.join(wanted)} is expected", f"{path}.name"))
        elif name in values:
            issues.append(Issue("comes twice", f"{path}.name"))
        elif member not in parameter:
            issues.append(Issue(f"{name} has a {member}", path))
        else:
            values[name] = parameter[member]
    issues += [
        Issue("is needed", f"Parameters.parameter.where(name='{name}')", "required")
        for name, member in wanted.items()
        if not member.endswith("?") and name not in values
    ]
    if issues:
        raise Invalid(issues)
    return values


def patient_in(values: Mapping[str, Any], name: str = "patient") -> str:
    """The pseudonym in a reference of the form `Patient/<id>`; only the form is looked at."""
    kind, _, patient = str(values[name].get("reference", "")).partition("/")
    if kind != "Patient" or not is_patient_id(patient):
        where = f"Parameters.parameter.where(name='{name}').value.reference"
        raise Invalid("a reference of the form Patient/<id> is needed", where)
    return patient


def given(parameters: Iterable[Json]) -> bytes:
    """The Parameters of an answer."""
    return json_reader.write({"resourceType": "Parameters", "parameter": list(parameters)})


def part(name: str, parts: Sequence[Json]) -> Json:
    """A parameter made of parts."""
    return {"name": name, "part": list(parts)}


def value(name: str, kind: str, content: object) -> Json:
    """A parameter with a value: `value("rule", "Code", …)`."""
    return {"name": name, f"value{kind}": content}
