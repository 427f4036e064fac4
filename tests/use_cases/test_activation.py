"""Every step and every request in every state of an activation, over rows in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest

from dmp.domain.activation import PENDING, Activation, Asked, Finding, Status
from dmp.domain.contact import Contact
from dmp.domain.credential import Pin
from dmp.domain.notices import Undeliverable
from dmp.domain.person import Person
from dmp.domain.refusals import Gone, Invalid
from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate
from dmp.use_cases.activation import Desk, Steps, patient_resource
from dmp.use_cases.activation_ports import NewRecord

ASKED = Asked(
    "urn:ma:cin", "BE742318", "El Idrissi", ("Nadia",), "1985-03-14", "+212612345678", None,
    "fr", "sms", "break-glass-only",
)  # fmt: skip
CIN, IDCS = ("urn:ma:cin", "BE742318"), ("urn:ma:idcs", "7700112233")
NADIA = Person("El Idrissi", ("Nadia",), "1985-03-14", "+212612345678", (CIN, IDCS), "ar")
STATUSES: tuple[Status, ...] = get_args(Status)
ENDS = ("active", "refused", "expired", "failed")


@dataclass
class World:
    """One activation and everything around it; `rows` keeps the adapter's conditions."""

    row: Activation | None
    person: Person | None = NADIA
    records: dict[str, str] = field(default_factory=dict)
    opened: list[NewRecord] = field(default_factory=list)
    codes: list[tuple[Contact, str]] = field(default_factory=list)
    waits: bool = True
    started: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    undeliverable: bool = False
    now: int = 50

    def now_ms(self) -> int:
        return self.now * 1000

    def random_bits(self, bits: int) -> int:
        return 480591 + len(self.codes) if bits == 64 else 7

    def identifier(self, system: str, value: str) -> str:
        return f"{system}|{value}"

    def code(self, place: str, code: str) -> bytes:
        return f"{place} {code}".encode()

    def create(self, activation: Activation) -> None:
        self.row = activation

    def find(self, activation: str) -> Activation | None:
        assert activation == "a"
        return self.row

    def _change(self, holds: bool, **changes: object) -> Activation | None:
        if self.row is None or not holds:
            return None
        self.row = replace(self.row, **changes)  # type: ignore[arg-type]  # members by name
        return self.row

    def _is(self, *statuses: Status) -> bool:
        return self.row is not None and self.row.status in statuses

    def found(self, activation: str, finding: Finding) -> None:
        self._change(self._is(*PENDING) and activation == "a", finding=finding)

    def await_code(
        self, activation: str, token: str, code_mac: bytes, now: int, until: int
    ) -> bool:
        changes = {"status": "awaiting-code", "since": now, "until": until, "token": token}
        holds = self._is(*PENDING) and activation == "a"
        return self._change(holds, code_mac=code_mac, **changes) is not None

    def spend_try(self, activation: str, now: int) -> Activation | None:
        row = self.row
        assert row is not None
        holds = self._is("awaiting-code") and row.tries > 0 and row.until > now
        return self._change(holds and activation == "a", tries=row.tries - 1)

    def confirm(self, activation: str, pin: Pin | None, now: int) -> bool:
        holds = self._is("awaiting-code") and activation == "a"
        return self._change(holds, status="opening", since=now, pin=pin) is not None

    def name_record(self, activation: str, patient: str, entry: str) -> Activation | None:
        row = self.row
        assert row is not None
        holds = self._is("opening") and activation == "a"
        return self._change(holds, patient=row.patient or patient, entry=row.entry or entry)

    def restart(self, activation: str, run: int, now: int) -> bool:
        holds = self._is("opening") and activation == "a"
        return self._change(holds, run=run, since=now) is not None

    def end(
        self, activation: str, before: tuple[Status, ...], status: Status, reason: str,
        finding: Finding, now: int,
    ) -> bool:  # fmt: skip
        gone = {"asked": None, "token": "", "code_mac": b"", "since": now}
        changed = self._change(
            self._is(*before) and activation == "a",
            status=status, reason=reason, finding=finding, **gone,
        )  # fmt: skip
        return changed is not None

    def has_record(self, identifier_macs: tuple[str, ...]) -> bool:
        return any(mac in self.records for mac in identifier_macs)

    def open_record(self, record: NewRecord) -> bool:
        name = f"{record.standing.owner} {record.entry.entry}"
        owners = {self.records.get(mac, name) for mac in record.identifier_macs}
        if owners != {name}:
            return False
        self.records |= dict.fromkeys(record.identifier_macs, name)
        self.opened.append(record)
        return True

    def start(self, activation: str, run: int) -> None:
        assert activation == "a"
        self.started.append(run)

    def confirmed(self, token: str) -> bool:
        assert token == "token"
        return self.waits

    def not_confirmed(self, token: str) -> None:
        self.refused.append(token)

    def send_code(self, contact: Contact, code: str) -> None:
        if self.undeliverable:
            raise Undeliverable
        self.codes.append((contact, code))

    @property
    def desk(self) -> Desk:
        unused: Callable[[str], None] = lambda _: None  # noqa: E731  # phones are not asked here
        return Desk(self, self, self, self, self, unused, 100)  # type: ignore[arg-type]  # no rates

    @property
    def steps(self) -> Steps:
        return Steps(self, Register(self.person), self, self, self, self, 100)


