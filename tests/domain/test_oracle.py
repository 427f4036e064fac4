"""decide() against the oracle: every cell of a small world, and drawn cells of a large one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.access import Asking, Item, Permit, decide, may_enter
from dmp.domain.consent import (
    POLICIES,
    POWERS,
    Actor,
    CareTeam,
    Data,
    Delegate,
    Direction,
    Member,
    Policy,
    Provision,
    Standing,
)
from tests.domain.oracle import answer

OWNER, HEIR = "0" * 20, "1" * 20
NOW = "2026-11-22T10:00:00.000Z"
BEFORE, AFTER = "2026-11-22T09:59:59.999Z", "2026-11-22T10:00:00.001Z"
ME, OTHER = Actor("practitioner", "200000001"), Actor("practitioner", "200000002")
MINE, THEIRS = Actor("organization", "100000001"), Actor("organization", "100000002")
NURSES, TEAM = Actor("role", "nurse"), Actor("care-team", "t")
HERS, ANYONE = Actor("related-person", "r1"), Actor("anyone")
ITEM, LABEL = Data(items=("Observation/a",)), Data(labels=("HIV",))
TEAMS = (CareTeam("t", (Member((OTHER,)), Member((ME, MINE), ends=AFTER), Member(()))),)
DELEGATES = (
    Delegate(HEIR, ("read", "consent"), ends=AFTER, related="r1"),
    Delegate(HEIR, POWERS, starts=AFTER, kind="guardian", related="r2"),
)
POOL = (
    Provision("a", "1", "permit", (ME,)),
    Provision("b", "1", "permit", (MINE,), directions=("read",), ends=AFTER),
    Provision("c", "1", "permit", (ANYONE,), Data(labels=("N",)), purposes=("TREAT",)),
    Provision("d", "3", "permit", (ME, MINE), grant="request", starts=NOW),
    Provision("e", "3", "permit", (ME, MINE), purposes=("BTG",), grant="break-glass"),
    Provision("f", "1", "permit", (TEAM,), Data(types=("Observation",))),
    Provision("g", "1", "permit", (NURSES,), Data(related=("Encounter/e",))),
    Provision("h", "2", "deny", (ME,), purposes=("TREAT",)),
    Provision("i", "2", "deny", (MINE,)),
    Provision("i", "2", "permit", (ME,), nested=True),
    Provision("j", "1", "deny", (ANYONE,), ITEM),
    Provision("j", "1", "permit", (ME, HERS), ITEM, nested=True),
    Provision("k", "1", "deny", (ANYONE,), LABEL, purposes=("TREAT", "BTG")),
    Provision("l", "1", "deny", (ANYONE,), purposes=("BTG",)),
    Provision("m", "1", "deny", (ANYONE,), Data(period=("2026-11", ""))),
    Provision("n", "1", "deny", (HERS,), Data(authors=("100000001",))),
)
PEOPLE = (
    Asking(
        "read", "TREAT", NOW, None, frozenset({"200000001"}), frozenset({"100000001"}), "physician"
    ),
    Asking("read", "TREAT", NOW, None, frozenset({"200000002"}), frozenset({"100000002"}), "nurse"),
)
SESSIONS = [
    Asking("read", "PATRQT", NOW, p, strong=s) for p in (OWNER, HEIR) for s in (True, False)
]
ASKINGS = [
    replace(one, purpose=purpose, direction=direction, now=now)
    for one, purpose, direction, now in product(
        PEOPLE, ("TREAT", "HRESCH", "BTG"), ("read", "write"), (NOW, AFTER)
    )
] + [replace(one, direction=d, now=n) for one in SESSIONS for d in ("read", "write")
     for n in (NOW, AFTER)]  # fmt: skip
ITEMS = (
    Item("Observation", "a", "100000001", "Encounter/e", "2026-11-20"),
    Item("Condition", "b", "patient", "", "", ("HIV", "N"), ("Observation/a", "Patient/p")),
    Item("Observation", "c", "100000002", "", "2026", ("N",)),
    Item("Consent", "d", "patient", related=("Observation/a",)),
)
WORLDS: tuple[Policy, ...] = ("deny", "all-normal")
CELLS = 223_040


def agrees(asking: Asking, standing: Standing, item: Item) -> bool:
    decision = decide(asking, standing, item)
    told = "permit" if isinstance(decision, Permit) else "refuse"
    assert (told, decision.rule) == answer(asking, standing, item), (asking, standing, item)
    if told == "permit":
        assert isinstance(may_enter(asking, standing), Permit), (asking, standing, item)
    return True


def test_every_cell_of_a_small_world() -> None:
    seen = 0
    chosen = (c for size in range(4) for c in combinations(POOL, size))
    for provisions, policy in product(chosen, WORLDS):
        standing = Standing(1, policy, provisions, OWNER, DELEGATES, TEAMS)
        seen += sum(agrees(a, standing, i) for a in ASKINGS for i in ITEMS)

    assert seen == CELLS


names = st.sampled_from([ME, OTHER, MINE, THEIRS, NURSES, TEAM, HERS, ANYONE])
some = st.lists(names, min_size=1, max_size=3).map(tuple)
labels = st.lists(
    st.sampled_from(["N", "R", "V", "M", "HIV", "STD", "ETH", "SUD", "ETHUD", "PSY", "MH", "x"]),
    max_size=2,
).map(tuple)
dates = st.sampled_from(["", "2025", "2026", "2026-11", "2026-11-20", "2026-11-20T09:00:00+01:00"])
periods = st.sampled_from(
    [("", ""), ("2026", ""), ("", "2025"), ("2026-11-20", "2026-11-20"), ("2026-11", "2026-11")]
)


def few(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.just(()) | st.lists(st.sampled_from(values), min_size=1, max_size=2).map(tuple)


datas = st.just(Data()) | st.builds(
    Data,
    items=few("Observation/a", "Condition/b"),
    related=few("Encounter/e", "Encounter/f"),
    authors=few("100000001", "Practitioner/p", "patient"),
    types=few("Observation", "Consent"),
    labels=labels,
    period=periods,
)
instants = st.sampled_from(["", BEFORE, NOW, AFTER])
provisions = st.builds(
    Provision,
    consent=st.sampled_from(["a", "b", "c"]),
    recorded=st.sampled_from(["1", "2", "3"]),
    effect=st.sampled_from(["permit", "deny"]),
    actors=some,
    data=datas,
    purposes=few("TREAT", "BTG", "HRESCH"),
    directions=st.sampled_from([(), ("read",), ("write",)]),
    starts=instants,
    ends=instants,
    nested=st.booleans(),
    grant=st.sampled_from(["", "", "request", "break-glass"]),
)
members = st.builds(Member, st.lists(names, max_size=2).map(tuple), instants, instants)
delegates = st.builds(
    Delegate,
    person=st.sampled_from([HEIR, "2" * 20]),
    powers=st.lists(st.sampled_from(POWERS), max_size=4).map(tuple),
    starts=instants,
    ends=instants,
    kind=st.sampled_from(["delegate", "guardian"]),
    related=st.sampled_from(["r1", "r2"]),
)
standings = st.builds(
    Standing,
    version=st.just(1),
    policy=st.sampled_from(POLICIES),
    provisions=st.lists(provisions, max_size=8).map(tuple),
    owner=st.just(OWNER),
    delegates=st.lists(delegates, max_size=3).map(tuple),
    teams=st.lists(
        st.builds(CareTeam, st.just("t"), st.lists(members, max_size=3).map(tuple)), max_size=2
    ).map(tuple),
)
items = st.builds(
    Item,
    type=st.sampled_from(["Observation", "Condition", "Consent", "AuditEvent"]),
    id=st.sampled_from(["a", "b"]),
    author=st.sampled_from(["100000001", "100000002", "patient"]),
    encounter=st.sampled_from(["", "Encounter/e"]),
    date=dates,
    labels=labels,
    related=few("Observation/a", "Encounter/f", "Patient/p"),
    writers=few("Practitioner/p", "200000001"),
)
askings = st.sampled_from(
    [replace(one, now=now) for one in ASKINGS for now in (BEFORE, NOW, AFTER)]
)


@settings(max_examples=300)
@given(askings, standings, items)
def test_drawn_cells_of_a_large_world(asking: Asking, standing: Standing, item: Item) -> None:
    assert agrees(asking, standing, item)


def shown(asking: Asking, standing: Standing, item: Item) -> bool:
    return isinstance(decide(asking, standing, item), Permit)


@given(askings, standings, items, provisions)
def test_a_deny_more_never_shows_more(
    asking: Asking, standing: Standing, item: Item, more: Provision
) -> None:
    added = replace(standing, provisions=(*standing.provisions, replace(more, effect="deny")))

    assert shown(asking, standing, item) or not shown(asking, added, item)


@given(askings, standings, items, provisions)
def test_a_grant_less_never_shows_more(
    asking: Asking, standing: Standing, item: Item, more: Provision
) -> None:
    granted = replace(standing, provisions=(*standing.provisions, replace(more, effect="permit")))

    assert shown(asking, granted, item) or not shown(asking, standing, item)


@given(askings, standings, items, st.randoms())
def test_the_order_of_arrival_is_no_matter(
    asking: Asking, standing: Standing, item: Item, random: object
) -> None:
    arrived, acting = list(standing.provisions), list(standing.delegates)
    random.shuffle(arrived)  # type: ignore[attr-defined]
    random.shuffle(acting)  # type: ignore[attr-defined]
    after = replace(standing, provisions=tuple(arrived), delegates=tuple(acting))

    assert decide(asking, after, item) == decide(asking, standing, item)
    assert may_enter(asking, after) == may_enter(asking, standing)


@given(askings, standings, items)
def test_a_label_more_never_shows_more(asking: Asking, standing: Standing, item: Item) -> None:
    if not shown(asking, replace(standing, provisions=_denies(standing)), item):
        labelled = replace(item, labels=(*item.labels, "HIV"))
        assert not shown(asking, replace(standing, provisions=_denies(standing)), labelled)


def _denies(standing: Standing) -> tuple[Provision, ...]:
    return tuple(p for p in standing.provisions if p.effect == "deny")


@pytest.mark.parametrize("direction", ["read", "write"])
def test_every_period_ends_to_the_millisecond(direction: Direction) -> None:
    doctor = replace(PEOPLE[0], direction=direction)
    held = Provision("a", "1", "permit", (ME,), starts=NOW, ends=AFTER)
    grant = Provision("e", "1", "permit", (ME, MINE), starts=NOW, ends=AFTER, grant="break-glass")
    heir = Asking(direction, "PATRQT", NOW, HEIR)
    standing = Standing(
        1, "deny", (held, grant), OWNER, (Delegate(HEIR, POWERS, NOW, AFTER, related="r"),)
    )
    for asking in (doctor, replace(doctor, purpose="BTG"), heir):
        at = {
            now: shown(replace(asking, now=now), standing, ITEMS[0]) for now in (BEFORE, NOW, AFTER)
        }
        assert at == {BEFORE: False, NOW: True, AFTER: False}
