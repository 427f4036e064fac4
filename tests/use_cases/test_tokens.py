"""Tokens for apps and sign-in of patients, on doubles: order, and any history of codes."""

# ruff: noqa: PT017  # a machine's rules catch and check

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dmp.domain import sign_in as rules
from dmp.domain.caller import Caller
from dmp.domain.contact import Contact
from dmp.domain.directory import Client, Role
from dmp.domain.journal import Entry
from dmp.domain.marks import Mark
from dmp.domain.notices import Notice
from dmp.domain.refusals import OAuthError, TooMany, Unauthenticated
from dmp.domain.sign_in import Challenge, CodesSent, Session
from dmp.use_cases.sign_in import SignIn
from dmp.use_cases.tokens import ASSERTION_TYPE, Tokens
from tests import oauth
from tests.patients import wrong

START = 1_800_000_000
WHO = st.sampled_from(["cin-1", "idcs-1", "cin-2", "cin-9"])
PEOPLE = {"cin-1": "patient-1", "idcs-1": "patient-1", "cin-2": "patient-2"}


class Clock:
    """Time that stands still; randomness that counts."""

    def __init__(self) -> None:
        self.now = START
        self._next = 0

    def now_ms(self) -> int:
        return self.now * 1000

    def random_bits(self, bits: int) -> int:
        self._next += 1
        return self._next * 0x9E3779B97F4A7C15 % (1 << bits)


class Keys:
    """Access tokens that are their own caller; assertions that are their claims' number."""

    def __init__(self) -> None:
        self.issued: dict[str, Caller] = {}
        self.claimed: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []

    def issue(self, caller: Caller, now: int) -> str:
        token = f"token.{len(self.issued)}.{now}"
        self.issued[token] = caller
        return token

    def caller(self, token: str, now: int) -> Caller:
        if token not in self.issued or now >= self.issued[token].expires:
            raise Unauthenticated("no token of ours")
        return self.issued[token]

    def client_id(self, assertion: str) -> str:
        return str(self.claimed[assertion]["iss"])

    def claims(self, assertion: str, client: Client, now: int) -> Mapping[str, Any]:
        self.log.append(f"verify {client.id} {now - START}")
        if assertion.startswith("bad"):
            raise Unauthenticated("not signed by the client")
        return self.claimed[assertion]


class Registry:
    """The directory and the used assertions."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.used: set[tuple[str, str]] = set()
        self.found: dict[str, Mapping[str, object]] = {}
        self.holder: Role | None = oauth.role_of()

    def client(self, client_id: str) -> Client | None:
        self.log.append("client")
        return oauth.client_of(jwks="") if client_id == "clinic" else None

    def role(self, practitioner: str, organization: str) -> Role | None:
        self.log.append(f"role {practitioner} {organization}")
        return self.holder

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        return {key: self.found[key] for key in keys if key in self.found}

    def first_use(self, issuer: str, token_id: str, until: int, now: int) -> bool:
        self.log.append("first use")
        assert until > now
        new = (issuer, token_id) not in self.used
        self.used.add((issuer, token_id))
        return new


@pytest.fixture
def made() -> tuple[Tokens, Keys, Registry]:
    keys = Keys()
    registry = Registry(keys.log)
    return Tokens(registry, keys, keys, Clock(), oauth.BASE), keys, registry


def form(keys: Keys, name: str = "one", **changes: Any) -> dict[str, str]:
    keys.claimed[name] = {**oauth.claims_of(jti=name, exp=START + 60), **changes}
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": name}


def test_who_asks_is_proved_before_anything_is_looked_up_for_them(
    made: tuple[Tokens, Keys, Registry],
) -> None:
    tokens, keys, _ = made
    tokens.client_credentials(form(keys))

    role = f"role {oauth.PHYSICIAN} {oauth.CLINIC}"
    assert keys.log == ["client", "verify clinic 0", "first use", role]


def test_an_assertion_that_is_not_signed_is_not_remembered(
    made: tuple[Tokens, Keys, Registry],
) -> None:
    tokens, keys, registry = made
    with pytest.raises(OAuthError):
        tokens.client_credentials(form(keys, "bad"))

    assert not registry.used  # or anyone could use up the ids of others


def test_an_assertion_is_used_up_even_when_the_request_is_refused(
    made: tuple[Tokens, Keys, Registry],
) -> None:
    tokens, keys, registry = made
    registry.holder = None
    for reason in ("no active role", "used already"):
        with pytest.raises(OAuthError, match=reason):
            tokens.client_credentials(form(keys))


def test_scopes_that_no_token_could_hold_are_refused(made: tuple[Tokens, Keys, Registry]) -> None:
    tokens, keys, _ = made
    wide = " ".join(f"system/Type{chr(65 + n % 26)}{chr(97 + n // 26)}.cruds" for n in range(120))

    with pytest.raises(OAuthError, match="1500 characters"):
        tokens.client_credentials({**form(keys), "scope": wide})


def test_a_practitioner_without_a_directory_id_has_no_fhir_user(
    made: tuple[Tokens, Keys, Registry],
) -> None:
    tokens, keys, registry = made
    registry.holder = replace(oauth.role_of(), practitioner_id="")
    registry.found = {
        "client#clinic": {"active": True},
        f"role#{oauth.PHYSICIAN}#{oauth.CLINIC}": {"active": True},
        f"practitioner#{oauth.PHYSICIAN}": {"active": True},
        f"organization#{oauth.CLINIC}": {"active": True},
    }
    token = str(tokens.client_credentials(form(keys))["access_token"])

    told = tokens.introspect({**form(keys, "two"), "token": token})

    assert told["active"] is True
    assert "fhirUser" not in told


class Rows:
    """Challenges and sessions, as the registry keeps them."""

    def __init__(self) -> None:
        self.challenges: dict[str, Challenge] = {}
        self.sent: dict[str, CodesSent] = {}
        self.sessions: dict[str, Session] = {}

    def patient_of(self, identifier: str) -> str | None:
        return PEOPLE.get(identifier)

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        assert (limit, window_s, now >= START, "192.0" in key) == (30, 3600, True, False)

    def codes_sent(self, subject: str) -> CodesSent:
        return self.sent.get(subject, CodesSent(subject))

    def start(
        self, challenge: Challenge, counted: Sequence[CodesSent], ended: str | None, now: int
    ) -> bool:
        self.challenges[challenge.id] = challenge
        for subject in counted:
            sent = rules.with_one_more(subject.sent, now)
            self.sent[subject.subject] = CodesSent(
                subject.subject, sent, challenge.id, subject.version + 1
            )
        if ended:
            self.challenges.pop(ended, None)
        return True

    def attempt(self, challenge_id: str, now: int) -> Challenge | None:
        held = self.challenges.get(challenge_id)
        if held is None or held.tries <= 0 or now >= held.expires:
            return None
        self.challenges[challenge_id] = replace(held, tries=held.tries - 1)
        return self.challenges[challenge_id]

    def open(self, challenge: Challenge, session: Session) -> bool:
        if self.challenges.pop(challenge.id, None) is None:
            return False
        self.sessions[session.id] = session
        return True

    def session(self, session_id: str) -> Session | None:
        return self.sessions.get(session_id)

    def rotate(self, session: Session, refresh: str, expires: int) -> bool:
        self.sessions[session.id] = replace(session, refresh=refresh, expires=expires)
        return True

    def end(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)


class Outside:
    """MACs, contacts and messages."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def identifier(self, system: str, value: str) -> str:
        return f"{system}-{value}"

    def code(self, place: str, code: str) -> bytes:
        return f"{place}/{code}".encode()

    def contact(self, patient: str) -> Contact | None:
        return Contact(patient, None, "fr", "sms")

    def journal_once(self, entry: Entry, notice: Notice, mark: Mark, now: int) -> bool:
        assert (entry.action, entry.outcome) == ("sign-in", "permit")
        assert (notice.kind, notice.other, mark.until > now) == ("new-device", True, True)
        return True

    def send_code(self, contact: Contact, code: str, minutes: int) -> None:
        assert minutes == 5
        self.messages.append((str(contact.phone), code))


