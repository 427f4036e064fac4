"""What is shown of an address, and who hears that it changed."""

from __future__ import annotations

import pytest

from dmp.domain.contact import Contact
from dmp.domain.preferences import former, moved, shown

PHONE, EMAIL = "+212612345678", "nadia@example.org"


def test_an_address_is_shown_so_that_its_owner_knows_it() -> None:
    view = shown(Contact(PHONE, EMAIL, "ar", "email"))

    assert view["phone"] == "+2126••••••78"
    assert view["email"] == "n•••@example.org"
    assert set(shown(Contact(None, None, "ar", "sms"))) == {"language", "channel", "rhythm"}


@pytest.mark.parametrize(
    ("phone", "email", "address", "told"),
    [
        (PHONE, EMAIL, "phone", (PHONE, "")),
        (PHONE, EMAIL, "email", ("", EMAIL)),
        (PHONE, None, "phone", (PHONE, "")),
        (PHONE, None, "email", (PHONE, "")),
        (None, EMAIL, "phone", ("", EMAIL)),
        (None, EMAIL, "email", ("", EMAIL)),
    ],
)
def test_the_former_address_hears_of_it(
    phone: str | None, email: str | None, address: str, told: tuple[str, str]
) -> None:
    contact = Contact(phone, email, "fr", "sms")

    assert former(contact, address) == told
    changed = moved(contact, address, "new")
    assert (changed.phone, changed.email) == (
        ("new", email) if address == "phone" else (phone, "new")
    )
