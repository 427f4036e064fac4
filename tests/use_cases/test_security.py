"""Where a patient is signed in: what is ended is told first, and is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from dmp.domain.browser import Browser
from dmp.domain.caller import Caller
from dmp.domain.journal import Entry
from dmp.domain.refusals import NotFound, OAuthError, Unauthenticated, Unavailable
from dmp.domain.sign_in import SESSION_S_MAX, Session
from dmp.use_cases.account import owner
from dmp.use_cases.authorization import SignedIn
from dmp.use_cases.browsers import Browsers, Held
from dmp.use_cases.security import Security, handle_of
from tests.use_cases.test_tokens import Clock

PATIENT = "0" * 20
NOW = 1_795_345_200
HERE = Session("here", PATIENT, "dmp", "", "", "", NOW + 60, NOW + SESSION_S_MAX)


@dataclass
class Outside:
    """Sessions, apps and the journal, with one log of what was done."""

    live: list[Session]
    done: list[str] = field(default_factory=list)
    fails: bool = False

    def sessions(self, patient: str, now: int) -> Sequence[Session]:
        return [s for s in self.live if s.patient == patient]

    def end(self, *named: Any) -> None:
        self.done.append(f"end {named[-1]}")

    def journal(self, entry: Entry) -> None:
        if self.fails:
            raise Unavailable("dynamodb")
        self.done.append(entry.rule)


@pytest.fixture
def outside() -> Outside:
    clock = Clock()
    now = clock.now_ms() // 1000
    here = replace(HERE, expires=now + 60, until=now + 600)
    return Outside([here, replace(here, id="far", until=now + 900, strong_until=now + 1)])


def security(outside: Outside) -> Security:
    some = cast("Any", outside)
    return Security(some, some, Clock())


def caller(session: str = "here") -> Caller:
    return owner(SignedIn("patient", session, PATIENT), NOW)


def test_the_newest_is_first_and_this_one_is_marked(outside: Outside) -> None:
    places = security(outside).places(caller())

    assert [(p.handle, p.here, p.strong) for p in places] == [
        (handle_of("far"), False, True), (handle_of("here"), True, False),
    ]  # fmt: skip


def test_an_end_is_told_before_it_is_made(outside: Outside) -> None:
    security(outside).end_place(caller(), handle_of("far"))

    assert outside.done == ["signed-out", "end far"]


def test_what_cannot_be_told_is_not_ended(outside: Outside) -> None:
    outside.fails = True
    with pytest.raises(Unavailable):
        security(outside).end_others(caller())
    assert outside.done == []


@pytest.mark.parametrize("named", [handle_of("here"), handle_of("other"), "far", ""])
def test_this_place_and_anybody_elses_are_not_ended_from_the_list(
    outside: Outside, named: str
) -> None:
    outside.live.append(replace(outside.live[1], id="other", patient="1" * 20))
    with pytest.raises(NotFound):
        security(outside).end_place(caller(), named)
    assert outside.done == []


def test_a_session_that_ended_meanwhile_sees_and_ends_nothing(outside: Outside) -> None:
    for act in (security(outside).places, security(outside).end_others):
        with pytest.raises(Unauthenticated):
            act(caller("gone"))
    assert outside.done == []


def test_where_no_codes_are_sent_none_is_taken() -> None:
    some = cast("Any", None)
    browsers = Browsers(some, None, some, Clock())
    held = Held("s", Browser("b", NOW))
    for act in (
        lambda: browsers.start(held, "urn:ma:cin", "AB1", "192.0.2.1"),
        lambda: browsers.again(held, "192.0.2.1"),
    ):
        with pytest.raises(OAuthError):
            act()
