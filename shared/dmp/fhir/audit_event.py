"""A journal entry as a FHIR AuditEvent in the patterns of IHE BALP (dmp.fhir.audit_patterns).

The rule that decided is in `extension[url=urn:dmp:rule].valueCode`; a refusal's outcome is not `0`.
BALP tells an entity's part by its type alone: of a read or a write, the one System Object (2) is
what was read or written; of a query, the query. What else left bears the code of its own type.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from dmp.domain.journal import Entry
from dmp.fhir.audit_patterns import Code, Pattern, pattern_of, profile_of

RULE = "urn:dmp:rule"
REASON = "urn:dmp:reason"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_RESOURCE = "http://hl7.org/fhir/resource-types"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_PROVIDER = ("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV")
_BALP = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_SITE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_POLICIES = "urn:dmp:implicit-policy"
_DISCLOSED = "urn:dmp:disclosed"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_NETWORK = {"extension": [{"url": _ABSENT, "valueCode": "not-asked"}]}  # no address is journalled
_OUTCOMES = {"permit": "0", "refuse": "4", "withheld": "8"}
_SELF = {"display": "DMP"}
_OTHER = {"system": _ENTITY, "code": "4", "display": "Other"}
_OBJECT = {"system": _ENTITY, "code": "2", "display": "System Object"}


def audit_event(entry: Entry) -> bytes:
    """The AuditEvent, whose id is the entry's."""
    return orjson.dumps(rendered(entry))


def rendered(entry: Entry) -> dict[str, Any]:
    """The same, as JSON in memory."""
    pattern = pattern_of(entry)
    profile = profile_of(entry, pattern)
    extension = [{"url": RULE, "valueCode": entry.rule}, *_reason(entry)]
    if pattern.decision:  # whose entities are a closed list
        extension += _asked(entry)
    return {
        "resourceType": "AuditEvent",
        "id": entry.id,
        "meta": {
            "versionId": "1",
            "lastUpdated": entry.at,
            **({"profile": [profile]} if profile else {}),
        },
        "extension": extension,
        "type": _coding(pattern.type),
        "subtype": [_coding(subtype) for subtype in pattern.subtypes],
        "action": pattern.action,
        "recorded": entry.at,
        "outcome": _OUTCOMES[entry.outcome],
        **({} if entry.outcome == "permit" else {"outcomeDesc": f"{entry.outcome}: {entry.rule}"}),
        "purposeOfEvent": [{"coding": [{"system": _REASON, "code": entry.purpose}]}],
        "agent": list(_agents(entry, pattern)),
        "source": {"observer": _SELF, "type": [{"system": _SITE, "code": "4"}]},
        "entity": list(_entities(entry, pattern)),
    }


def _reason(entry: Entry) -> Iterator[dict[str, Any]]:
    """What the person gave as reason: a code, and their own words."""
    parts = []
    if code := entry.reason.get("code"):
        parts.append({"url": "code", "valueCode": code})
    if text := entry.reason.get("text"):
        parts.append({"url": "text", "valueString": text})
    if parts:
        yield {"url": REASON, "extension": parts}


def _asked(entry: Entry) -> Iterator[dict[str, Any]]:
    if entry.request:
        yield {"url": "urn:dmp:request", "valueString": entry.request}
    if entry.query:
        yield {"url": "urn:dmp:query", "valueBase64Binary": _base64(entry.query)}


def _agents(entry: Entry, pattern: Pattern) -> Iterator[dict[str, Any]]:
    """Client and server as BALP names them for the direction, then the person."""
    client = {"display": entry.client} if entry.client else _SELF
    for kind, who in ((pattern.client, client), (pattern.server, _SELF)):
        yield {"type": _coded(kind), "who": who, "requestor": False, "network": _NETWORK}
    yield from _people(entry, pattern)


def _people(entry: Entry, pattern: Pattern) -> Iterator[dict[str, Any]]:
    """The user, and the organisation acted for."""
    who = entry.who
    if who["kind"] == "practitioner":
        yield {
            "type": _coded(pattern.user),
            "who": _named("Practitioner", who.get("id"), who.get("inpe"), who.get("name")),
            **({"name": who["name"]} if "name" in who else {}),
            **({"role": [{"text": who["role"]}]} if "role" in who else {}),
            "requestor": True,
            "policy": [f"{RULE}:{entry.rule}"],
            "purposeOfUse": [{"coding": [{"system": _REASON, "code": entry.purpose}]}],
        }
        yield {
            "type": _coded(_PROVIDER),
            "who": _named(
                "Organization",
                who.get("organization_id"),
                who.get("organization"),
                who.get("organization_name"),
            ),
            "requestor": False,
        }
    elif "related" in who:
        yield {
            "type": _coded(pattern.user),
            "who": {"reference": f"RelatedPerson/{who['related']}", "display": who["name"]},
            "name": who["name"],
            "requestor": True,
            "policy": [f"{RULE}:{entry.rule}"],
        }
    else:
        yield {
            "type": _coded(pattern.user),
            "who": {"reference": f"Patient/{who.get('patient') or entry.patient}"},
            "requestor": True,
            "policy": [f"{RULE}:{entry.rule}"],
        }


def _named(kind: str, own: str | None, inpe: str | None, name: str | None) -> dict[str, Any]:
    reference: dict[str, Any] = {"identifier": {"system": "urn:ma:inpe", "value": inpe or ""}}
    if own:
        reference["reference"] = f"{kind}/{own}"
    if name:
        reference["display"] = name
    return reference


def _entities(entry: Entry, pattern: Pattern) -> Iterator[dict[str, Any]]:
    yield {
        "what": {"reference": f"Patient/{entry.patient}"},
        "type": {"system": _ENTITY, "code": "1", "display": "Person"},
        "role": {"system": _ROLE, "code": "1", "display": "Patient"},
    }
    if entry.consent or pattern.decision:
        yield {"type": {"system": _RESOURCE, "code": "Consent"}, "what": _decisive(entry)}
    if pattern.decision:
        return
    if entry.request:
        yield {
            "what": {"identifier": {"value": entry.request}},
            "type": {"system": _BALP, "code": "XrequestId"},
        }
    if entry.query:
        yield {
            "type": _OBJECT if pattern.asks else _OTHER,
            "role": {"system": _ROLE, "code": "24", "display": "Query"},
            "query": _base64(entry.query),
        }
    yield from _data(entry, pattern)
    if entry.disclosed:
        digest = orjson.dumps(entry.disclosed).decode()
        yield {
            "extension": [{"url": _DISCLOSED, "valueString": digest}],
            "type": _OTHER,
            "what": {"display": f"{entry.disclosed['count']} resources"},
        }


def _data(entry: Entry, pattern: Pattern) -> Iterator[dict[str, Any]]:
    """What left or was written; only the first is the pattern's data."""
    for place, name in enumerate(entry.what):
        kind, slash, _ = name.partition("/")
        own = {"system": _RESOURCE, "code": kind}
        yield {
            "what": {"reference": name} if slash else {"display": name},
            "type": _OBJECT if place == 0 and not pattern.asks else own,
            "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
        }


def _decisive(entry: Entry) -> dict[str, Any]:
    """The consent that decided; without one, the policy that the patient chose."""
    if entry.consent:
        return {"reference": f"Consent/{entry.consent}"}
    return {"identifier": {"system": _POLICIES, "value": entry.rule}}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _coding(code: Code) -> dict[str, str]:
    return {"system": code[0], "code": code[1]}


def _coded(code: Code) -> dict[str, Any]:
    return {"coding": [_coding(code)]}
