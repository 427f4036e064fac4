"""A notice: sealed and read again, addressed, due again later and later."""

from __future__ import annotations

from dataclasses import replace

from dmp.domain.contact import Contact
from dmp.domain.notices import LEASE_S, SHARDS, Notice, due_again, reference_of

NOTICE = Notice("access", "2026-11-22T10:00:00.000Z", "89ABCDEF", 7, "Dr Amrani", "Clinique Atlas")
CONTACT = Contact("+212612345678", "n@example.org", "fr", "email")


def test_it_is_read_as_it_was_written_and_later_members_are_ignored() -> None:
    written = NOTICE.to_bytes()

    assert Notice.from_bytes(written) == NOTICE
    assert Notice.from_bytes(written[:-1] + b',"later":1}') == NOTICE


def test_it_goes_to_the_contact_unless_it_brings_an_address() -> None:
    assert NOTICE.addressed(CONTACT) == CONTACT
    told = Notice("contact-changed", NOTICE.at, "R", 7, phone="+212661111111").addressed(CONTACT)
    assert (told.phone, told.email, told.language) == ("+212661111111", None, "fr")


def test_it_goes_by_the_channel_that_was_not_chosen_when_it_says_so() -> None:
    told = replace(NOTICE, other=True)

    assert told.addressed(CONTACT) == replace(CONTACT, channel="sms")
    assert told.addressed(replace(CONTACT, channel="sms")) == CONTACT
    assert told.addressed(CONTACT, mail=False) == replace(CONTACT, channel="sms", email=None)
    assert Notice.from_bytes(told.to_bytes()) == told


def test_what_came_back_by_mail_goes_by_phone_alone() -> None:
    assert NOTICE.addressed(CONTACT, mail=False) == replace(CONTACT, email=None)
    told = Notice("contact-changed", NOTICE.at, "R", 7, email="o@example.org")
    assert (told.addressed(CONTACT).email, told.addressed(CONTACT).phone) == ("o@example.org", None)
    nowhere = told.addressed(CONTACT, mail=False)
    assert (nowhere.phone, nowhere.email) == (None, None)


def test_it_falls_due_again_later_and_later() -> None:
    waits = [due_again(0, attempts) for attempts in range(1, 30)]

    assert waits[:4] == [120, 240, 480, 960]
    assert max(waits) == waits[-1] == 6 * 3600
    assert waits == sorted(waits)
    assert min(waits) > LEASE_S


def test_references_spread_over_every_shard() -> None:
    shards = {Notice("welcome", "", reference_of(f"{n:016x}"), 0).shard for n in range(200)}

    assert shards == {str(n) for n in range(SHARDS)}
