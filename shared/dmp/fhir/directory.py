"""The directory in FHIR: entries as resources, and what a resource says of an entry.

A last day stands where FHIR has a place for it (`PractitionerRole.period.end`), else in the
extension `urn:dmp:ends`; `active` is that of the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dmp.domain.directory import Organization, Role
from dmp.domain.directory_book import ROLES, Listed, is_open, role_id
from dmp.domain.identifiers import INPE
from dmp.fhir.consent_references import ROLE

Json = dict[str, Any]
ENDS = "urn:dmp:ends"
KINDS = {
    "Organization": "organizations",
    "Practitioner": "practitioners",
    "PractitionerRole": "roles",
}
_TYPED = re.compile(r"(?:.*/)?((?:Practitioner|Organization)/[A-Za-z0-9\-.]{1,64})\Z")


def type_of(entry: Listed) -> str:
    """The resource type of an entry."""
    return "PractitionerRole" if isinstance(entry, Role) else type(entry).__name__


def id_of(entry: Listed) -> str:
    """The FHIR id of an entry."""
    return role_id(entry) if isinstance(entry, Role) else entry.id


def resource_of(entry: Listed, day: str) -> Json:
    """The entry as it stands on a day (YYYY-MM-DD)."""
    told: Json = {"resourceType": type_of(entry), "id": id_of(entry)}
    active = is_open(entry, day)
    if isinstance(entry, Role):
        return {**told, "active": active, **_role(entry)}
    if entry.ends is not None:
        told["extension"] = [{"url": ENDS, "valueDate": entry.ends}]
    told |= {"identifier": [{"system": INPE, "value": entry.inpe}], "active": active}
    if isinstance(entry, Organization):
        return {**told, "name": entry.name}
    name = {"text": entry.name, "family": entry.family, "given": list(entry.given)}
    return {**told, "name": [name]}


def _role(role: Role) -> Json:
    period = {"start": role.starts, **({"end": role.ends} if role.ends is not None else {})}
    coding = {"system": ROLE, "code": role.code}
    display = {"display": ROLES[role.code]} if role.code in ROLES else {}
    return {
        "period": period,
        "practitioner": {
            "reference": f"Practitioner/{role.practitioner_id}",
            "identifier": {"system": INPE, "value": role.practitioner},
            "display": role.practitioner_name,
        },
        "organization": {
            "reference": f"Organization/{role.organization_id}",
            "identifier": {"system": INPE, "value": role.organization},
            "display": role.organization_name,
        },
        "code": [{"coding": [{**coding, **display}]}],
    }


def rows_of(bundle: Mapping[str, Any]) -> Iterator[tuple[int, str, Json]]:
    """What each entry of a bundle says: its place (from 1), its kind, a plain row.

    The kind is empty for a resource of another type. What a resource does not say is not in its
    row; whoever reads the rows tells what is missing.
    """
    entries = bundle.get("entry")
    listed = entries if isinstance(entries, list) else []
    resources = [(_member(e, "fullUrl"), _object(_member(e, "resource"))) for e in listed]
    numbers = dict(_numbers(resources))
    for place, (_, resource) in enumerate(resources, 1):
        kind = KINDS.get(str(resource.get("resourceType")), "")
        yield place, kind, _READERS[kind](resource, numbers) if kind else {}


def _numbers(resources: list[tuple[Any, Json]]) -> Iterator[tuple[str, str]]:
    """The INPE number behind each fullUrl and each `Type/id` of the bundle."""
    for url, resource in resources:
        number = _inpe(resource.get("identifier"))
        if number is not None:
            yield str(url), number
            yield f"{resource.get('resourceType')}/{resource.get('id')}", number


def _organization(resource: Json, _: Mapping[str, str]) -> Json:
    return _row({**_own(resource), "name": resource.get("name")})


def _practitioner(resource: Json, _: Mapping[str, str]) -> Json:
    names = resource.get("name")
    first = _object(names[0]) if isinstance(names, list) and names else {}
    said = {"family": first.get("family"), "given": first.get("given"), "name": first.get("text")}
    return _row({**_own(resource), **said})


def _role_row(resource: Json, numbers: Mapping[str, str]) -> Json:
    period = _object(resource.get("period"))
    codes = resource.get("code")
    concept = _object(codes[0]) if isinstance(codes, list) and len(codes) == 1 else {}
    codings = concept.get("coding")
    ours = [
        coding.get("code")
        for coding in (codings if isinstance(codings, list) else [])
        if isinstance(coding, dict) and coding.get("system") == ROLE
    ]
    return _row({
        "practitioner": _referred(resource.get("practitioner"), numbers),
        "organization": _referred(resource.get("organization"), numbers),
        "role": ours[0] if len(ours) == 1 else None,
        "starts": period.get("start"),
        "ends": period.get("end"),
        "active": resource.get("active"),
    })  # fmt: skip


_READERS = {"organizations": _organization, "practitioners": _practitioner, "roles": _role_row}


def _own(resource: Json) -> Json:
    extensions = resource.get("extension")
    ends = [
        extension.get("valueDate")
        for extension in (extensions if isinstance(extensions, list) else [])
        if isinstance(extension, dict) and extension.get("url") == ENDS
    ]
    return {
        "inpe": _inpe(resource.get("identifier")),
        "id": resource.get("id"),
        "active": resource.get("active"),
        "ends": ends[0] if ends else None,
    }


def _inpe(identifiers: Any) -> str | None:
    """The one number of INPE's system; None when there is none, or more than one."""
    found = {
        identifier.get("value")
        for identifier in (identifiers if isinstance(identifiers, list) else [])
        if isinstance(identifier, dict) and identifier.get("system") == INPE
        if isinstance(identifier.get("value"), str)
    }
    return found.pop() if len(found) == 1 else None


def _referred(value: Any, numbers: Mapping[str, str]) -> str | None:
    """The number of who is referred to: by identifier, conditionally, or within the bundle."""
    reference = _object(value)
    if number := _inpe([reference.get("identifier")]):
        return number
    text = str(reference.get("reference", ""))
    kind, _, query = text.partition("?")
    if kind in KINDS and query:
        system, _, number = dict(parse_qsl(query)).get("identifier", "").partition("|")
        return number if system == INPE else None
    typed = _TYPED.match(text)
    return numbers.get(text) or (numbers.get(typed[1]) if typed else None)


def _row(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _member(entry: Any, name: str) -> Any:
    return entry.get(name) if isinstance(entry, dict) else None
