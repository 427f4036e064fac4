"""Opening a record: what a request must say, the states of an activation, what outsiders see.

verifying -> awaiting-code -> opening -> active
verifying | awaiting-code -> expired; awaiting-code -> refused after three wrong codes
verifying | awaiting-code | opening -> failed; opening -> refused when another record was first

A person who is unknown, differs from the register, has a record, gave another phone or has none
there waits for a code like anyone else. `finding` holds the truth, for the operator alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, cast

from dmp.domain.consent import POLICIES, Policy
from dmp.domain.contact import CHANNELS, LANGUAGES, Channel, Contact, Language
from dmp.domain.credential import Pin
from dmp.domain.identifiers import NATIONAL, canonical
from dmp.domain.person import Person, is_same
from dmp.domain.refusals import Invalid, Issue

Status = Literal["verifying", "awaiting-code", "opening", "active", "refused", "expired", "failed"]
Finding = Literal[
    "unverified", "matched", "unknown", "differs", "died", "in-person", "other-phone",
    "duplicate", "undeliverable", "not-confirmed", "expired", "error",
]  # fmt: skip
PENDING: tuple[Status, ...] = ("verifying", "awaiting-code")
TRIES = 3
PER_IDENTIFIER_HOUR = 5
PER_ADDRESS_HOUR = 20
HOUR_S = 3600
GRACE_S = 120  # the look-up's time before the code's own begins
KEPT_S = 24 * HOUR_S  # how long an ended activation can still be asked for
STALLED_S = 60  # opening longer than this has lost its execution
_NAME_MAX = 100
_GIVEN_MAX = 10
_EMAIL_MAX = 254
_VALUE = re.compile(r"[A-Z0-9]{2,20}\Z")
_EMAIL = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\Z")
_MEMBERS = frozenset(
    {"identifier", "family", "given", "birthDate", "telecom", "language", "notify", "policy"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for. `phone` is E.164; `given` has at least one name."""

    system: str
    value: str
    family: str
    given: tuple[str, ...]
    birth_date: str
    phone: str
    email: str | None
    language: Language
    notify: Channel
    policy: Policy

    @property
    def contact(self) -> Contact:
        """Where this person will be told of accesses, once the code proved the phone."""
        return Contact(self.phone, self.email, self.language, self.notify)

    def to_text(self) -> str:
        """As the activation's row keeps it, until it ends."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Asked:
        """The inverse of `to_text`."""
        members = json.loads(text)
        return cls(**{**members, "given": tuple(members["given"])})


@dataclass(frozen=True, slots=True)
class Activation:
    """The row of one activation. `until` ends the wait for the code, in epoch seconds.

    `patient` and `entry` name the record and its first journal entry once opening began; `run`
    counts executions; `since` is when the status was reached. `pin` is one that the person chose.
    """

    id: str
    status: Status
    since: int
    until: int
    ttl: int
    asked: Asked | None = None
    reason: str = ""
    finding: Finding = "unverified"
    tries: int = TRIES
    token: str = ""
    code_mac: bytes = b""
    patient: str = ""
    entry: str = ""
    run: int = 1
    pin: Pin | None = None

    def status_at(self, now: int) -> tuple[Status, str]:
        """Status and reason as outsiders see them; time ends a wait whatever the row still says."""
        if self.status in PENDING:
            if self.tries <= 0:
                return "refused", "not-confirmed"
            if now >= self.until:
                return "expired", ""
        return self.status, self.reason

    def view_at(self, now: int) -> dict[str, str]:
        """The answer to `GET /activations/{id}`; the patient only when the record is open."""
        status, reason = self.status_at(now)
        view = {"id": self.id, "status": status}
        if status == "active":
            view["patient"] = self.patient
        if reason:
            view["reason"] = reason
        return view


def finding_of(asked: Asked, person: Person | None, has_record: bool) -> Finding:
    """Whether this request gets a code, `matched`, or why it gets none."""
    if person is None:
        return "unknown"
    if not is_same(person, asked.family, asked.given, asked.birth_date):
        return "differs"
    if person.died:
        return "died"
    if has_record:
        return "duplicate"
    if person.phone is None:
        return "in-person"
    return "matched" if person.phone == asked.phone else "other-phone"


def ended(finding: Finding, why: Finding) -> Finding:
    """What the operator reads when it ends: the look-up's finding, unless all had matched."""
    return why if finding == "matched" else finding


