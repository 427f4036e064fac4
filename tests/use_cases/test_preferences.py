"""Two changes at once, and addresses that cannot be reached: nothing is half changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from dmp.adapters.dynamodb.due_notices import DueIndex
from dmp.domain.caller import Caller
from dmp.domain.contact import Contact
from dmp.domain.journal import Entry
from dmp.domain.notices import Message, Notice, Undeliverable
from dmp.domain.refusals import (
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refusal,
    StrongerSignInNeeded,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from dmp.use_cases.notice_ports import ContactDoor, NewAddress
from dmp.use_cases.preferences import Preferences

CONTACT = Contact("+212612345678", None, "fr", "sms")
ARABIC = {"language": "ar", "channel": "sms", "rhythm": "each"}
PATIENT = Caller(
    "patient", "dmp", ("patient/*.cruds",), "PATRQT", 4_000_000_000, "t", "p", "s"
)  # fmt: skip


@dataclass
class Home:
    """One patient's contact; `lost` changes are won by somebody else."""

    contact: Contact | None = CONTACT
    lost: int = 0
    active: bool = True
    waiting: NewAddress = field(default_factory=NewAddress)
    undeliverable: bool = False
    sent: list[tuple[str | None, str | None]] = field(default_factory=list)
    owed: list[Notice] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    now: int = 1_000
    proof: Mapping[str, object] = field(default_factory=dict)

    def now_ms(self) -> int:
        return self.now * 1000

    def random_bits(self, bits: int) -> int:
        return 480591 if bits == 64 else 0

    def enter(self, patient: str, registry_keys: Sequence[str]) -> ContactDoor:
        live = {"active": self.active, "expires": 4_000_000_000}
        rows: dict[str, Any] = {**dict.fromkeys(registry_keys, live), **self.proof}
        return ContactDoor(patient, rows, self.contact, b"")

    def _won(self) -> bool:
        self.lost -= 1
        return self.lost < 0

    def journal(self, door: ContactDoor, entry: Entry) -> None:
        assert door.patient == entry.patient == "p"
        self.entries.append(entry)

    def change(self, door: ContactDoor, contact: Contact, entry: Entry) -> bool:
        assert door.patient == "p"
        if not self._won():
            return False
        self.contact = contact
        self.journal(door, entry)
        return True

    def pending(self, door: ContactDoor) -> NewAddress:
        assert door.patient == "p"
        return self.waiting

    def await_code(self, door: ContactDoor, before: NewAddress, pending: NewAddress) -> bool:
        assert (door.patient, before) == ("p", self.waiting)
        if not self._won():
            return False
        self.waiting = pending
        return True

    def spend_try(self, door: ContactDoor, now: int) -> NewAddress | None:
        assert (door.patient, now) == ("p", self.now)
        return self.waiting if self.waiting.mac else None

    def move(
        self, door: ContactDoor, contact: Contact, entry: Entry, notice: Notice, now: int
    ) -> bool:
        assert (door.patient, len(entry.entry), now) == ("p", 16, self.now)
        if not self._won():
            return False
        self.journal(door, entry)
        self.contact, self.waiting = contact, NewAddress()
        self.owed.append(notice)
        return True

    def render(self, kind: str, language: str, words: Any) -> Message:
        return Message(f"{kind} {language} {words['code']}", "")

    def send(self, contact: Contact, message: Message, _: object = None) -> str:
        assert message.text == "contact-code fr 480591"
        if self.undeliverable:
            raise Undeliverable
        self.sent.append((contact.phone, contact.email))
        return "id"

    def identifier(self, system: str, value: str) -> str:
        raise NotImplementedError(system + value)

    def code(self, place: str, code: str) -> bytes:
        return f"{place} {code}".encode()

    @property
    def preferences(self) -> Preferences:
        return Preferences(self, self, self, self, self, lambda text: text)


@pytest.mark.parametrize(("lost", "kept"), [(0, True), (2, True), (3, False)])
def test_a_change_is_tried_again_over_what_another_wrote(lost: int, kept: bool) -> None:
    home = Home(lost=lost)
    if kept:
        assert home.preferences.prefer(PATIENT, ARABIC)["language"] == "ar"
    else:
        with pytest.raises(Unavailable):
            home.preferences.prefer(PATIENT, ARABIC)
    assert home.contact is not None
    assert (home.contact.language == "ar") is kept


