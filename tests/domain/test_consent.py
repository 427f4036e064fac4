"""What is in force survives its sealing unchanged, and each change makes the next version."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.consent import Actor, Data, Delegate, Provision, Standing, standing_of

texts = st.text(max_size=8)
names = st.lists(texts, max_size=2).map(tuple)
provisions = st.builds(
    Provision,
    consent=texts,
    recorded=texts,
    effect=st.sampled_from(["permit", "deny"]),
    actors=st.lists(
        st.builds(Actor, st.sampled_from(["practitioner", "organization", "anyone"]), texts),
        max_size=2,
    ).map(tuple),
    data=st.builds(Data, names, names, names, names, names, st.tuples(texts, texts)),
    purposes=names,
    directions=st.sampled_from([(), ("read",), ("read", "write")]),
    starts=texts,
    ends=texts,
    nested=st.booleans(),
    grant=st.sampled_from(["", "request", "break-glass"]),
)
standings = st.builds(
    Standing,
    version=st.integers(1, 2**31),
    policy=st.sampled_from(["deny", "basic-normal", "all-normal", "break-glass-only"]),
    provisions=st.lists(provisions, max_size=3).map(tuple),
    owner=texts,
)


@given(standings)
def test_a_standing_comes_back_as_it_was_sealed(standing: Standing) -> None:
    assert standing_of(standing.to_bytes()) == standing


@given(standings, provisions)
def test_a_changed_consent_replaces_its_own_provisions_alone(
    standing: Standing, new: Provision
) -> None:
    after = standing.with_consent(new.consent, [new])

    assert after.version == standing.version + 1
    assert [p for p in after.provisions if p.consent == new.consent] == [new]
    others = [p for p in standing.provisions if p.consent != new.consent]
    assert [p for p in after.provisions if p.consent != new.consent] == others


def test_a_revoked_consent_leaves_nothing_behind() -> None:
    held = Standing(3, "deny", (Provision("c", "2026", "permit", (Actor("anyone"),)),), "p")

    assert held.with_consent("c", ()) == Standing(4, "deny", (), "p")


def test_another_policy_is_another_version() -> None:
    assert Standing(3, "deny", (), "p").with_policy("all-normal") == Standing(
        4, "all-normal", (), "p"
    )


def _without(name: str) -> bytes:
    members = json.loads(Standing(1, "all-normal", (), "p").to_bytes())
    del members[name]
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"{", b"[]", b"null", _without("provisions"), _without("policy"), _without("version")],
)
def test_an_unreadable_standing_permits_nothing(plaintext: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        standing_of(plaintext)


DELEGATE = json.loads(Standing(1, "deny", (), "p", (Delegate("d", ("read",)),)).to_bytes())[
    "delegates"
][0]
PROVISION = json.loads(Standing(1, "deny", (Provision("c", "1", "permit", ()),), "p").to_bytes())[
    "provisions"
][0]
DATA = PROVISION["data"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"later": []}, "not known"),
        ({"provisions": [{"consent": "c", "recorded": "1", "effect": "permit"}]}, "is missing"),
        ({"provisions": [None]}, "not known"),
        ({"provisions": {}}, "a list"),
        ({"policy": "all"}, "another kind"),
        ({"policy": ["deny"]}, "another kind"),
        ({"version": "1"}, "another kind"),
        ({"version": True}, "another kind"),
        ({"delegates": [{"person": "p", "powers": ["everything"]}]}, "is missing"),
        ({"delegates": [{**DELEGATE, "powers": ["everything"]}]}, "another kind"),
        ({"delegates": [{**DELEGATE, "kind": "friend"}]}, "another kind"),
        ({"owner": None}, "another kind"),
        ({"provisions": [{**PROVISION, "data": {**DATA, "period": ["2026"]}}]}, "zip"),
        ({"provisions": [{**PROVISION, "data": {**DATA, "period": ["1", "2", "3"]}}]}, "zip"),
        ({"provisions": [{**PROVISION, "data": {**DATA, "period": ["2026", 1]}}]}, "another kind"),
    ],
)
def test_what_an_older_reader_does_not_know_permits_nothing(
    change: dict[str, object], why: str
) -> None:
    members = {**json.loads(Standing(1, "all-normal", (), "p").to_bytes()), **change}

    with pytest.raises(ValueError, match=why):
        standing_of(json.dumps(members).encode())


def test_a_standing_of_the_first_version_is_still_read() -> None:
    plaintext = b"""{"version":3,"policy":"deny","provisions":[{"consent":"c","recorded":"r",
        "effect":"permit","actors":[{"kind":"practitioner","value":"200000001"}],
        "data":{"items":[],"related":[],"authors":[],"types":[],"labels":["N"],
        "period":["2026",""]},"purposes":["TREAT"],"directions":["read"],"starts":"","ends":"",
        "nested":false,"grant":""}],"owner":"p"}"""
    provision = Provision(
        "c", "r", "permit", (Actor("practitioner", "200000001"),),
        Data(labels=("N",), period=("2026", "")), ("TREAT",), ("read",),
    )  # fmt: skip

    assert standing_of(plaintext) == Standing(3, "deny", (provision,), "p")
    assert b"delegates" not in standing_of(plaintext).to_bytes()


def test_what_is_sealed_is_as_short_as_json_can_be() -> None:
    assert b'"version":1,"policy":"deny","provisions":[]' in Standing(1, "deny").to_bytes()
