"""Who may see the record, on the patient's own page, on moto: seen, ended, let in, refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.template import ROOT
from tests.decider import PEOPLE, Home, at_home, broken_glass, handlers_of, plain
from tests.proving import PIN
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.world import AMRANI, BENNIS, HOSPITAL, observation


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, dict[str, Any]]]:
    with deployed() as stack:
        yield stack, handlers_of(stack)


@pytest.fixture
def home(made: tuple[Stack, dict[str, Any]]) -> Iterator[Home]:
    with at_home(*made) as there:
        yield there


def test_who_can_read_today_is_told_with_the_rule(home: Home) -> None:
    home.reads(home.other)
    text = home.page()

    assert "Dr Salma Amrani can read: a consent of yours allows it." in text.replace(
        ", Clinique Atlas", ""
    )
    assert "2 of 2 entries of your record" in text
    cannot = text.partition("Who cannot")[2]
    assert "Dr Youssef Bennis" in cannot.partition("What you decided")[0]
    assert "In an emergency, a practitioner could open and read it." in text
    assert "Where you have said nothing, nobody may see your record." in text


def test_a_look_at_it_is_journalled(home: Home) -> None:
    before = len(home.rules())
    home.page()
    home.clock.shift(1)
    assert len(home.rules()) - before == 2  # the look, and the look at the journal
    assert home.rules()[1] == ("E", "patient-own")


def test_a_permission_is_ended_and_counts_at_once(home: Home) -> None:
    assert home.reads(home.doctor) == 200

    page = home.send("end", consent=home.consent)

    assert "It is over, from now on." in plain(page)
    assert home.reads(home.doctor) == 403
    assert "Nothing for anybody yet." in home.page()
    home.send("end", consent=home.consent)
    assert home.guest.page.status == 200


def test_somebody_is_let_in_after_the_page_showed_who_and_what(home: Home) -> None:
    assert home.reads(home.other) == 403
    shown = home.send("let-in", inpe="200 000 002", until="2026-12-31", may="write")
    text = plain(shown)
    assert shown.status == 200
    assert "Dr Youssef Bennis" in text
    assert "They can then read 2 of the 2 entries of your record; today it is 0" in text
    assert "31 December 2026" in text
    assert home.reads(home.other) == 403  # nothing is done yet

    page = home.guest.give(home.guest.named(PEOPLE))

    assert "They are let in, from now on." in plain(page)
    assert home.reads(home.other) == 200
    made = next(c for c in home.consents() if c["policy"][0]["uri"] == "urn:dmp:policy:1")
    assert made["provision"]["period"]["end"] == "2026-12-31T23:00:00.000Z"
    home.clock.move_to("2026-12-31T23:00:01Z")
    assert home.world.call(f"GET /fhir/{home.entry}", home.other).status == 403


def test_who_is_let_in_only_to_read_does_not_write(home: Home) -> None:
    home.sure("let-in", inpe=BENNIS, until="2026-12-31", may="read")

    assert home.reads(home.other) == 200
    body = observation(home.id)
    assert home.world.call("POST /fhir/Observation", home.other, body).status == 403
    assert "only to read" in home.page()


def test_a_place_is_let_in_for_who_works_there(home: Home) -> None:
    shown = home.send("let-in", inpe=HOSPITAL, until="2026-12-31", may="read")
    assert "everybody who works there" in plain(shown)
    home.guest.give(home.guest.named(PEOPLE))

    assert home.reads(home.other) == 200


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"inpe": "999999999", "until": "2026-12-31"}, "Nobody in the directory"),
        ({"inpe": "12", "until": "2026-12-31"}, "Nobody in the directory"),
        ({"inpe": BENNIS, "until": "2026-11-21"}, "a day that is still to come"),
        ({"inpe": BENNIS, "until": "demain"}, "a day that is still to come"),
        ({"inpe": BENNIS}, "a day that is still to come"),
    ],
)
def test_what_cannot_be_taken_is_said_and_typed_once(
    home: Home, fields: dict[str, str], told: str
) -> None:
    page = home.send("let-in", **fields)

    assert page.status == 422
    assert told in plain(page)
    assert f'value="{fields["inpe"]}"' in page.text
    assert len(home.consents()) == 1


def test_who_is_refused_sees_nothing_not_even_in_an_emergency(home: Home) -> None:
    shown = home.send("refuse", inpe=AMRANI)
    assert "not even in an emergency" in plain(shown)
    assert home.reads(home.doctor) == 200
    home.guest.give(home.guest.named(PEOPLE))

    assert home.reads(home.doctor) == 403
    urgent = home.world.doctor(purpose="BTG")
    given = [{"name": "patient", "valueReference": {"reference": f"Patient/{home.id}"}},
             {"name": "reason", "valueCode": "UNCONSCIOUS"},
             {"name": "text", "valueString": "Trouvée inconsciente"}]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": given}
    assert home.world.call("POST /fhir/Consent/$break-glass", urgent, body).status == 403
    assert "Take this refusal back" in home.page()


def test_an_emergency_is_shown_and_contested(home: Home) -> None:
    broken_glass(home)
    text = home.page()
    assert "Opened your record in an emergency, without asking you." in text
    (name,) = [c["id"] for c in home.consents() if c["id"] != home.consent]

    short = home.send("contest", consent=name, text="non")
    assert short.status == 422
    assert "too short or too long" in plain(short)
    page = home.send("contest", consent=name, text="J'étais chez moi, personne ne m'a vue")

    assert "The emergency access is over." in plain(page)
    urgent = home.world.doctor(BENNIS, purpose="BTG")
    assert home.reads(urgent) == 403
    assert "contest" in [rule for _, rule in home.rules()]


def test_with_a_pin_widening_asks_for_it_and_narrowing_does_not(home: Home) -> None:
    home.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    home.clock.shift(400)
    home.send("end", consent=home.consent)
    assert "It is over, from now on." in plain(home.guest.page)

    asked = home.sure("let-in", inpe=BENNIS, until="2026-12-31", may="write")
    assert "Prove that it is you" in plain(asked)
    assert home.reads(home.other) == 403
    page = home.guest.give(home.guest.named("prove-pin"), pin=PIN)

    assert "They are let in, from now on." in plain(page)
    assert home.reads(home.other) == 200


def test_a_form_sent_twice_works_once(home: Home) -> None:
    home.send("let-in", inpe=BENNIS, until="2026-12-31", may="read")
    form = home.guest.named(PEOPLE)
    home.guest.give(form)
    again = home.guest.to(PEOPLE, form.fields)

    assert again.status == 200
    assert len(home.consents()) == 2


def test_a_form_of_another_site_or_page_does_nothing(home: Home) -> None:
    home.guest.open(PEOPLE)
    token = dict(home.guest.named("/account/sign-out").fields)["token"]
    fields = {"token": token, "action": "end", "consent": home.consent}
    refused = home.guest.to(PEOPLE, fields, **{"Sec-Fetch-Site": "cross-site"})
    stale = home.guest.to(PEOPLE, {**fields, "token": "0" * 86})
    unknown = home.guest.to(PEOPLE, {**fields, "action": "open-all"})

    assert (refused.status, unknown.status) == (403, 400)
    assert "nothing was done" in stale.text
    assert home.reads(home.doctor) == 200


@pytest.mark.parametrize("action", ["end", "contest"])
@pytest.mark.parametrize("whose", ["0" * 20, ""])
def test_what_is_not_the_patients_is_not_touched(home: Home, action: str, whose: str) -> None:
    name = f"{whose or home.id}.{'0' * 16}.abcd"
    page = home.send(action, consent=name, text="Ce n'était pas une urgence")

    assert page.status == 200
    assert "nothing was done" in page.text
    assert home.reads(home.doctor) == 200


def test_the_event_of_a_visitor_without_a_session_leads_to_the_sign_in(
    made: tuple[Stack, dict[str, Any]],
) -> None:
    event = json.loads((ROOT / "events" / "people" / "people.json").read_text("utf-8"))
    answered = made[1]["people"](event, Context("People"))

    assert answered["statusCode"] == 303
    assert answered["headers"]["Location"].endswith("/account/sign-in?to=people")


@pytest.mark.parametrize("language", ["ar", "fr", "zgh"])
def test_the_page_speaks_four_languages(home: Home, language: str) -> None:
    broken_glass(home)
    home.send("refuse", inpe=AMRANI)
    english = plain(home.guest.open(PEOPLE))
    page = home.guest.open(f"{PEOPLE}?lang={language}")

    assert f'lang="{language}"' in page.text
    for text in ("can read", "cannot read", "emergency", "Until"):
        assert text in english
        assert text not in plain(page)


def move_contact(home: Home, until: int) -> None:
    """As if the patient's number had changed; nobody new is let in until then."""
    home.stack.client("dynamodb").update_item(
        TableName=home.world.tables["RECORDS_TABLE"],
        Key={"pk": {"S": home.id}, "sk": {"S": "CONTACT"}},
        UpdateExpression="SET #u = :u",
        ExpressionAttributeNames={"#u": "until"},
        ExpressionAttributeValues={":u": {"N": str(until)}},
    )