def asked_of(body: Mapping[str, Any], phone: Callable[[str], str | None], today: date) -> Asked:
    """The request, or Invalid with an issue for every field at fault.

    `phone` gives a Moroccan mobile number in E.164, or None.
    """
    issues = list(_faults(body, phone, today))
    if issues:
        told = [{"field": i.expression, "detail": i.text} for i in issues]
        raise Invalid(issues, errors=told)
    telecom, identifier = body["telecom"], body["identifier"]
    return Asked(
        system=identifier["system"],
        value=canonical(identifier["value"]),
        family=body["family"].strip(),
        given=tuple(name.strip() for name in body["given"]),
        birth_date=body["birthDate"],
        phone=phone(telecom["phone"]) or "",
        email=telecom.get("email"),
        language=body["language"],
        notify=body["notify"],
        policy=cast("Policy", body.get("policy", "deny")),
    )


def _faults(
    body: Mapping[str, Any], phone: Callable[[str], str | None], today: date
) -> Iterator[Issue]:
    yield from _unknown(body, _MEMBERS, "")
    yield from _identifier_faults(body.get("identifier"))
    if not _is_name(body.get("family")):
        yield Issue("a name of 1 to 100 characters is needed", "family")
    given = body.get("given")
    if not isinstance(given, list) or not 0 < len(given) <= _GIVEN_MAX:
        yield Issue("a list of 1 to 10 names is needed", "given")
    elif not all(map(_is_name, given)):
        yield Issue("each is a name of 1 to 100 characters", "given")
    if not _is_birth_date(body.get("birthDate"), today):
        yield Issue("a date YYYY-MM-DD that is not in the future is needed", "birthDate")
    yield from _telecom_faults(body.get("telecom"), body.get("notify"), phone)
    codes = {"language": LANGUAGES, "notify": CHANNELS, "policy": POLICIES}
    for field, allowed in codes.items():
        if (field in body or field != "policy") and body.get(field) not in allowed:
            yield Issue(f"one of {', '.join(allowed)} is needed", field)


def _unknown(body: Mapping[str, Any], known: frozenset[str], path: str) -> Iterator[Issue]:
    if any(name not in known for name in body):  # which one, the request alone may say
        yield Issue(f"only {', '.join(sorted(known))} are known here", path or "body")


def _identifier_faults(identifier: object) -> Iterator[Issue]:
    if not isinstance(identifier, dict):
        yield Issue("an object with system and value is needed", "identifier")
        return
    yield from _unknown(identifier, frozenset({"system", "value"}), "identifier")
    if identifier.get("system") not in NATIONAL:
        yield Issue(f"one of {', '.join(sorted(NATIONAL))} is needed", "identifier.system")
    value = identifier.get("value")
    if not isinstance(value, str) or not _VALUE.match(canonical(value)):
        yield Issue("2 to 20 letters and digits are needed", "identifier.value")


def _telecom_faults(
    telecom: object, notify: object, phone: Callable[[str], str | None]
) -> Iterator[Issue]:
    if not isinstance(telecom, dict):
        yield Issue("an object with phone, and email if wanted, is needed", "telecom")
        return
    yield from _unknown(telecom, frozenset({"phone", "email"}), "telecom")
    number = telecom.get("phone")
    if not isinstance(number, str) or phone(number) is None:
        yield Issue("a Moroccan mobile number is needed", "telecom.phone")
    if "email" in telecom and not is_email(telecom["email"]):
        yield Issue("an e-mail address is needed", "telecom.email")
    elif notify == "email" and "email" not in telecom:
        yield Issue("needed when notify is email", "telecom.email")


def is_email(value: object) -> bool:
    """Whether the value has the form of an address that mail providers take (ASCII, 254)."""
    return isinstance(value, str) and len(value) <= _EMAIL_MAX and bool(_EMAIL.match(value))


def _is_name(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= _NAME_MAX
        and any(c.isalpha() for c in value)
        and value.isprintable()
    )


def _is_birth_date(value: object, today: date) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        return date(1900, 1, 1) <= date.fromisoformat(value) <= today
    except ValueError:
        return False
