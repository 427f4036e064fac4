"""The rules of IHE BALP 1.1 as checks, tried on the profile's own examples.

They are written from the profiles' text, not from what is rendered: cardinalities, fixed codes,
and slices, which BALP tells apart by `type` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
BASE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM = "http://dicom.nema.org/resources/ontology/DCM"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CUSTODIAN = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
REST = "http://terminology.hl7.org/CodeSystem/audit-event-type|rest"
REQUEST = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType|XrequestId"
OBJECT, PERSON = f"{ENTITY}|2", f"{ENTITY}|1"
DATA_ROLES = {f"{OBJECT_ROLE}|{code}" for code in ("3", "4", "20")}
AUTHORS = frozenset(f"{PARTICIPATION}|{code}" for code in ("AUT", "INF", "CST"))
READER = frozenset({f"{PARTICIPATION}|IRCP"})
SOURCE, DESTINATION, APPLICATION = (f"{DCM}|{code}" for code in ("110153", "110152", "110150"))
AUTHSERVER = "http://terminology.hl7.org/CodeSystem/extra-security-role-type|authserver"
PROVIDER = "http://terminology.hl7.org/CodeSystem/v3-RoleClass|PROV"
CONSENT = "http://hl7.org/fhir/resource-types|Consent"
TOKEN = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes|UserOauthAgent"
Check = Callable[[Json], Iterator[str]]


@dataclass(frozen=True)
class Rest:
    """The parts of a REST pattern."""

    action: str
    subtypes: frozenset[str]
    client: str
    server: str
    users: frozenset[str]
    query: bool = False
    patient: bool = False


def code_of(coding: Json | None) -> str:
    return f"{coding.get('system', '')}|{coding['code']}" if coding else ""


def codes_of(concept: Json | None) -> set[str]:
    return {code_of(coding) for coding in (concept or {}).get("coding", ())}


def agents_of(event: Json, *codes: str) -> list[Json]:
    return [a for a in event.get("agent", ()) if codes_of(a.get("type")) & set(codes)]


def entities_of(event: Json, code: str) -> list[Json]:
    return [e for e in event.get("entity", ()) if code_of(e.get("type")) == code]


def rest(event: Json, rule: Rest) -> Iterator[str]:
    yield from _fixed(event, REST, rule.action)
    if not event.get("subtype"):
        yield "subtype 1.."
    if rule.subtypes and not rule.subtypes & {code_of(s) for s in event.get("subtype", ())}:
        yield "subtype of another interaction"
    if event.get("outcome") != "0":
        yield "outcome is success only"
    yield from _machine(event, "client", rule.client)
    yield from _machine(event, "server", rule.server)
    yield from _user(event, rule.users, least=0)
    yield from _request(event)
    yield from (_query(event) if rule.query else _data(event))
    if rule.patient:
        yield from _patient(event)


def _fixed(event: Json, kind: str, action: str) -> Iterator[str]:
    if code_of(event.get("type")) != kind:
        yield f"type is {kind}"
    if event.get("action") != action:
        yield f"action is {action}"
    if "recorded" not in event:
        yield "recorded 1..1"


def _machine(event: Json, name: str, code: str, *, network: bool = True) -> Iterator[str]:
    found = agents_of(event, code)
    if len(found) != 1:
        yield f"agent[{name}] 1..1"
    for agent in found:
        if not agent.get("who"):
            yield f"agent[{name}].who 1..1"
        if network and not agent.get("network"):
            yield f"agent[{name}].network 1..1"
        if "media" in agent:
            yield f"agent[{name}].media 0..0"


def _user(event: Json, codes: frozenset[str], least: int) -> Iterator[str]:
    found = agents_of(event, *codes)
    if not least <= len(found) <= 1:
        yield f"agent[user] {least}..1"
    for agent in found:
        if not agent.get("who"):
            yield "agent[user].who 1..1"
        if agent.get("requestor") is not True:
            yield "agent[user].requestor is true"
        if "network" in agent or "media" in agent:
            yield "agent[user].network and media 0..0"


def _request(event: Json) -> Iterator[str]:
    found = entities_of(event, REQUEST)
    if len(found) > 1:
        yield "entity[transaction] 0..1"
    for entity in found:
        if not entity.get("what", {}).get("identifier", {}).get("value"):
            yield "entity[transaction].what.identifier.value 1..1"


def _data(event: Json) -> Iterator[str]:
    found = entities_of(event, OBJECT)
    if len(found) != 1:
        yield "entity[data] 1..1"
    for entity in found:
        if code_of(entity.get("role")) not in DATA_ROLES:
            yield "entity[data].role of RestObjectRoles"
        if not entity.get("what"):
            yield "entity[data].what 1..1"


def _query(event: Json) -> Iterator[str]:
    found = entities_of(event, OBJECT)
    if len(found) != 1:
        yield "entity[query] 1..1"
    for entity in found:
        if code_of(entity.get("role")) != f"{OBJECT_ROLE}|24":
            yield "entity[query].role is 24"
        if not entity.get("query"):
            yield "entity[query].query 1..1"
        if {"what", "lifecycle", "detail"} & set(entity):
            yield "entity[query].what, lifecycle and detail 0..0"


def _patient(event: Json) -> Iterator[str]:
    found = entities_of(event, PERSON)
    if len(found) != 1:
        yield "entity[patient] 1..1"
    for entity in found:
        if code_of(entity.get("role")) != f"{OBJECT_ROLE}|1":
            yield "entity[patient].role is 1"
        if not str(entity.get("what", {}).get("reference", "")).startswith("Patient/"):
            yield "entity[patient].what is a reference to a Patient"


def _is_observer(event: Json, name: str, agents: Sequence[Json]) -> Iterator[str]:
    if any(agent.get("who") != event.get("source", {}).get("observer") for agent in agents):
        yield f"agent[{name}].who is source.observer"


def disclosure(event: Json) -> Iterator[str]:
    yield from _fixed(event, f"{DCM}|110106", "R")
    told = {code_of(s) for s in event.get("subtype", ())}
    if "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle|disclose" not in told:
        yield "subtype disclose"
    if "outcome" not in event:
        yield "outcome 1..1"
    yield from _machine(event, "source", SOURCE)
    yield from _machine(event, "recipient", DESTINATION)
    yield from _is_observer(event, "source", agents_of(event, SOURCE))
    yield from _patient(event)
    if len(event.get("entity", ())) < 2:
        yield "entity 2..*"


def decision(event: Json) -> Iterator[str]:
    yield from _fixed(event, f"{DCM}|110113", "E")
    own = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType"
    if not {code_of(s) for s in event.get("subtype", ())} & {
        f"{own}|AuthZ-Consent", f"{own}|AuthZ-Role"
    }:  # fmt: skip
        yield "subtype of an authorization"
    yield from _machine(event, "client", APPLICATION)
    yield from _user(event, READER, least=1)
    yield from _machine(event, "userorg", PROVIDER, network=False)
    yield from _machine(event, "authorizer", AUTHSERVER, network=False)
    yield from _is_observer(event, "authorizer", agents_of(event, AUTHSERVER))
    closed = {"role", "altId", "name", "location", "policy", "media"}
    if any(closed & set(a) for a in agents_of(event, PROVIDER, AUTHSERVER)):
        yield "agent[userorg] and agent[authorizer] have who alone"
    if any("network" in a for a in agents_of(event, PROVIDER)):
        yield "agent[userorg].network 0..0"
    yield from _patient(event)
    if not entities_of(event, CONSENT) or any("what" not in e for e in entities_of(event, CONSENT)):
        yield "entity[consent] 1..* with what"
    if any(code_of(e.get("type")) not in (PERSON, CONSENT, TOKEN) for e in event["entity"]):
        yield "entity is closed: patient, consent, token"


def _interactions(*codes: str) -> frozenset[str]:
    return frozenset(f"{INTERACTION}|{code}" for code in codes)


_REST = {
    "Create": Rest("C", _interactions("create"), SOURCE, DESTINATION, AUTHORS),
    "Read": Rest("R", _interactions("read", "vread"), DESTINATION, SOURCE, READER),
    "Update": Rest("U", _interactions("update", "patch"), SOURCE, DESTINATION, AUTHORS),
    "Delete": Rest(
        "D", _interactions("delete"), APPLICATION, f"{CUSTODIAN}|custodian", AUTHORS
    ),
    # its slices of subtype are all optional: operations that ask are told so too
    "Query": Rest("E", frozenset(), SOURCE, DESTINATION, READER, query=True),
}  # fmt: skip


def _checks() -> dict[str, Check]:
    made: dict[str, Check] = {"PrivacyDisclosure.Source": disclosure, "AuthZconsent": decision}
    for name, rule in _REST.items():
        with_patient = Rest(**{**vars(rule), "patient": True})
        made[name] = lambda event, rule=rule: rest(event, rule)  # type: ignore[misc]
        made[f"Patient{name}"] = lambda event, rule=with_patient: rest(event, rule)  # type: ignore[misc]
    return made


CHECKS = _checks()


def profile_of(event: Json) -> str:
    """The pattern that an event claims, without its base; empty for none that is checked."""
    claimed = [p.removeprefix(BASE) for p in event.get("meta", {}).get("profile", ())]
    return next((name for name in claimed if name in CHECKS), "")


def faults(event: Json) -> list[str]:
    """What of the claimed profile's rules the event breaks."""
    return list(CHECKS[profile_of(event)](event))