def test_for_a_day_after_a_new_number_nobody_is_let_in_and_the_page_says_why(home: Home) -> None:
    move_contact(home, 4_000_000_000)
    page = home.sure("let-in", inpe=BENNIS, until="2026-12-31", may="write")

    assert page.status == 403
    assert "changed less than a day ago" in plain(page)
    assert f'value="{BENNIS}"' in page.text
    home.send("end", consent=home.consent)
    assert "It is over, from now on." in plain(home.guest.page)


def test_numbers_are_not_tried_without_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp.use_cases.people.AN_HOUR", 1)
    home.send("refuse", inpe="999999999")
    page = home.send("refuse", inpe=BENNIS)

    assert page.status == 429
    assert "Too many numbers were tried." in plain(page)


def test_a_line_of_the_journal_leads_to_the_form_that_refuses(home: Home) -> None:
    home.reads(home.doctor)
    home.clock.shift(1)
    listed = home.guest.open("/account/journal").text
    line = re.search(r'href="/test(/account/journal/[^"]+)"><bdi>Dr Salma', listed)
    assert line is not None
    link = re.search(r'href="/test(/account/people[?][^"]+)"', home.guest.open(line[1]).text)
    assert link is not None
    page = home.guest.open(link[1])

    assert f'name="inpe" value="{AMRANI}"' in page.text
    assert page.text.count('<details class="filters" open>') == 1
    assert home.guest.open(f"{PEOPLE}?inpe=%3Cb%3E").text.count(" open>") == 0
