"""Loading the directory: all of it, or every fault by its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dmp.adapters import jwt
from dmp.adapters.assertions import ALGORITHMS
from dmp.domain.directory import Client, Role
from dmp.domain.refusals import Invalid
from dmp.use_cases.directory import entries_of
from tests import oauth


def usable(jwks: str) -> int:
    return len(jwt.registered_keys(jwks, ALGORITHMS))


def rows(**changes: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Good rows; `changes` by kind go into the first row, None takes a member out."""
    good: dict[str, dict[str, Any]] = {
        "organizations": {"inpe": oauth.CLINIC, "id": "org-1", "name": "Clinique Al Amal"},
        "practitioners": {
            "inpe": oauth.PHYSICIAN,
            "id": "prac-1",
            "family": "Bennani",
            "given": ["Salma"],
            "name": "Dr Salma Bennani",
        },
        "roles": {
            "practitioner": oauth.PHYSICIAN,
            "organization": oauth.CLINIC,
            "role": "physician",
            "starts": "2020-01-01",
        },
        "clients": {
            "client_id": "clinic",
            "name": "Clinic software",
            "organizations": [oauth.CLINIC],
            "prefix": "cli",
            "jwks": oauth.jwks_of(oauth.EC),
            "scopes": "system/*.cruds",
        },
    }
    merged = {kind: {**row, **changes.get(kind, {})} for kind, row in good.items()}
    return {
        kind: [{name: value for name, value in row.items() if value is not None}]
        for kind, row in merged.items()
    }


def test_good_rows_become_entries_with_the_names_of_each_other() -> None:
    entries = entries_of(rows(roles={"ends": "2030-12-31"}), usable)

    (role,) = (entry for entry in entries if isinstance(entry, Role))
    assert role == oauth.role_of(
        practitioner_id="prac-1", organization_id="org-1", ends="2030-12-31"
    )
    (client,) = (entry for entry in entries if isinstance(entry, Client))
    assert client == oauth.client_of(jwks=oauth.jwks_of(oauth.EC))
    assert len(entries) == 4


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"organizations": {"inpe": "12345678"}}, "organizations[0].inpe"),
        ({"organizations": {"name": None}}, "organizations[0].name"),
        ({"organizations": {"name": "é" * 101}}, "organizations[0].name"),
        ({"organizations": {"id": "a/b"}}, "organizations[0].id"),
        ({"organizations": {"active": "yes"}}, "organizations[0].active"),
        ({"practitioners": {"given": []}}, "practitioners[0].given"),
        ({"practitioners": {"given": "Salma"}}, "practitioners[0].given"),
        ({"practitioners": {"name": " x"}}, "practitioners[0].name"),
        ({"roles": {"practitioner": oauth.SURGEON}}, "roles[0].practitioner"),
        ({"roles": {"organization": oauth.HOSPITAL}}, "roles[0].organization"),
        ({"roles": {"role": "x" * 65}}, "roles[0].role"),
        ({"roles": {"starts": 2020}}, "roles[0].starts"),
        ({"clients": {"scopes": "system/*.rs " * 200}}, "clients[0].scopes"),
        ({"roles": {"starts": "2020-1-1"}}, "roles[0].starts"),
        ({"roles": {"starts": "2021-02-29"}}, "roles[0].starts"),
        ({"roles": {"ends": "never"}}, "roles[0].ends"),
        ({"clients": {"client_id": "a#b"}}, "clients[0].client_id"),
        ({"clients": {"prefix": "1ab"}}, "clients[0].prefix"),
        ({"clients": {"prefix": "toolong"}}, "clients[0].prefix"),
        ({"clients": {"scopes": "system/*.read"}}, "clients[0].scopes"),
        ({"clients": {"scopes": "system/*.rs profile"}}, "clients[0].scopes"),
        ({"clients": {"scopes": ""}}, "clients[0].scopes"),
        ({"clients": {"organizations": ["x"]}}, "clients[0].organizations"),
        ({"clients": {"jwks": json.dumps({"keys": []})}}, "clients[0]"),
        ({"clients": {"jwks": 7}}, "clients[0].jwks"),
        ({"clients": {"jwks": None}}, "clients[0].jwks"),
        ({"clients": {"jwks_uri": "https://ehr.example.ma/jwks.json"}}, "clients[0].jwks"),
        ({"clients": {"jwks": None, "jwks_uri": "http://ehr.example.ma/"}}, "clients[0].jwks_uri"),
    ],
    ids=str,
)
def test_a_fault_is_named_by_its_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        entries_of(rows(**changes), usable)

    assert place in [issue.expression for issue in refused.value.issues]


def test_keys_may_be_registered_by_their_url() -> None:
    url = "https://ehr.example.ma/jwks.json"
    entries = entries_of(rows(clients={"jwks": None, "jwks_uri": url}), usable)

    (client,) = (entry for entry in entries if isinstance(entry, Client))
    assert (client.jwks, client.jwks_uri) == ("", url)


def test_every_fault_is_named_at_once() -> None:
    bad = rows(organizations={"name": None}, clients={"prefix": "X"})

    with pytest.raises(Invalid) as refused:
        entries_of(bad, usable)

    assert len(refused.value.issues) == 2


@pytest.mark.parametrize("kind", ["organizations", "practitioners", "clients"])
def test_a_row_that_comes_twice_is_refused(kind: str) -> None:
    twice = rows()
    twice[kind] *= 2

    with pytest.raises(Invalid, match="rule") as refused:
        entries_of(twice, usable)

    assert {issue.text for issue in refused.value.issues} == {"occurs twice"}


def test_nothing_to_load_is_nothing_loaded() -> None:
    assert entries_of({}, usable) == ()
