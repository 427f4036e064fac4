"""A registrar changes a contact in person: told twice, journalled, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.preferences import SealedPreferences
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.signed_in import SignedInRows
from dmp.adapters.dynamodb.tables import CONTACT
from dmp.adapters.phones import mobile
from dmp.domain.caller import Caller
from dmp.domain.contact import NO_GRANT_S, Contact
from dmp.domain.refusals import Unavailable
from dmp.use_cases.acts import act
from dmp.use_cases.contact_changes import ContactChanges
from dmp.use_cases.ports import Door, Write
from dmp.use_cases.written import Request
from tests.family import Family
from tests.world import BENNIS, Reply, World, consent

OLD, NEW, EMAIL = "+212612345678", "+212661234567", "nadia@example.org"
SEEN = {"reason": "lost", "document": "CIN AB12345"}
Json = dict[str, Any]


@pytest.fixture
def family(world: World) -> Family:
    return Family(world)


@pytest.fixture
def registrar(world: World) -> Caller:
    return world.doctor(role="registrar", purpose="HOPERAT", scopes=("system/Patient.u",))


def send(family: Family, caller: Caller, body: object, patient: str = "") -> Reply:
    path = f"POST /contacts/{patient or family.id}"
    return family.world.call(path, caller, body, Content_Type="application/json")


def contact(family: Family) -> Contact:
    door = family.clinic.store.enter(family.id, family.father)
    assert isinstance(door, Door)
    return family.clinic.store.contact(door)[0]


def test_old_and_new_address_are_told_and_the_journal_says_why(
    family: Family, registrar: Caller
) -> None:
    before = len(family.notices())
    done = send(family, registrar, {"phone": "0661234567", **SEEN})

    assert done.status == 200, done.body
    assert done.headers["Content-Type"] == "application/json"
    assert done.json == {
        "language": "fr", "channel": "sms", "rhythm": "each", "phone": "+2126••••••67",
    }  # fmt: skip
    assert contact(family).phone == NEW
    told = family.notices()[before:]
    assert {(n.kind, n.phone, n.email) for n in told} == {
        ("contact-changed", OLD, ""), ("contact-changed", NEW, ""),
    }  # fmt: skip
    entry = family.journal()[-1]
    assert (entry.action, entry.outcome, entry.rule) == ("contact", "permit", "registrar-contact")
    assert entry.reason == {"code": "lost", "text": "CIN AB12345"}
    assert entry.who["role"] == "registrar"
    assert {n.reference for n in told} == {entry.entry[-8:].upper()}
    assert entry.query == f"contacts/{family.id}"


def test_a_mail_address_in_place_of_a_lost_phone_gets_the_messages_from_then_on(
    family: Family, registrar: Caller
) -> None:
    before = len(family.notices())
    done = send(family, registrar, {"email": EMAIL, **SEEN})

    assert (done.status, done.json["channel"]) == (200, "email")
    assert contact(family) == Contact(OLD, EMAIL, "fr", "email")
    told = family.notices()[before:]
    assert {(n.phone, n.email) for n in told} == {(OLD, ""), ("", EMAIL)}


def test_for_a_day_nothing_is_widened_and_nobody_is_named(
    family: Family, registrar: Caller
) -> None:
    assert send(family, registrar, {"phone": NEW, **SEEN}).status == 200

    widened = family.world.call("POST /fhir/Consent", family.father, consent(family.id, BENNIS))
    named = family.name("read")

    for refused in (widened, named):
        assert refused.status == 403, refused.body
        assert refused.json["issue"][0]["details"]["coding"][0]["code"] == "contact-just-changed"
    [row] = family.clinic.rows(CONTACT)
    assert row["until"] > family.world.clock.now_ms() // 1000 + NO_GRANT_S - 60
    assert family.standing().delegates == ()


def test_others_than_registrars_and_nobodys_record_get_one_answer(
    family: Family, registrar: Caller
) -> None:
    world, body = family.world, {"phone": NEW, **SEEN}
    others = [world.doctor(role=role) for role in ("physician", "auditor", "administrator")]
    refused = [send(family, caller, body) for caller in (*others, family.father, family.daughter)]
    refused += [
        send(family, registrar, body, name) for name in ("0" * 20, "x", f"{family.id}.{'0' * 16}")
    ]

    assert {r.status for r in refused} == {403}
    assert len({r.body for r in refused}) == 1
    assert contact(family).phone == OLD
    mine = [e for e in family.journal() if e.rule == "registrar-contact"]
    assert [e.outcome for e in mine] == ["refuse"] * 5
    assert {n.kind for n in family.notices()} & {"contact-changed"} == set()


def test_it_takes_the_scope_and_a_live_registrar(family: Family, registrar: Caller) -> None:
    body = {"phone": NEW, **SEEN}
    reader = replace(registrar, scopes=("system/Patient.rs",))

    assert send(family, reader, body).status == 403
    assert send(family, replace(registrar, expires=1), body).status == 401
    assert send(family, replace(registrar, expires=1), body, "x").status == 401
    assert contact(family).phone == OLD


WRONG: list[tuple[str, Json, str]] = [
    ("no address", SEEN, "body"),
    ("two addresses", {"phone": NEW, "email": EMAIL, **SEEN}, "body"),
    ("no reason", {"phone": NEW, "document": "CIN AB12345"}, "body"),
    ("no document", {"phone": NEW, "reason": "lost"}, "body"),
    ("another member", {"phone": NEW, "fax": "1", **SEEN}, "body"),
    ("an unknown member", {"fax": "1", **SEEN}, "body"),
    ("an unknown reason", {"phone": NEW, **SEEN, "reason": "x"}, "reason"),
    ("a reason of another kind", {"phone": NEW, **SEEN, "reason": ["lost"]}, "reason"),
    ("a short document", {"phone": NEW, **SEEN, "document": " x  "}, "document"),
    ("a long document", {"phone": NEW, **SEEN, "document": "x" * 101}, "document"),
    ("no text", {"phone": NEW, **SEEN, "document": 7}, "document"),
    ("a land line", {"phone": "0522345678", **SEEN}, "phone"),
    ("a number abroad", {"phone": "+33612345678", **SEEN}, "phone"),
    ("no mail address", {"email": "nobody", **SEEN}, "email"),
]


@pytest.mark.parametrize(("body", "field"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_named(family: Family, registrar: Caller, body: Json, field: str) -> None:
    refused = send(family, registrar, body)

    assert refused.status == 422, refused.body
    assert refused.json["expression"] == field
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert contact(family).phone == OLD


class Late(DynamoRecords):
    """A store that is always a little late: `meanwhile` comes before each commit."""

    def __init__(self, family: Family, meanwhile: Callable[[int], None]) -> None:
        super().__init__(family.world.vault, *family.world.tables.values())
        self.meanwhile, self.tries = meanwhile, 0

    def commit(self, door: Door, write: Write) -> None:
        self.meanwhile(self.tries)
        self.tries += 1
        super().commit(door, write)


def changes(family: Family, meanwhile: Callable[[int], None]) -> ContactChanges:
    late = Late(family, meanwhile)
    signed_in = SignedInRows(family.world.tables["REGISTRY_TABLE"])
    return ContactChanges(late, late, family.world.clock, mobile, signed_in)


def test_it_holds_for_the_contact_that_was_seen_or_not_at_all(
    family: Family, registrar: Caller
) -> None:
    patients = SealedPreferences(family.world.vault, *family.world.tables.values())

    def patients_own(until: int) -> Callable[[int], None]:
        def meanwhile(tried: int) -> None:
            if tried < until:
                other = replace(contact(family), email=f"n{tried}@example.org")
                told = act(SystemClock(), family.id, "preferences", "patient-own")
                assert patients.change(patients.enter(family.id, ()), other, told)

        return meanwhile

    before, body = len(family.notices()), {"phone": NEW, **SEEN}
    request = Request(registrar, "r", "contacts")
    with pytest.raises(Unavailable):
        changes(family, patients_own(9)).change(request, family.id, body)
    assert contact(family).phone == OLD
    assert len(family.notices()) == before
    assert not [e for e in family.journal() if e.rule == "registrar-contact"]

    changes(family, patients_own(1)).change(request, family.id, body)
    assert (contact(family).phone, contact(family).email) == (NEW, "n0@example.org")
    assert len(family.notices()) == before + 2
