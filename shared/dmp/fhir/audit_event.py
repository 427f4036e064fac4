"""A journal entry as a FHIR AuditEvent in the patterns of IHE BALP (notes of the profile: 1.1).

The rule that decided is in `extension[url=urn:dmp:rule].valueCode`; a refusal's outcome is not `0`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from dmp.domain.journal import Entry

RULE = "urn:dmp:rule"
REASON = "urn:dmp:reason"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_SUBTYPES = "http://hl7.org/fhir/restful-interaction"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_BALP = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_DISCLOSED = "urn:dmp:disclosed"
_ACTIONS = {
    "read": ("R", "read"), "vread": ("R", "vread"), "history": ("R", "history-instance"),
    "search": ("E", "search-type"), "operation": ("E", "operation"), "create": ("C", "create"),
    "update": ("U", "update"), "delete": ("D", "delete"), "transaction": ("C", "transaction"),
    "consent": ("U", "update"), "activation": ("C", "create"),
}  # fmt: skip
_WRITES = frozenset({"create", "update", "delete", "transaction", "consent", "activation"})
_CUSTODIAN = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SOURCE, _DESTINATION = (_DCM, "110153"), (_DCM, "110152")
# Who reads is the destination of the pattern, who asks or writes its source.
_READS = frozenset({"read", "vread", "history"})
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_NETWORK = {"extension": [{"url": _ABSENT, "valueCode": "not-asked"}]}  # no address is journalled
_OUTCOMES = {"permit": "0", "refuse": "4", "withheld": "8"}


def audit_event(entry: Entry) -> bytes:
    """The AuditEvent, whose id is the entry's."""
    action, subtype = _ACTIONS[entry.action]
    return orjson.dumps(
        {
            "resourceType": "AuditEvent",
            "id": entry.id,
            "meta": {"lastUpdated": entry.at, "versionId": "1"},
            "extension": [{"url": RULE, "valueCode": entry.rule}, *_reason(entry)],
            "type": {"system": _TYPES, "code": "rest", "display": "Restful Operation"},
            "subtype": [{"system": _SUBTYPES, "code": subtype}],
            "action": action,
            "recorded": entry.at,
            "outcome": _OUTCOMES[entry.outcome],
            **({} if entry.outcome == "permit" else {"outcomeDesc": entry.outcome}),
            "purposeOfEvent": [{"coding": [{"system": _REASON, "code": entry.purpose}]}],
            "agent": list(_agents(entry)),
            "source": {"observer": {"display": "DMP"}},
            "entity": list(_entities(entry)),
        }
    )


def _reason(entry: Entry) -> Iterator[dict[str, Any]]:
    """What the person gave as reason: a code, and their own words."""
    parts = []
    if code := entry.reason.get("code"):
        parts.append({"url": "code", "valueCode": code})
    if text := entry.reason.get("text"):
        parts.append({"url": "text", "valueString": text})
    if parts:
        yield {"url": REASON, "extension": parts}


def _agents(entry: Entry) -> Iterator[dict[str, Any]]:
    """Client and server as BALP names them for the direction, then the person."""
    client, server = _SOURCE, _DESTINATION
    if entry.action in _READS:
        client, server = server, client
    elif entry.action == "delete":
        client, server = (_DCM, "110150"), (_CUSTODIAN, "custodian")
    for kind, name in ((client, entry.client), (server, "DMP")):
        if name:
            who = {"display": name}
            yield {"type": _coded(*kind), "who": who, "requestor": False, "network": _NETWORK}
    yield from _people(entry)


def _people(entry: Entry) -> Iterator[dict[str, Any]]:
    """The user, and the organisation acted for."""
    kind = "AUT" if entry.action in _WRITES else "IRCP"
    who = entry.who
    if who["kind"] == "practitioner":
        yield {
            "type": _coded(_PARTICIPATION, kind),
            "who": _named("Practitioner", who.get("id"), who.get("inpe"), who.get("name")),
            **({"name": who["name"]} if "name" in who else {}),
            **({"role": [{"text": who["role"]}]} if "role" in who else {}),
            "requestor": True,
            "purposeOfUse": [{"coding": [{"system": _REASON, "code": entry.purpose}]}],
        }
        yield {
            "type": _coded(_PARTICIPATION, "PROV"),
            "who": _named(
                "Organization",
                who.get("organization_id"),
                who.get("organization"),
                who.get("organization_name"),
            ),
            "requestor": False,
        }
    else:
        yield {
            "type": _coded(_PARTICIPATION, kind),
            "who": {"reference": f"Patient/{entry.patient}"},
            "requestor": True,
        }


def _named(kind: str, own: str | None, inpe: str | None, name: str | None) -> dict[str, Any]:
    reference: dict[str, Any] = {"identifier": {"system": "urn:ma:inpe", "value": inpe or ""}}
    if own:
        reference["reference"] = f"{kind}/{own}"
    if name:
        reference["display"] = name
    return reference


def _entities(entry: Entry) -> Iterator[dict[str, Any]]:
    yield {
        "what": {"reference": f"Patient/{entry.patient}"},
        "type": {"system": _ENTITY, "code": "1", "display": "Person"},
        "role": {"system": _ROLE, "code": "1", "display": "Patient"},
    }
    if entry.request:
        yield {
            "what": {"identifier": {"value": entry.request}},
            "type": {"system": _BALP, "code": "XrequestId"},
        }
    if entry.query:
        yield {
            "type": {"system": _ENTITY, "code": "2", "display": "System Object"},
            "role": {"system": _ROLE, "code": "24", "display": "Query"},
            "query": base64.b64encode(entry.query.encode()).decode(),
        }
    for name in entry.what:
        yield {
            "what": {"reference": name},
            "type": {"system": _ENTITY, "code": "2", "display": "System Object"},
            "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
        }
    if entry.disclosed:
        digest = orjson.dumps(entry.disclosed).decode()
        yield {
            "extension": [{"url": _DISCLOSED, "valueString": digest}],
            "type": {"system": _ENTITY, "code": "2", "display": "System Object"},
            "what": {"display": f"{entry.disclosed['count']} resources"},
        }  # fmt: skip


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
