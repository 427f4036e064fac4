"""To open a record further asks for more than to close it; judged by decide() itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dmp.domain.access import Asking, Item, Permit, decide
from dmp.domain.consent import (
    POLICIES,
    Actor,
    CareTeam,
    Data,
    Delegate,
    Effect,
    Member,
    Policy,
    Provision,
    Standing,
)
from dmp.domain.widening import widens

OWNER = "0123456789abcdefghij"
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
AMRANI, BENNIS = Actor("practitioner", "200000001"), Actor("practitioner", "200000002")
CLINIC, PHYSICIANS = Actor("organization", "100000001"), Actor("role", "physician")
ANYONE = Actor("anyone")
ONE, LABELLED = Data(items=("Observation/a",)), Data(labels=("N",))


def permit(*actors: Actor, data: Data = Data(), consent: str = "c", **rest: Any) -> Provision:  # noqa: B008
    return Provision(consent, rest.pop("recorded", DAYS[0]), "permit", actors, data, **rest)


def deny(*actors: Actor, data: Data = Data(), consent: str = "d", **rest: Any) -> Provision:  # noqa: B008
    return Provision(consent, rest.pop("recorded", DAYS[0]), "deny", actors, data, **rest)


def standing(*provisions: Provision, policy: Policy = "deny") -> Standing:
    return Standing(1, policy, provisions, OWNER)


ASIA = Delegate("9" * 20, ("read",))
MORE = replace(ASIA, powers=("read", "write"))
ALL, SEAL = permit(AMRANI), deny(ANYONE, data=ONE)
BLOCK, RANKED = deny(AMRANI), deny(PHYSICIANS, data=LABELLED)
WIDER = [
    ("a first permit", standing(), standing(ALL)),
    ("another practitioner", standing(ALL), standing(permit(AMRANI, BENNIS))),
    ("more data", standing(permit(AMRANI, data=ONE)), standing(ALL)),
    ("other data", standing(permit(AMRANI, data=ONE)), standing(permit(AMRANI, data=LABELLED))),
    ("more purposes", standing(permit(AMRANI, purposes=("TREAT",))), standing(ALL)),
    ("writing too", standing(permit(AMRANI, directions=("read",))), standing(ALL)),
    ("longer", standing(permit(AMRANI, ends=DAYS[1])), standing(permit(AMRANI, ends=DAYS[2]))),
    ("without end", standing(permit(AMRANI, ends=DAYS[1])), standing(ALL)),
    ("earlier", standing(permit(AMRANI, starts=DAYS[1])), standing(ALL)),
    ("a seal off", standing(ALL, SEAL), standing(ALL)),
    ("a seal shorter", standing(ALL, SEAL), standing(ALL, replace(SEAL, ends=DAYS[2]))),
    ("a seal of less", standing(ALL, deny(ANYONE, data=LABELLED)), standing(ALL, SEAL)),
    ("an exception", standing(SEAL), standing(SEAL, permit(AMRANI, consent="d", nested=True))),
    ("a block off", standing(ALL, BLOCK), standing(ALL)),
    ("a block lifted", standing(ALL, BLOCK), standing(replace(ALL, recorded=DAYS[1]), BLOCK)),
    ("past a deny", standing(ALL, RANKED), standing(permit(AMRANI, data=ONE), RANKED)),
    ("a more open policy", standing(), standing(policy="basic-normal")),
    ("break-glass by policy", standing(), standing(policy="break-glass-only")),
    ("a lasting consent for a grant", standing(permit(AMRANI, grant="request")), standing(ALL)),
    ("another owner", standing(), replace(standing(), owner="other")),
    ("a delegate", standing(), replace(standing(), delegates=(ASIA,))),
    ("more powers", replace(standing(), delegates=(ASIA,)), replace(standing(), delegates=(MORE,))),
]
NO_WIDER = [
    ("nothing changed", standing(ALL, SEAL), standing(ALL, SEAL)),
    ("revoked", standing(ALL), standing()),
    ("a seal", standing(ALL), standing(ALL, SEAL)),
    ("a block", standing(ALL), standing(ALL, BLOCK)),
    ("shorter", standing(ALL), standing(permit(AMRANI, ends=DAYS[1], recorded=DAYS[1]))),
    ("fewer", standing(permit(AMRANI, BENNIS)), standing(ALL)),
    ("reading alone", standing(ALL), standing(permit(AMRANI, directions=("read",)))),
    ("less data", standing(ALL), standing(permit(AMRANI, data=ONE))),
    ("less data under a seal", standing(ALL, SEAL), standing(permit(AMRANI, data=LABELLED), SEAL)),
    ("sealed longer", standing(replace(SEAL, ends=DAYS[1])), standing(SEAL)),
    ("an exception off", standing(SEAL, permit(AMRANI, consent="d", nested=True)), standing(SEAL)),
    ("the same in another consent", standing(ALL), standing(replace(ALL, consent="e"))),
    ("a delegate less", replace(standing(), delegates=(ASIA,)), standing()),
    ("a closer policy", standing(policy="all-normal"), standing(policy="deny")),
    ("said again", standing(ALL, SEAL), standing(replace(ALL, recorded=DAYS[1]), SEAL)),
    (
        "an organisation's, said again beside a block",
        standing(permit(CLINIC), BLOCK),
        standing(permit(CLINIC, recorded=DAYS[1]), BLOCK),
    ),
]


@pytest.mark.parametrize(("name", "old", "new"), WIDER, ids=[c[0] for c in WIDER])
def test_what_opens_the_record_further_widens(name: str, old: Standing, new: Standing) -> None:
    assert widens(old, new), name


@pytest.mark.parametrize(("name", "old", "new"), NO_WIDER, ids=[c[0] for c in NO_WIDER])
def test_what_closes_it_does_not(name: str, old: Standing, new: Standing) -> None:
    assert not widens(old, new), name


actors = st.sampled_from([AMRANI, BENNIS, CLINIC, PHYSICIANS, ANYONE])
data = st.builds(
    Data,
    items=st.sampled_from([(), (), ("Observation/a",), ("Observation/a", "Observation/b")]),
    authors=st.sampled_from([(), (), ("100000001",)]),
    labels=st.sampled_from([(), (), ("N",), ("N", "R")]),
)
provisions = st.builds(
    Provision,
    consent=st.sampled_from(["c", "d"]),
    recorded=st.sampled_from(DAYS),
    effect=st.sampled_from(["permit", "deny"]),
    actors=st.lists(actors, min_size=1, max_size=2, unique=True).map(tuple),
    data=data,
    purposes=st.sampled_from([(), (), ("TREAT",), ("TREAT", "ETREAT")]),
    directions=st.sampled_from([(), (), ("read",), ("write",)]),
    starts=st.sampled_from(["", "", DAYS[1]]),
    ends=st.sampled_from(["", "", DAYS[2]]),
    nested=st.sampled_from([False, False, True]),
)
policies = st.sampled_from(POLICIES)
standings = st.builds(
    Standing,
    version=st.just(1),
    policy=policies,
    provisions=st.lists(provisions, max_size=4).map(tuple),
    owner=st.just(OWNER),
)
askings = st.builds(
    Asking,
    direction=st.sampled_from(["read", "write"]),
    purpose=st.sampled_from(["TREAT", "ETREAT", "HRESCH"]),
    now=st.sampled_from(["2026-01-01T12:00:00.000Z", "2026-01-02T12:00:00.000Z"]),
    practitioner=st.sampled_from(["200000001", "200000002"]).map(lambda x: frozenset({x})),
    organization=st.sampled_from(["100000001", "100000002"]).map(lambda x: frozenset({x})),
    role=st.sampled_from(["physician", "nurse"]),
)
items = st.builds(
    Item,
    type=st.just("Observation"),
    id=st.sampled_from(["a", "b", "c"]),
    author=st.sampled_from(["100000001", "100000002"]),
    labels=st.sampled_from([(), ("N",), ("R",)]),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[Standing, Standing]:
    """A standing, and one made of it by dropping, changing and adding provisions."""
    old = draw(standings)
    kept = []
    for provision in old.provisions:
        match draw(st.sampled_from(["keep", "keep", "drop", "change"])):
            case "keep":
                kept.append(provision)
            case "change":
                name = draw(st.sampled_from(["actors", "data", "purposes", "directions",
                                             "starts", "ends", "recorded", "nested"]))  # fmt: skip
                kept.append(replace(provision, **{name: getattr(draw(provisions), name)}))
    added = draw(st.lists(provisions, max_size=1))
    policy = draw(st.one_of(st.just(old.policy), policies))
    return old, Standing(2, policy, (*kept, *added), OWNER)


@given(changes(), st.lists(st.tuples(askings, items), min_size=20, max_size=40))
def test_nobody_gains_by_what_does_not_widen(
    change: tuple[Standing, Standing], asked: list[tuple[Asking, Item]]
) -> None:
    old, new = change
    assume(not widens(old, new))

    for asking, item in asked:
        if isinstance(decide(asking, new, item), Permit):
            assert isinstance(decide(asking, old, item), Permit), (asking, item)


@given(standings)
def test_taking_consents_back_never_widens_unless_they_denied(old: Standing) -> None:
    permits = [p for p in old.provisions if p.effect == "permit"]
    for one in permits:
        rest = tuple(p for p in old.provisions if p is not one)
        assert not widens(old, replace(old, provisions=rest))


def test_a_care_team_widens_when_somebody_joins_or_escapes_a_deny() -> None:
    def held(effect: Effect, *people: str) -> Standing:
        members = tuple(Member((Actor("practitioner", name),)) for name in people)
        provision = Provision("c", "1", effect, (Actor("care-team", "t"),))
        return Standing(1, "deny", (provision,), "p", teams=(CareTeam("t", members),))

    assert not widens(held("permit", "a", "b"), held("permit", "b"))
    assert not widens(held("permit", "a"), replace(held("permit"), provisions=(), teams=()))
    assert widens(held("permit", "a"), held("permit", "a", "b"))
    assert widens(replace(held("permit"), provisions=(), teams=()), held("permit", "a"))
    assert widens(held("deny", "a", "b"), held("deny", "b"))
    assert not widens(held("deny", "a"), held("deny", "a"))
