"""Commits encode what they hold, and folding them gives one state however they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.access import Item
from dmp.domain.record import State, Version, decode, encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.lists(texts, max_size=2).map(tuple)
versions = st.builds(
    Version,
    type=st.sampled_from(["Observation", "Condition"]),
    id=st.sampled_from(["a", "b", "c"]),
    version=st.integers(1, 4),
    at=texts,
    commit=st.sampled_from(["01", "02", "03", "04"]),
    author=texts,
    origin=texts,
    body=st.binary(max_size=20),
    deleted=st.booleans(),
    date=texts,
    encounter=texts,
    labels=names,
    categories=names,
    references=names,
    writers=names,
)


def written(commits: list[list[str]]) -> list[Version]:
    """Versions as writers make them: numbered by resource, one commit after the other."""
    made: dict[str, int] = {}
    out = []
    for number, ids in enumerate(commits, 1):
        for name in dict.fromkeys(ids):
            made[name] = made.get(name, 0) + 1
            out.append(Version("Observation", name, made[name], "", f"{number:04}", "", ""))
    return out


histories = st.lists(st.lists(st.sampled_from("abcd"), max_size=3), max_size=6).map(written)


@given(st.lists(versions, max_size=4))
def test_a_commit_comes_back_as_it_was_encoded(made: list[Version]) -> None:
    assert decode(encode(made)) == made


@given(histories, st.randoms())
def test_folding_is_independent_of_order_and_repetition(
    made: list[Version], random: object
) -> None:
    again = [*made, *made]
    random.shuffle(again)  # type: ignore[attr-defined]

    once, twice = State().fold(made), State().fold(again)

    assert once.current == twice.current
    assert once.newest == twice.newest == max((v.commit for v in made), default="")
    assert {v.version for v in once.current.values()} == {
        max(w.version for w in made if w.id == v.id) for v in once.current.values()
    }


@given(histories, st.integers(0, 7))
def test_until_shows_the_record_as_it_was_after_a_commit(made: list[Version], last: int) -> None:
    until = f"{last:04}"

    then = State().fold([v for v in made if v.commit <= until])

    assert State().fold(made, until).current == then.current
    assert State().fold(made, until).newest == then.newest


def test_deleted_resources_are_in_the_state_but_do_not_live() -> None:
    kept = Version("Observation", "a", 1, "", "01", "", "")
    state = State().fold([kept, kept._replace(version=2, commit="02", deleted=True)])
    state.fold([kept._replace(id="b")])

    assert [v.id for v in state.living()] == ["b"]
    assert state.current["Observation", "a"].deleted


def test_two_types_may_share_an_id() -> None:
    one = Version("Observation", "a", 1, "", "01", "", "")

    assert len(State().fold([one, one._replace(type="Condition")]).current) == 2


def test_a_decision_is_taken_on_who_wrote_version_1() -> None:
    made = Version(
        "Observation", "a", 2, "", "02", "changed-it", "wrote-it", b"{}", date="2026",
        encounter="Encounter/e", labels=("R",), categories=("x",), references=("Goal/g",),
    )  # fmt: skip

    assert made.item == Item(
        "Observation", "a", "wrote-it", "Encounter/e", "2026", ("R",), ("Goal/g",)
    )
    assert made.name == "Observation/a/_history/2"