def test_what_is_so_already_is_not_written() -> None:
    home = Home(lost=9)

    assert home.preferences.prefer(PATIENT, {**ARABIC, "language": "fr"})["language"] == "fr"


def test_a_new_address_takes_a_code_and_the_old_one_hears_of_it() -> None:
    home = Home()
    home.preferences.ask_address(PATIENT, {"phone": "+212661111111"})
    assert home.sent == [("+212661111111", None)]
    with pytest.raises(Invalid):
        home.preferences.confirm_address(PATIENT, "111111")
    assert home.contact == CONTACT

    home.preferences.confirm_address(PATIENT, "480 591")
    assert home.contact is not None
    assert home.contact.phone == "+212661111111"
    assert [(n.kind, n.phone) for n in home.owed] == [("contact-changed", CONTACT.phone)]
    with pytest.raises(Gone):
        home.preferences.confirm_address(PATIENT, "480591")


def test_a_change_that_another_won_leaves_everything() -> None:
    home = Home()
    home.preferences.ask_address(PATIENT, {"email": "n@example.org"})
    home.lost = 1
    with pytest.raises(Unavailable):
        home.preferences.confirm_address(PATIENT, "480591")
    assert (home.contact, home.owed) == (CONTACT, [])

    other = Home(lost=1)
    with pytest.raises(TooMany):
        other.preferences.ask_address(PATIENT, {"email": "n@example.org"})
    assert other.sent == []


def test_an_address_that_takes_no_message_is_told_by_its_name() -> None:
    with pytest.raises(Invalid) as told:
        Home(undeliverable=True).preferences.ask_address(PATIENT, {"email": "n@example.org"})
    assert told.value.issues[0].expression == "email"


@pytest.mark.parametrize("code", [None, 480591, "48059", ""])
def test_what_is_not_six_digits_is_no_try(code: object) -> None:
    with pytest.raises(Invalid):
        Home().preferences.confirm_address(PATIENT, code)


@pytest.mark.parametrize(
    ("home", "caller", "refused"),
    [
        (Home(contact=None), PATIENT, NotFound),
        (Home(active=False), PATIENT, Unauthenticated),
        (Home(now=4_000_000_000), PATIENT, Unauthenticated),
        (Home(), Caller("practitioner", "c", ("user/*.cruds",), "TREAT", 9, "t"), Forbidden),
        (Home(), Caller("patient", "c", ("openid",), "PATRQT", 9, "t", "p", "s"), Forbidden),
    ],
)
def test_they_are_the_patients_own(home: Home, caller: Caller, refused: type[Refusal]) -> None:
    with pytest.raises(refused):
        home.preferences.shown(caller)


def test_the_index_is_read_page_after_page_and_shard_after_shard() -> None:
    class Client:
        def query(self, **named: Any) -> dict[str, Any]:
            shard = named["ExpressionAttributeValues"][":s"]["S"]
            page = "2" if "ExclusiveStartKey" in named else "1"
            item = {"pk": {"S": f"p{shard}"}, "sk": {"S": f"N#{page}"}}
            return {"Items": [item], **({} if page == "2" else {"LastEvaluatedKey": item})}

    owed = list(DueIndex(Client(), "records").before(7))
    assert owed == [(f"p{shard}", page) for shard in range(8) for page in "12"]


def test_who_has_a_pin_or_passkey_proves_it_to_change_the_address() -> None:
    home = Home(proof={"credential#p": {"known": True}})
    for step in (
        lambda: home.preferences.ask_address(PATIENT, {"email": "n@example.org"}),
        lambda: home.preferences.confirm_address(PATIENT, "480591"),
    ):
        with pytest.raises(StrongerSignInNeeded):
            step()
    assert home.sent == []
    same = {**ARABIC, "language": "fr"}
    assert home.preferences.prefer(PATIENT, same)["language"] == "fr"

    live = {"active": True, "expires": 4_000_000_000, "strong_until": home.now + 1}
    home.proof = {"credential#p": {"known": True}, "session#s": live}
    home.preferences.ask_address(PATIENT, {"email": "n@example.org"})
    assert home.preferences.confirm_address(PATIENT, "480591")
