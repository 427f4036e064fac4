"""`$validate`: what a write would be told of its content, without a record and without a trace.

Nothing is read but the request: what depends on a record (whether an id exists, who may change it,
what references lead to) is told by the write itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dmp.domain.identifiers import resource_id
from dmp.domain.refusals import Issue, NotFound, NotJson
from dmp.fhir import compartment, json_reader
from dmp.fhir.advice import examine
from dmp.fhir.definitions import resource_types

Json = dict[str, Any]
MODES = ("create", "update", "delete")
_RESOURCE = 'Parameters.parameter.where(name="resource")'
_SOUND = Issue("no fault was found", None, "informational", "information")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be validated: as which type, for which interaction, against which profiles."""

    type: str
    resource: Json | None
    mode: str | None = None
    profiles: tuple[str, ...] = ()


def validated(resource_type: str, body: bytes, query: Sequence[tuple[str, str]]) -> list[Issue]:
    """At least one issue: errors, warnings, or that no fault was found.

    The body is a resource, or Parameters with `resource`, `mode` and `profile`, which the query
    may give too. 404 for a type that R4 does not have.
    """
    if resource_type not in resource_types():
        raise NotFound("R4 has no such resource type", "type")
    try:
        content = json_reader.read_object(body)
    except NotJson as refused:
        return [Issue(i.text, i.expression, "structure") for i in refused.issues]
    question, issues = _asked(resource_type, content, query)
    if question is not None:
        issues += _answers(question)
    return issues or [_SOUND]


def _asked(
    resource_type: str, content: Json, query: Sequence[tuple[str, str]]
) -> tuple[Question | None, list[Issue]]:
    """The question, if it is well put, and what is to say of how it is."""
    given = [(name, value, "query") for name, value in query]
    resource: Json | None = content
    issues: list[Issue] = []
    if content.get("resourceType") == "Parameters" and resource_type != "Parameters":
        resource, inner, issues = _parameters(content)
        given += inner
    mode: str | None = None
    for name, value, place in given:
        if name == "mode":
            mode = value
            if mode not in MODES:
                issues.append(Issue(f"the mode is one of {', '.join(MODES)}", place, "value"))
        elif name != "profile":
            text = "$validate takes resource, mode and profile"
            issues.append(Issue(text, place, "not-supported", "warning"))
    if resource is None and mode != "delete":
        issues.append(Issue("there is no resource to validate", _RESOURCE, "required"))
    if any(issue.severity == "error" for issue in issues):
        return None, issues
    profiles = tuple(value for name, value, _ in given if name == "profile")
    return Question(resource_type, resource, mode, profiles), issues


def _parameters(
    content: Json,
) -> tuple[Json | None, list[tuple[str, str, str]], list[Issue]]:
    """The resource, the other parameters with their places, and faults of form."""
    resource: Json | None = None
    given: list[tuple[str, str, str]] = []
    issues = []
    parameters = content.get("parameter", [])
    for at, one in enumerate(parameters if isinstance(parameters, list) else []):
        place = f"Parameters.parameter[{at}]"
        name = one.get("name") if isinstance(one, dict) else None
        value = next((v for k, v in one.items() if k.startswith("value")), "") if name else ""
        if name == "resource" and isinstance(one.get("resource"), dict):
            resource = one["resource"]
        elif isinstance(name, str) and isinstance(value, str):
            given.append((name, value, place))
        else:
            issues.append(Issue("a parameter has a name and a value", place, "structure"))
    return resource, given, issues


def _answers(question: Question) -> Iterator[Issue]:
    resource = question.resource
    if resource is not None:
        if resource.get("resourceType") != question.type:
            text = "the resource is not of the type in the URL"
            yield Issue(text, "resourceType", "invalid")
        yield from examine(resource, question.profiles)
    if question.mode is None:
        return
    if question.type not in compartment.writable() and question.type != "Consent":
        text = f"{question.type} is not written through this API"
        yield Issue(text, question.type, "not-supported")
    elif resource is not None:
        yield from _as_written(question.type, question.mode, resource)
    else:
        text = "whether it may be deleted is told by DELETE"
        yield Issue(text, None, "informational", "information")


def _as_written(kind: str, mode: str, resource: Json) -> Iterator[Issue]:
    """What a create or update asks of content besides its validity."""
    name = resource.get("id")
    if mode == "create" and name is not None:
        text = "the server gives the id of what is created"
        yield Issue(text, f"{kind}.id", "informational", "information")
    if mode == "update" and not (isinstance(name, str) and resource_id(name)):
        text = "an id is <patient>.<prefix>-<own part>, or one the server gave"
        yield Issue(text, f"{kind}.id", "value")
    if compartment.needs_patient(kind):
        named = compartment.patients(frozenset(compartment.references(resource)))
        if len(named) != 1:
            text = "the resource must refer to exactly one patient, as Patient/<id>"
            yield Issue(text, kind, "required")
