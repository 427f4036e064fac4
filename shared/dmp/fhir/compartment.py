"""Which types a record holds, and what ties a resource to its patient and to others."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from dmp.domain.identifiers import is_patient_id, resource_id

# Made by the server alone, or about people and devices rather than one patient's care.
# Consent has a door of its own, for it changes what the other doors permit.
_NOT_WRITTEN = frozenset({"AuditEvent", "Consent", "Group", "Patient", "Person"})
# Without a tie of their own: kept in the record whose transaction brought them.
_REFERENCED = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Device",
     "Substance", "HealthcareService"}
)  # fmt: skip
_DATES = (
    "effectiveDateTime", "effectiveInstant", "effectivePeriod", "onsetDateTime",
    "occurrenceDateTime", "occurrencePeriod", "performedDateTime", "performedPeriod",
    "authoredOn", "period", "date", "dateTime", "created", "started", "recordedDate", "issued",
    "sent", "servicedDate", "billablePeriod",
)  # fmt: skip
_ADDRESS = re.compile(
    r"(?:\S*/)?([A-Z][A-Za-z]*)/([0-9a-v]{20}\.[A-Za-z0-9.\-]+)(?:/_history(?:/\S*)?)?/?(?:[?#]\S*)?"
)
_LINK = re.compile(r"""\s(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@cache
def tied() -> Mapping[str, list[str]]:
    """Types of the Patient compartment, with the parameters that tie them."""
    text = files(__package__).joinpath("compartment.json").read_text()
    types: Mapping[str, list[str]] = json.loads(text)
    return types


@cache
def writable() -> frozenset[str]:
    """Types that may be created: the compartment's clinical ones and those they refer to."""
    return frozenset(tied()) - _NOT_WRITTEN | _REFERENCED


@cache
def served() -> frozenset[str]:
    """Types that may be read from a record."""
    return writable() | {"Consent", "Patient"}


def needs_patient(resource_type: str) -> bool:
    """Whether a resource of the type must name its patient."""
    return resource_type in tied() and resource_type not in _REFERENCED


def references(resource: Mapping[str, Any]) -> Iterator[str]:
    """Every `Type/id` that the resource refers to, contained resources included."""
    for key, value in resource.items():
        if value.__class__ is dict:
            yield from references(value)
        elif value.__class__ is list:
            for item in value:
                if item.__class__ is dict:
                    yield from references(item)
        elif key == "reference" and value.__class__ is str and _is_relative(value):
            yield value.partition("/_history")[0]


def addressed(resource: Mapping[str, Any], patient: str) -> Iterator[str]:
    """Every `Type/id` of the patient's record that an address in the resource leads to.

    Relative or absolute, in a reference, another URL or a link of the narrative: our ids tell of
    themselves, whatever stands before them.
    """
    for key, value in resource.items():
        for item in value if value.__class__ is list else (value,):
            if item.__class__ is dict:
                yield from addressed(item, patient)
            elif item.__class__ is str and patient in item:
                links = _LINK.findall(item) if key == "div" else [(item, "")]
                yield from (at for one in links if (at := leads_to("".join(one))))


def leads_to(address: str) -> str:
    """The `Type/id` of a record that an address leads to, or empty."""
    found = _ADDRESS.fullmatch(html.unescape(address).strip())
    return f"{found[1]}/{found[2]}" if found and resource_id(found[2]) else ""


def _is_relative(reference: str) -> bool:
    return "/" in reference and not reference.startswith(("urn:", "http:", "https:", "#"))


def patients(named: frozenset[str]) -> frozenset[str]:
    """The pseudonyms among references."""
    found = (r.partition("/") for r in named)
    return frozenset(i for kind, _, i in found if kind == "Patient" and is_patient_id(i))


def clinical_date(resource: Mapping[str, Any]) -> str:
    """When it happened, as the resource writes it; empty when it does not say."""
    for name in _DATES:
        value = resource.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("start"), str):
            return str(value["start"])
    return ""


def encounter(resource: Mapping[str, Any]) -> str:
    """`Encounter/id` that it belongs to, or empty."""
    value = resource.get("encounter")
    first = value[0] if isinstance(value, list) and value else value
    reference = first.get("reference") if isinstance(first, dict) else None
    return reference if isinstance(reference, str) else ""


def labels(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Codes of its security labels, contained resources included."""
    found = {
        coding["code"]
        for one in (resource, *resource.get("contained", ()))
        for coding in one.get("meta", {}).get("security", ())
        if "code" in coding
    }
    return tuple(sorted(found))


def categories(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Codes of its category, whether CodeableConcept, code or a list of either."""
    value = resource.get("category", ())
    found: set[str] = set()
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            found.add(one)
        elif isinstance(one, dict):
            found.update(c["code"] for c in one.get("coding", ()) if "code" in c)
    return tuple(sorted(found))