@dataclass
class Register:
    """Holds one person."""

    person: Person | None

    def find(self, system: str, value: str) -> Person | None:
        assert (system, value) == CIN
        return self.person


def row(status: Status, **changes: object) -> Activation:
    """As the workflow would have left it."""
    held = Activation("a", status, 0, 100, 1000, ASKED, finding="matched", token="token",
                      code_mac=b"a 480591")  # fmt: skip
    return replace(held, **changes)  # type: ignore[arg-type]  # members by name


@pytest.mark.parametrize("status", STATUSES)
def test_the_right_code_counts_while_it_is_awaited(status: Status) -> None:
    world = World(row(status))
    if status == "awaiting-code":
        assert world.desk.confirm("a", "480591") == {"id": "a", "status": "opening"}
        assert world.row is not None
        assert (world.row.status, world.row.tries) == ("opening", 2)
    elif status == "opening":
        assert world.desk.confirm("a", "000000")["status"] == "opening"
    else:
        with pytest.raises(Invalid if status == "verifying" else Gone):
            world.desk.confirm("a", "480591")
        assert world.row == row(status)
    assert (world.started, world.refused) == ([], [])


@pytest.mark.parametrize(("now", "tries"), [(100, 3), (50, 0)])
def test_no_code_counts_after_the_time_or_the_tries(now: int, tries: int) -> None:
    world = World(row("awaiting-code", tries=tries), now=now)

    with pytest.raises(Gone):
        world.desk.confirm("a", "480591")


@pytest.mark.parametrize("code_mac", [b"a 480591", b""])
def test_three_wrong_codes_end_it_whether_one_was_sent_or_not(code_mac: bytes) -> None:
    world = World(row("awaiting-code", code_mac=code_mac))
    for left in (2, 1, 0):
        with pytest.raises(Invalid) as told:
            world.desk.confirm("a", "111111")
        assert told.value.details == {"tries_left": left}
    assert world.refused == ["token"]
    assert world.row is not None
    assert world.row.view_at(50)["reason"] == "not-confirmed"


def test_a_lost_wait_is_run_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(row("awaiting-code"), waits=False)
    world.desk.confirm("a", "480591")
    assert world.started == [2]
    world.now += 59
    world.desk.confirm("a", "480591")
    assert world.started == [2]
    world.now += 1
    world.desk.confirm("a", "480591")
    assert world.started == [2, 3]
    monkeypatch.setattr(World, "restart", lambda *_: False)  # another request was faster
    world.now += 60
    world.desk.confirm("a", "480591")
    assert world.started == [2, 3]


@pytest.mark.parametrize("status", STATUSES)
def test_each_step_in_each_state(status: Status) -> None:
    """What is over stays as it is, whatever runs again."""
    nexts = {"verifying": "code", "awaiting-code": "code", "opening": "open"}
    expired = {"opening": "open"}

    assert World(row(status)).steps.verify("a") == nexts.get(status, "over")
    assert World(row(status)).steps.expire("a") == expired.get(status, "over")
    for name in ("refuse", "fail", "open", "expire"):
        world = World(row(status))
        getattr(world.steps, name)("a")
        if status in ENDS:
            assert world.row == row(status), name
    sent = World(row(status))
    sent.steps.send_code("a", "token-2")
    assert len(sent.codes) == (status in PENDING)


