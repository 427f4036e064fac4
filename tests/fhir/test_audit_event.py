"""Journal entries as AuditEvents: the parts that IHE BALP requires, for each action."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from dmp.domain.journal import Action, Entry, Outcome
from dmp.fhir.audit_event import RULE, audit_event
from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate

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


@pytest.mark.parametrize("action", get_args(Action))
@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("who", [WHO, BARE, PATIENT], ids=["practitioner", "bare", "patient"])
def test_every_entry_is_a_valid_audit_event(
    action: Action, outcome: Outcome, who: dict[str, str]
) -> None:
    event = rendered(action=action, outcome=outcome, who=who)

    assert validate(event) == []
    assert event["id"] == ENTRY.id
    assert event["type"]["code"] == "rest"
    assert event["recorded"] == ENTRY.at
    assert (event["outcome"] == "0") == (outcome == "permit")
    assert event["extension"] == [{"url": RULE, "valueCode": "consent-permit"}]
    assert [a["requestor"] for a in event["agent"]].count(True) == 1
    assert all("who" in agent for agent in event["agent"])
    assert entities(event)["1"]["what"] == {"reference": f"Patient/{P}"}
    assert entities(event)["XrequestId"]["what"] == {"identifier": {"value": "req-1"}}
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"


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
    assert DESTINATION not in agents(event)
    assert validate(event) == []