@dataclass
class Asked:
    """What is expected of a challenge; nobody's has no person, and a code that nobody was sent."""

    expires: int
    person: str = ""
    code: str = "424242"
    tries: int = 3


class Codes(RuleBasedStateMachine):
    """Any order of asking, typing and waiting, against what a person would expect."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.rows, self.outside = Clock(), Rows(), Outside()
        self.sign_in = SignIn(
            sign_ins=self.rows,
            rates=self.rows,
            macs=self.outside,
            contacts=self.outside,
            messages=self.outside,
            access_tokens=Keys(),
            clock=self.clock,
        )
        self.asked: dict[str, Asked] = {}
        self.newest: dict[str, str] = {}  # by person, or by identifier where there is none
        self.times: dict[str, list[int]] = {}

    @rule(who=WHO, times=st.sampled_from([1, 1, 2, 7]))
    def ask(self, who: str, times: int) -> None:
        for _ in range(times):
            self._ask(who)
            self.clock.now += 61 * (times > 1)

    def _ask(self, who: str) -> None:
        before = len(self.outside.messages)
        system, _, value = who.partition("-")
        try:
            started = self.sign_in.start(system, value, "192.0.2.1")
        except TooMany as refused:
            assert 0 < refused.retry_after_s <= rules.DAY_S
            assert len(self.outside.messages) == before
            return
        asked = self.asked[started.challenge] = Asked(self.clock.now + 300)
        assert started.sent == (len(self.outside.messages) > before)
        if started.sent:
            asked.person, asked.code = self.outside.messages[-1]
            assert asked.person == PEOPLE[who]
            self.times.setdefault(asked.person, []).append(self.clock.now)
        if started.sent or who not in PEOPLE:
            subject = PEOPLE.get(who, who)
            if subject in self.newest:
                self.asked[self.newest[subject]].tries = 0  # one live for each person
            self.newest[subject] = started.challenge

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), right=st.booleans(), times=st.sampled_from([1, 1, 3]))
    def give(self, data: st.DataObject, right: bool, times: int) -> None:
        challenge = data.draw(st.sampled_from(list(self.asked)[-4:]))
        for n in range(times):
            self._give(challenge, right=right and n == times - 1)

    def _give(self, challenge: str, *, right: bool) -> None:
        asked = self.asked[challenge]
        code = asked.code if right else wrong(asked.code)
        live = asked.tries > 0 and self.clock.now < asked.expires
        asked.tries -= live
        try:
            tokens = self.sign_in.exchange(challenge, code)
        except OAuthError as refused:
            assert not (live and right and asked.person)
            assert refused.details["tries_left"] == (asked.tries if live else 0)
            return
        assert live
        assert right
        assert tokens["patient"] == asked.person
        asked.tries = 0

    @rule(seconds=st.sampled_from([1, 30, 61, 299, 301, 3600, 86_400]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def nobody_is_flooded(self) -> None:
        for times in self.times.values():
            for at in times:
                assert sum(at <= t < at + 60 for t in times) == 1
                assert sum(at <= t < at + 3600 for t in times) <= 5
                assert sum(at <= t < at + 86_400 for t in times) <= 10


Codes.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestCodes = Codes.TestCase