@pytest.mark.parametrize(
    ("status", "tries", "ends", "finding"),
    [
        ("verifying", 3, "expired", "expired"),
        ("awaiting-code", 3, "expired", "expired"),
        ("awaiting-code", 0, "refused", "not-confirmed"),
        ("opening", 2, "opening", "matched"),
    ],
)
def test_the_end_of_the_time(status: Status, tries: int, ends: Status, finding: Finding) -> None:
    world = World(row(status, tries=tries))
    world.steps.expire("a")

    assert world.row is not None
    assert (world.row.status, world.row.finding) == (ends, finding)
    assert (world.row.asked is None) is (ends != "opening")


@pytest.mark.parametrize(
    ("person", "records", "finding"),
    [
        (NADIA, {}, "matched"),
        (NADIA, {"urn:ma:idcs|7700112233": "other"}, "duplicate"),
        (None, {"urn:ma:cin|BE742318": "other"}, "unknown"),
        (replace(NADIA, phone=None), {}, "in-person"),
    ],
)
def test_a_code_is_sent_to_a_full_match_alone(
    person: Person | None, records: dict[str, str], finding: Finding
) -> None:
    world = World(row("verifying", finding="unverified"), person, records)
    assert world.steps.verify("a") == "code"
    world.steps.send_code("a", "token")

    assert world.row is not None
    assert (world.row.status, world.row.finding) == ("awaiting-code", finding)
    assert [c.phone for c, _ in world.codes] == ([NADIA.phone] if finding == "matched" else [])


def test_without_a_finding_no_code_is_sent() -> None:
    world = World(row("verifying", finding="unverified"))
    world.steps.send_code("a", "token")

    assert world.codes == []


def test_a_number_that_takes_no_sms_looks_like_any_wait() -> None:
    world = World(row("verifying"), undeliverable=True)
    world.steps.send_code("a", "token")

    assert world.row is not None
    assert (world.row.status, world.row.finding) == ("awaiting-code", "undeliverable")


def test_opening_twice_opens_one_record_under_every_identifier() -> None:
    world = World(row("opening"))
    world.steps.open("a")
    first = world.row
    world.row = replace(row("opening"), patient=first.patient, entry=first.entry) if first else None
    world.steps.open("a")

    one, again = world.opened
    assert one.standing.owner == again.standing.owner
    assert one.standing.policy == "break-glass-only"
    assert one.identifier_macs == ("urn:ma:cin|BE742318", "urn:ma:idcs|7700112233")
    assert one.contact == Contact("+212612345678", None, "fr", "sms")
    assert one.notice.kind == "welcome"
    assert one.entry.what == (one.person.name,)
    assert one.entry.canonical()
    assert world.row is not None
    assert world.row.status == "active"


@pytest.mark.parametrize(
    ("person", "records", "finding"),
    [
        (None, {}, "unknown"),
        (replace(NADIA, phone="+212661111111"), {}, "other-phone"),
        (NADIA, {"urn:ma:idcs|7700112233": "other"}, "duplicate"),
    ],
)
def test_what_changed_since_the_look_up_is_refused(
    person: Person | None, records: dict[str, str], finding: Finding
) -> None:
    world = World(row("opening"), person, dict(records))
    world.steps.open("a")

    assert world.row is not None
    assert (world.row.view_at(50), world.row.finding) == (
        {"id": "a", "status": "refused", "reason": "not-confirmed"}, finding,
    )  # fmt: skip
    assert (world.opened, world.records) == ([], records)


def test_the_patient_is_the_registers_person_without_telecom() -> None:
    patient = read_object(patient_resource("p" * 20, NADIA, "2026-11-22T10:00:00.000Z"))

    assert patient["name"] == [{"use": "official", "family": "El Idrissi", "given": ["Nadia"]}]
    assert {i["value"] for i in patient["identifier"]} == {"BE742318", "7700112233"}
    assert "telecom" not in patient
    assert validate(patient) == []
