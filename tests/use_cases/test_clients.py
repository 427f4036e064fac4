"""Registered apps: what operators do to them, at once in force, each act told for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters import jwt
from dmp.adapters.assertions import ALGORITHMS
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.clients import DynamoClients
from dmp.domain.directory import Client
from dmp.use_cases.clients import Clients, client_of
from dmp.use_cases.directory import NotTaken
from tests import oauth
from tests.stack import Stack, stack

OPERATOR = "arn:aws:iam::123456789012:user/laila"
URL = "https://ehr.example.ma/jwks.json"


def usable(jwks: str) -> list[str]:
    return list(jwt.registered_keys(jwks, ALGORITHMS))


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture
def clients(deployed: Stack) -> Clients:
    table = deployed.output("RegistryTable")
    dynamodb = deployed.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"pk": item["pk"]})
    return Clients(DynamoClients(table), usable, SystemClock(), OPERATOR)


def row(**changes: Any) -> dict[str, Any]:
    """A good registration; None takes a member out."""
    good = {
        "client_id": "clinic",
        "name": "Clinic software",
        "organizations": [oauth.CLINIC],
        "prefix": "cli",
        "jwks": oauth.jwks_of(oauth.EC),
        "scopes": "system/*.cruds",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def private(jwk: Any) -> str:
    return json.dumps({"keys": [{**jwk.as_dict(private=True), "kid": "k"}]})


BAD: list[tuple[str, dict[str, Any]]] = [
    *(("client_id", {"client_id": v}) for v in ("a#b", "", "x" * 65, 7)),
    *(("name", {"name": v}) for v in ("", " a", "a" * 201)),
    *(("prefix", {"prefix": v}) for v in ("1ab", "toolong", "Abc", "a-b", "")),
    *(("organizations", {"organizations": v}) for v in (["x"], [], "100000011", [1])),
    *(("scopes", {"scopes": v}) for v in ("system/*.read", "system/*.rs profile", "", "a" * 2000)),
    ("kind", {"kind": "private"}),
    ("kind", {"kind": "public"}),
    ("kind", {"kind": "public", "redirect_uris": ["https://a.example.ma/cb"]}),
    ("jwks", {"jwks": None}),
    ("jwks", {"jwks_uri": URL}),
    *(("jwks", {"jwks": v}) for v in ('{"keys": []}', "", "[]", 7, '{"keys": [1]}')),
    ("jwks", {"jwks": private(oauth.EC)}),
    ("jwks", {"jwks": oauth.jwks_of(oauth.EC, oauth.EC)}),
    *(("jwks_uri", {"jwks": None, "jwks_uri": v}) for v in ("http://a.example.ma/", f"{URL}#a")),
    *(("redirect_uris", {"redirect_uris": v}) for v in (["http://a.example.ma/"], "x", [7])),
]


@pytest.mark.parametrize(("column", "changes"), BAD, ids=range(len(BAD)))
def test_a_fault_is_told_by_its_column(column: str, changes: dict[str, Any]) -> None:
    with pytest.raises(NotTaken) as refused:
        client_of(row(**changes), usable)

    assert column in [fault.column for fault in refused.value.faults]


def test_an_app_registers_keys_by_value_by_url_or_is_public() -> None:
    valued = client_of(row(), usable)
    located = client_of(row(jwks=None, jwks_uri=URL), usable)
    callback = ["https://app.example.ma/cb"]
    public = client_of(row(jwks=None, kind="public", redirect_uris=callback), usable)

    assert usable(valued.jwks) == usable(oauth.jwks_of(oauth.EC))
    assert (located.jwks, located.jwks_uri) == ("", URL)
    assert public.public
    assert public.redirect_uris == tuple(callback)


def test_what_was_registered_is_found_and_told(clients: Clients, deployed: Stack) -> None:
    client = clients.register(row())

    kept = DynamoClients(deployed.output("RegistryTable")).find("clinic")
    assert kept is not None
    assert kept.client == client
    (act,) = clients.acts("clinic")
    assert (act.by, act.what) == (OPERATOR, "register")


@pytest.mark.parametrize("column", ["client_id", "prefix"])
def test_an_id_and_a_prefix_are_given_once_and_never_again(clients: Clients, column: str) -> None:
    clients.register(row())
    clients.remove("clinic")
    again = row(client_id="other") if column == "prefix" else row(prefix="oth")

    with pytest.raises(NotTaken) as refused:
        clients.register(again)

    assert [fault.column for fault in refused.value.faults] == [column]
    assert clients.acts("other") == []


def test_two_keys_verify_until_the_old_one_is_dropped(clients: Clients, deployed: Stack) -> None:
    clients.register(row())
    ((old,), (new,)) = usable(oauth.jwks_of(oauth.EC)), usable(oauth.jwks_of(oauth.RSA))

    both = clients.add_keys("clinic", oauth.jwks_of(oauth.RSA))
    assert list(both) == [old, new]
    assert usable(found(deployed).jwks) == [old, new]
    left = clients.drop_key("clinic", old)
    assert list(left) == usable(found(deployed).jwks) == [new]

    for wrong in (old, new):  # gone already, and the last one
        with pytest.raises(NotTaken):
            clients.drop_key("clinic", wrong)
    with pytest.raises(NotTaken):
        clients.add_keys("clinic", oauth.jwks_of(oauth.RSA))
    assert [act.what for act in clients.acts("clinic")] == ["register", "add-keys", "drop-key"]
    assert [act.about for act in clients.acts("clinic")][1:] == [new, old]


def found(deployed: Stack) -> Client:
    kept = DynamoClients(deployed.output("RegistryTable")).find("clinic")
    assert kept is not None
    return kept.client


def test_an_app_is_suspended_resumed_and_removed(clients: Clients, deployed: Stack) -> None:
    clients.register(row())
    clients.suspend("clinic")
    clients.suspend("clinic")
    assert not found(deployed).active
    clients.resume("clinic")
    assert found(deployed).active

    clients.remove("clinic")

    assert (found(deployed).active, found(deployed).jwks) == (False, "")
    acts = ["register", "suspend", "resume", "remove"]
    assert [act.what for act in clients.acts("clinic")] == acts
    for deed in (clients.resume, clients.suspend, clients.remove):
        with pytest.raises(NotTaken):
            deed("clinic")


def test_amending_keeps_the_prefix_and_a_suspension(clients: Clients, deployed: Stack) -> None:
    clients.register(row())
    clients.suspend("clinic")
    clients.amend(row(scopes="system/Observation.rs"))
    clients.amend(row(scopes="system/Observation.rs"))

    assert (found(deployed).scopes, found(deployed).active) == ("system/Observation.rs", False)
    assert [act.what for act in clients.acts("clinic")] == ["register", "suspend", "amend"]
    with pytest.raises(NotTaken):
        clients.amend(row(prefix="oth"))


def test_of_two_operators_at_once_one_is_refused(clients: Clients, deployed: Stack) -> None:
    class Late(DynamoClients):
        def write(self, *args: Any) -> None:
            clients.suspend("clinic")
            super().write(*args)

    clients.register(row())
    late = Clients(Late(deployed.output("RegistryTable")), usable, SystemClock(), OPERATOR)

    with pytest.raises(NotTaken, match="faults: 1"):
        late.remove("clinic")

    assert [act.what for act in clients.acts("clinic")] == ["register", "suspend"]


def test_a_suspended_app_gets_no_token_and_its_token_no_answer(deployed: Stack) -> None:
    made = Clients(DynamoClients(deployed.output("RegistryTable")), usable, SystemClock(), OPERATOR)
    oauth.registered(deployed.output("RegistryTable"))
    app = deployed.app("tokens", "Tokens")
    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    status, _ = oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))
    assert status == 200

    made.suspend("clinic")

    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    status, body = oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))
    assert (status, body["error"]) == (401, "invalid_client")
    row = app.tokens.directory.rows(["client#clinic"])["client#clinic"]
    assert row == {"active": False}
