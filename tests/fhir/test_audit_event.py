"""Journal entries as AuditEvents: the patterns of IHE BALP, for each action, outcome and actor.

The profile's rules (tests.fhir.balp) are tried on the profile's own examples first, and broken one
by one, so that what they say of ours counts.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from dmp.domain.journal import Action, Entry, Outcome
from dmp.fhir.audit_event import RULE, audit_event
from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate
from tests.fhir import balp, examples

P = "0123456789abcdefghij"
WHO = {
    "kind": "practitioner", "inpe": "200000001", "id": "p1", "name": "Dr Salma Amrani",
    "role": "physician", "organization": "100000001", "organization_id": "o1",
    "organization_name": "Clinique Atlas",
}  # fmt: skip
BARE = {"kind": "practitioner", "inpe": "200000001", "organization": "100000001"}
PATIENT = {"kind": "patient", "patient": P}
ENTRY = Entry(
    f"{P}.0123456789abcdef", "2026-11-22T10:00:00.000Z", "read", "permit", "consent-permit", WHO,
    "TREAT", "00", "req-1", "app", "Observation/a", ("Observation/a/_history/1",),
)  # fmt: skip
SOURCE, DESTINATION, APPLICATION = "110153", "110152", "110150"


def rendered(**changes: Any) -> dict[str, Any]:
    return read_object(audit_event(replace(ENTRY, **changes)))


def agents(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {agent["type"]["coding"][0]["code"]: agent for agent in event["agent"]}


def entities(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {e.get("role", e["type"])["code"]: e for e in event["entity"]}


OWN = [
    path
    for path in examples.files("ihe-balp")
    if path.stem.startswith("AuditEvent") and balp.profile_of(examples.resource(path))
]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_the_profiles_own_examples_pass_the_checks(path: Path) -> None:
    assert balp.faults(examples.resource(path)) == []


def test_every_pattern_has_an_example_but_the_decision() -> None:
    claimed = {balp.profile_of(examples.resource(path)) for path in OWN}

    assert {name.removeprefix("Patient") for name in claimed} == {
        "Create", "Read", "Update", "Delete", "Query", "PrivacyDisclosure.Source",
    }  # fmt: skip
    assert len(OWN) >= 15


def broken(event: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> list[str]:
    made = copy.deepcopy(event)
    change(made)
    return balp.faults(made)


@pytest.mark.parametrize(
    "action", ["create", "read", "vread", "update", "delete", "search", "operation", "export"]
)
def test_each_rule_of_a_pattern_is_seen_when_it_is_broken(action: Action) -> None:
    event = rendered(action=action)
    assert balp.faults(event) == []

    assert broken(event, lambda e: e.update(action="X"))
    assert broken(event, lambda e: e["type"].update(code="x"))
    assert broken(event, lambda e: e.pop("recorded"))
    assert broken(event, lambda e: e.pop("subtype"))
    assert broken(event, lambda e: e.pop("outcome"))
    for at in (0, 1):
        assert broken(event, lambda e, at=at: e["agent"][at].pop("who"))
        assert broken(event, lambda e, at=at: e["agent"][at].pop("network"))
        assert broken(event, lambda e, at=at: e["agent"].append(e["agent"][at]))
        assert broken(event, lambda e, at=at: e["agent"].pop(at))
    for at in [i for i, e in enumerate(event["entity"]) if e["type"]["code"] in ("1", "2")]:
        if action == "export" and at:
            continue
        assert broken(event, lambda e, at=at: e["entity"].pop(at))
        assert broken(event, lambda e, at=at: e["entity"].append(e["entity"][at]))
        assert broken(event, lambda e, at=at: e["entity"][at]["role"].update(code="9"))


def test_each_rule_of_a_decision_is_seen_when_it_is_broken() -> None:
    event = rendered(outcome="refuse", rule="block", consent="c1")
    assert balp.faults(event) == []

    for at in range(4):
        assert broken(event, lambda e, at=at: e["agent"].pop(at))
        assert broken(event, lambda e, at=at: e["agent"][at].pop("who"))
    for at in range(2):
        assert broken(event, lambda e, at=at: e["entity"].pop(at))
        assert broken(event, lambda e, at=at: e["entity"][at].pop("what"))
    other = {"type": {"system": balp.ENTITY, "code": "2"}}
    assert broken(event, lambda e: e["entity"].append(other))


@pytest.mark.parametrize("action", get_args(Action))
@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("rule", ["consent-permit", "block", "policy-deny", "not-found"])
@pytest.mark.parametrize("who", [WHO, BARE, PATIENT], ids=["practitioner", "bare", "patient"])
def test_every_entry_is_a_valid_audit_event_of_its_pattern(
    action: Action, outcome: Outcome, rule: str, who: dict[str, str]
) -> None:
    for changes in ({}, {"query": ""}, {"what": ()}, {"what": ENTRY.what * 3, "consent": "c1"}):
        event = rendered(action=action, outcome=outcome, rule=rule, who=who, **changes)

        assert validate(event) == []
        assert not balp.profile_of(event) or balp.faults(event) == []
        assert event["id"] == ENTRY.id
        assert event["recorded"] == ENTRY.at
        assert (event["outcome"] == "0") == (outcome == "permit")
        assert event["extension"][0] == {"url": RULE, "valueCode": rule}
        assert [a["requestor"] for a in event["agent"]].count(True) == 1
        assert all("who" in agent for agent in event["agent"])
        assert entities(event)["1"]["what"] == {"reference": f"Patient/{P}"}
        assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"


@pytest.mark.parametrize(
    ("action", "profile"),
    [
        ("create", "PatientCreate"), ("read", "PatientRead"), ("vread", "PatientRead"),
        ("update", "PatientUpdate"), ("delete", "PatientDelete"), ("search", "PatientQuery"),
        ("operation", "PatientQuery"), ("consent", "PatientCreate"),
        ("activation", "PatientCreate"), ("preferences", "PatientUpdate"),
        ("contact", "PatientUpdate"), ("credentials", "PatientUpdate"),
        ("export", "PrivacyDisclosure.Source"),
        ("history", ""), ("transaction", ""), ("sign-in", ""), ("authorization", ""),
    ],
)  # fmt: skip
def test_what_succeeded_claims_the_profile_of_its_action(action: Action, profile: str) -> None:
    assert balp.profile_of(rendered(action=action)) == profile
    assert balp.profile_of(rendered(action=action, outcome="withheld")) == ""


def test_a_refusal_by_consent_is_a_decision_with_what_decided() -> None:
    event = rendered(outcome="refuse", rule="seal", consent="c1")
    by_policy = rendered(outcome="refuse", rule="policy-deny")

    assert balp.profile_of(event) == balp.profile_of(by_policy) == "AuthZconsent"
    (consent,) = balp.entities_of(event, balp.CONSENT)
    (policy,) = balp.entities_of(by_policy, balp.CONSENT)
    assert consent["what"] == {"reference": "Consent/c1"}
    assert policy["what"]["identifier"]["value"] == "policy-deny"
    assert event["outcomeDesc"] == "refuse: seal"
    told = {x["url"]: x for x in event["extension"]}
    assert told["urn:dmp:request"]["valueString"] == "req-1"
    assert base64.b64decode(told["urn:dmp:query"]["valueBase64Binary"]) == b"Observation/a"


def test_a_permit_names_its_consent() -> None:
    (consent,) = balp.entities_of(rendered(consent="c1"), balp.CONSENT)

    assert consent["what"] == {"reference": "Consent/c1"}


@pytest.mark.parametrize(
    ("action", "code", "subtype", "client", "server", "user"),
    [
        ("create", "C", "create", SOURCE, DESTINATION, "AUT"),
        ("read", "R", "read", DESTINATION, SOURCE, "IRCP"),
        ("vread", "R", "vread", DESTINATION, SOURCE, "IRCP"),
        ("update", "U", "update", SOURCE, DESTINATION, "AUT"),
        ("delete", "D", "delete", APPLICATION, "custodian", "AUT"),
        ("search", "E", "search-type", SOURCE, DESTINATION, "IRCP"),
        ("transaction", "C", "transaction", SOURCE, DESTINATION, "AUT"),
        ("operation", "E", "operation", SOURCE, DESTINATION, "IRCP"),
        ("sign-in", "E", "110122", APPLICATION, "authserver", "IRCP"),
        ("authorization", "E", "ITI-71", APPLICATION, "authserver", "IRCP"),
    ],
)
def test_action_subtype_and_agents_are_those_of_the_balp_pattern(
    action: Action, code: str, subtype: str, client: str, server: str, user: str
) -> None:
    event = rendered(action=action)

    assert (event["action"], event["subtype"][0]["code"]) == (code, subtype)
    named = agents(event)
    assert set(named) == {client, server, user, "PROV"}
    assert named[client]["who"] == {"display": "app"}
    assert named[server]["who"] == {"display": "DMP"}
    assert "network" in named[client]
    assert "network" in named[server]
    assert named[user]["requestor"] is True
    assert "network" not in named[user]


def test_the_user_is_named_with_role_purpose_and_organisation() -> None:
    named = agents(rendered())

    inpe = {"system": "urn:ma:inpe", "value": "200000001"}
    assert named["IRCP"]["who"] == {
        "identifier": inpe, "reference": "Practitioner/p1", "display": "Dr Salma Amrani",
    }  # fmt: skip
    assert named["IRCP"]["name"] == "Dr Salma Amrani"
    assert named["IRCP"]["role"] == [{"text": "physician"}]
    assert named["IRCP"]["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert named["PROV"]["who"]["reference"] == "Organization/o1"


def test_the_patient_acts_as_patient() -> None:
    assert agents(rendered(who=PATIENT))["IRCP"]["who"] == {"reference": f"Patient/{P}"}


def test_the_query_is_told_as_it_came() -> None:
    query = entities(rendered(action="search", query="Observation?code=2339-0&é"))["24"]

    assert base64.b64decode(query["query"]).decode() == "Observation?code=2339-0&é"
    assert "what" not in query


def test_what_left_is_named() -> None:
    whats = ("Observation/a/_history/1", "Observation/b/_history/3")
    event = rendered(what=whats)

    told = [e["what"]["reference"] for e in event["entity"] if e.get("role", {}).get("code") == "4"]
    assert told == list(whats)


def test_beyond_twenty_the_digest_is_told() -> None:
    digest = {"count": 623, "newest": "0123456789abcdef", "policy": 3, "sha256": "ab" * 32}
    event = rendered(disclosed=digest)

    (told,) = [e for e in event["entity"] if "extension" in e]
    assert json.loads(told["extension"][0]["valueString"]) == digest
    assert validate(event) == []


def test_without_query_request_or_client_they_are_left_out() -> None:
    event = rendered(query="", request="", client="")

    assert "24" not in entities(event)
    assert "XrequestId" not in entities(event)
    assert agents(event)[DESTINATION]["who"] == {"display": "DMP"}
    assert validate(event) == []
