"""What is told of who could read: `decide`'s own answers, counted over items that are alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.access import Asking, Item, Permit, decide
from dmp.domain.consent import Actor, Data, Delegate, Provision, Standing
from dmp.domain.explaining import (
    Known,
    alike,
    differences,
    explained,
    known_to,
    taken_along,
    with_seal,
)

NOW = "2026-11-22T09:00:00.000Z"
NAMES = ["Observation/a", "Observation/b", "Encounter/e", "Patient/p"]
items = st.builds(
    Item,
    type=st.sampled_from(["Observation", "Encounter", "Patient"]),
    id=st.sampled_from(["a", "b", "c", "e", "p"]),
    author=st.sampled_from(["o1", "o2", "patient"]),
    encounter=st.sampled_from(["", "Encounter/e", "Encounter/f"]),
    date=st.sampled_from(["", "2025-01-01", "2026-06-01"]),
    labels=st.sampled_from([(), ("PSY",), ("N",)]),
    related=st.sampled_from([(), ("Patient/p",), ("Observation/a", "Patient/p"), ("Encounter/e",)]),
)
data = st.builds(
    Data,
    items=st.sampled_from([(), ("Observation/a",), ("Encounter/e", "Patient/p")]),
    related=st.sampled_from([(), ("Encounter/e",), ("Observation/b",)]),
    authors=st.sampled_from([(), ("o1",), ("patient",)]),
    types=st.sampled_from([(), ("Observation",)]),
    labels=st.sampled_from([(), ("PSY",)]),
    period=st.sampled_from([("", ""), ("2026-01-01", ""), ("", "2025-12-31")]),
)
provisions = st.builds(
    Provision,
    consent=st.sampled_from(["c1", "c2", "c3"]),
    recorded=st.sampled_from(["2026-01-01", "2026-02-01"]),
    effect=st.sampled_from(["permit", "deny"]),
    actors=st.sampled_from(
        [(Actor("anyone"),), (Actor("practitioner", "d1"),), (Actor("organization", "o1"),)]
    ),
    data=data,
    purposes=st.sampled_from([(), ("TREAT",), ("BTG",), ("HOPERAT",)]),
    nested=st.booleans(),
)
standings = st.builds(
    Standing,
    version=st.just(1),
    policy=st.sampled_from(["deny", "basic-normal", "all-normal"]),
    provisions=st.lists(provisions, max_size=5).map(tuple),
    owner=st.just("p"),
)


@given(standings, st.lists(items, min_size=1, max_size=6), st.sampled_from(["d1", "d2"]))
def test_items_that_are_alike_are_decided_alike(
    standing: Standing, some: list[Item], practitioner: str
) -> None:
    for purpose in ("TREAT", "BTG", "HOPERAT"):
        asking = Asking(
            "read", purpose, NOW, practitioner=frozenset({practitioner}),
            organization=frozenset({"o1"}),
        )  # fmt: skip
        for item, like in alike(some, [standing]).items():
            assert decide(asking, standing, item) == decide(asking, standing, like)


@given(standings, st.lists(items, min_size=1, max_size=6, unique=True))
def test_what_is_counted_is_what_is_decided(standing: Standing, some: list[Item]) -> None:
    known = Known("practitioner", "d1", "o1")

    (found,) = explained([known], standing, some, NOW)

    named = {p for provision in standing.provisions for p in provision.purposes}
    asking = Asking(
        "read", "TREAT", NOW, practitioner=frozenset({"d1"}), organization=frozenset({"o1"})
    )
    askings = [asking, *(Asking(**{**_members(asking), "purpose": p}) for p in named)]
    yes = [i for i in some if any(isinstance(decide(a, standing, i), Permit) for a in askings)]
    assert (found.readable, found.items) == (len(yes), len(some))


def _members(asking: Asking) -> dict[str, object]:
    return {name: getattr(asking, name) for name in Asking.__dataclass_fields__}


@given(standings, st.lists(items, min_size=1, max_size=6, unique=True))
def test_a_seal_opens_nothing_and_takes_along_what_refers_to_it(
    standing: Standing, some: list[Item]
) -> None:
    everybody = known_to([standing], [{"kind": "practitioner", "inpe": "d2"}])
    sealed = with_seal(standing, "Observation/a", NOW)

    changed = differences(everybody, (standing, sealed), some, NOW)

    along = taken_along("Observation/a", some)
    for one in changed:
        assert not one.opened
        assert set(one.closed) <= {"Observation/a", *along}


def test_everybody_is_told_once_and_in_order() -> None:
    made = Standing(
        1,
        "deny",
        (
            Provision("c1", NOW, "permit", (Actor("practitioner", "d1"),)),
            Provision("c2", NOW, "deny", (Actor("organization", "o2"), Actor("role", "nurse"))),
            Provision(
                "c3", NOW, "permit", (Actor("practitioner", "d3"), Actor("organization", "o3")),
                grant="request",
            ),
        ),
        owner="p",
        delegates=(Delegate("q", ("read",)),),
    )  # fmt: skip
    seen = [
        {"kind": "practitioner", "inpe": "d1", "organization": "o1", "role": "physician"},
        {"kind": "patient"},
    ]

    assert known_to([made, made], seen) == [
        Known("practitioner", "d1", "o1", "physician"),
        Known("practitioner", "d3", "o3"),
        Known("organization", organization="o2"),
        Known("role", role="nurse"),
        Known("delegate", person="q"),
        Known("anyone"),
        Known("break-glass"),
    ]
