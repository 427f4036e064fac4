"""What holds of every standing: more denies or fewer grants never show more, order is no matter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from dmp.domain.access import Item, Permit, Refuse, decide, may_enter
from dmp.domain.consent import Data, Provision, Standing
from tests.domain.test_access import (
    ANYONE,
    AUTHORED,
    CLASS,
    CLINIC,
    DOCTOR,
    ELSEWHERE,
    GLUCOSE,
    HOSPITAL,
    LABELLED,
    ME,
    MINE,
    OTHER,
    OWNER,
    PHYSICIANS,
    RELATED,
    TEAM,
    THEIRS,
    THIS,
    deny,
    permit,
)

actors = st.lists(
    st.sampled_from([ME, OTHER, MINE, THEIRS, PHYSICIANS, TEAM, ANYONE]), min_size=1, max_size=2
)
datas = st.sampled_from([Data(), THIS, ELSEWHERE, AUTHORED, RELATED, LABELLED, CLASS])
provisions_ = st.builds(
    Provision,
    consent=st.sampled_from(["c1", "c2"]),
    recorded=st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"]),
    effect=st.sampled_from(["permit", "deny"]),
    actors=actors.map(tuple),
    data=datas,
    purposes=st.sampled_from([(), ("TREAT",), ("HRESCH",)]),
    directions=st.sampled_from([(), ("read",), ("write",)]),
    starts=st.sampled_from(["", "2026-01-01", "2027-01-01"]),
    nested=st.booleans(),
)
standings = st.builds(
    Standing,
    version=st.just(1),
    policy=st.sampled_from(["deny", "basic-normal", "all-normal", "break-glass-only"]),
    provisions=st.lists(provisions_, max_size=5).map(tuple),
    owner=st.just(OWNER),
)
items = st.builds(
    Item,
    type=st.sampled_from(["Observation", "Condition"]),
    id=st.sampled_from(["a", "b"]),
    author=st.sampled_from([CLINIC, HOSPITAL]),
    encounter=st.sampled_from(["", "Encounter/e"]),
    labels=st.sampled_from([(), ("N",), ("R",)]),
)


def yes(standing: Standing, item: Item) -> bool:
    return isinstance(decide(DOCTOR, standing, item), Permit)


@given(standings, provisions_, items)
def test_adding_a_deny_never_shows_more(standing: Standing, more: Provision, item: Item) -> None:
    added = replace(more, effect="deny")
    after = replace(standing, provisions=(*standing.provisions, added))

    if not yes(standing, item):
        assert not yes(after, item)


@given(standings, items, st.data())
def test_removing_a_permit_never_shows_more(
    standing: Standing, item: Item, data: st.DataObject
) -> None:
    permits = [p for p in standing.provisions if p.effect == "permit"]
    assume(permits)
    gone = data.draw(st.sampled_from(permits))
    kept = tuple(p for p in standing.provisions if p is not gone)

    if yes(replace(standing, provisions=kept), item):
        assert yes(standing, item)


@given(standings, items, st.randoms())
def test_the_order_of_provisions_does_not_matter(
    standing: Standing, item: Item, random: object
) -> None:
    shuffled = list(standing.provisions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    after = replace(standing, provisions=tuple(shuffled))

    assert yes(standing, item) == yes(after, item)
    assert may_enter(DOCTOR, standing).rule == may_enter(DOCTOR, after).rule


@given(standings, items)
@example(Standing(1, "deny", (deny(ME), permit(ME, data=THIS, at=2)), OWNER), GLUCOSE)
def test_what_the_door_refuses_no_item_permits(standing: Standing, item: Item) -> None:
    if isinstance(may_enter(DOCTOR, standing), Refuse):
        assert isinstance(decide(DOCTOR, standing, item), Refuse)
