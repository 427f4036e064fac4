"""The whole journal taken away from the patient's own page, in parts, on moto."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest

from dmp.use_cases import export_pages
from tests import patients
from tests.guests import Guest, at_home, still
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.tabs import Page
from tests.world import World, consent, observation

EXPORT = "/account/export"


class Home:
    """A patient whose journal has a doctor's entries, signed in."""

    def __init__(self, stack: Stack, app: Any, clock: Any) -> None:
        self.world, self.clock = World(stack), clock
        self.patient = at_home(stack, self.world)
        self.stack, self.doctor = stack, self.world.doctor()
        pid = self.patient.patient or ""
        self.world.call("POST /fhir/Consent", self.patient, consent(pid))
        clock.shift(1)
        self.world.call("POST /fhir/Observation", self.doctor, observation(pid))
        clock.shift(60)
        self.guest = Guest(app.handler)
        self.guest.open(EXPORT)
        self.guest.sign_in()

    def rows(self, prefix: str) -> list[str]:
        """Sort keys of the record."""
        found = self.stack.client("dynamodb").query(
            TableName=self.world.tables["RECORDS_TABLE"],
            KeyConditionExpression="pk = :p AND begins_with(sk, :n)",
            ExpressionAttributeValues={":p": {"S": self.patient.patient}, ":n": {"S": prefix}},
        )
        return [item["sk"]["S"] for item in found["Items"]]

    def asked(self, **query: str) -> Page:
        """The form, sent a second later."""
        self.clock.shift(1)
        return self.guest.open(f"{EXPORT}?{urlencode({'from': '', 'to': '', **query})}")

    def file(self, **changes: str) -> Page:
        """The file of the part that the page shows; the page stays."""
        page = self.guest.page
        fields = {**dict(self.guest.named(EXPORT).fields), **changes}
        taken = self.guest.to(EXPORT, fields)
        self.guest.page = page
        return taken

    def files(self, form: str) -> list[Page]:
        """Every part's file, one page after the other."""
        shown, files = self.asked(format=form).text, []
        while True:
            self.clock.shift(1)
            files.append(self.file())
            onward = re.search(r'class="button" href="/test([^"]+)"', shown)
            if onward is None:
                return files
            shown = self.guest.open(html.unescape(onward[1])).text


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, Any]]:
    with deployed() as stack:
        yield stack, stack.app("account", "Account")


@pytest.fixture
def home(made: tuple[Stack, Any]) -> Iterator[Home]:
    patients.empty(made[0])
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        yield Home(*made, clock)


def told(text: str) -> dict[str, str]:
    """What the page says of the part."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text)
    return {name: re.sub(r"<[^>]+>", "", value) for name, value in pairs}


def lines(files: list[Page]) -> list[list[str]]:
    """The rows of tables, without their headings."""
    return [row for f in files for row in list(csv.reader(io.StringIO(f.text[1:])))[1:]]


@pytest.mark.parametrize("most", [2, 5000])
def test_every_entry_is_taken_away_once_part_after_part(
    home: Home, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_pages, "ENTRIES_MAX", most)
    before = [f"{home.patient.patient}.{key[2:]}" for key in home.rows("J#")]

    tables = home.files("csv")
    bundles = [json.loads(f.text) for f in home.files("fhir")]

    assert [row[-1] for row in lines(tables)] == before
    ids = [e["resource"]["id"] for b in bundles for e in b["entry"]]
    assert ids[: len(before)] == before
    assert len(tables) == -(-len(before) // most)
    assert {b["type"] for b in bundles} == {"collection"}
    names = [f.headers["Content-Disposition"] for f in tables]
    assert names[0] == 'attachment; filename="dmp-journal-2026-11-22-1.csv"'
    assert len(set(names)) == len(names)


def test_the_page_says_what_the_part_will_be(home: Home) -> None:
    text = home.asked(format="csv").text
    home.clock.shift(5)
    rows = lines([home.file()])

    said = told(text)
    assert said["Lines"] == str(len(rows))
    assert said["From"].startswith("22 November 2026")
    assert said["Size"] == "about 1 kB"
    assert "This is the last part." in text
    assert 'href="/test/account/export"' in home.guest.open("/account/journal").text


def test_what_leaves_is_journalled_and_told_once_and_a_look_is_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_pages, "ENTRIES_MAX", 3)
    notices = len(home.rows("N#"))
    home.asked(format="csv")
    assert len(home.rows("N#")) == notices

    files = home.files("csv")

    assert len(files) > 1
    assert len(home.rows("N#")) == notices + 1
    home.clock.shift(1)
    found = home.world.call(f"GET /fhir/AuditEvent?patient={home.patient.patient}", home.patient)
    actions = [e["resource"]["subtype"][0]["code"] for e in found.json["entry"]]
    assert actions.count("disclose") == len(files), actions


def test_a_part_comes_again_as_it_was_when_the_line_broke(home: Home) -> None:
    home.asked(format="csv")
    first = home.file()
    home.clock.shift(300)
    home.world.call(f"GET /fhir/Patient/{home.patient.patient}", home.doctor)

    assert lines([home.file()]) == lines([first])


def test_a_time_is_chosen_in_days_of_morocco(home: Home) -> None:
    assert "Nothing is written" in home.asked(format="csv", to="2026-11-21").text
    assert "This is the last part." in home.asked(format="csv", **{"from": "2026-11-22"}).text
    wrong = home.asked(format="fhir", **{"from": "gestern"})

    assert wrong.status == 422
    assert "The dates could not be read." in wrong.text
    assert 'value="fhir" checked' in wrong.text


def test_a_table_is_in_the_language_of_the_page(home: Home) -> None:
    home.asked(format="csv", lang="fr")
    home.guest.cookies["__Host-dmp-lang"] = "fr"

    assert "Praticien" in home.file().text.partition("\r\n")[0]


@pytest.mark.parametrize(
    "query", [{"format": "xml"}, {"part": "0"}, {"_page": "AAAA"}, {"from": "2026-11-22T99"}]
)
def test_an_address_that_is_not_ours_shows_nothing(home: Home, query: dict[str, str]) -> None:
    page = home.asked(**{"format": "csv", **query})

    assert page.status == 400
    assert "not asked for in the right way" in page.text


def test_a_file_leaves_only_for_a_form_of_ours(home: Home) -> None:
    notices = len(home.rows("N#"))
    home.asked(format="csv")
    fields = dict(home.guest.named(EXPORT).fields)
    elsewhere = home.guest.to(EXPORT, fields, **{"Sec-Fetch-Site": "cross-site"})
    stale = home.guest.to(EXPORT, {**fields, "token": "0" * 86})
    home.guest.cookies.clear()
    nobody = home.guest.to(EXPORT, fields)

    assert elsewhere.status == 403
    assert "nothing was done" in stale.text
    assert "Content-Disposition" not in nobody.headers
    assert home.guest.address_shown.startswith("/account/sign-in?to=export")
    assert len(home.rows("N#")) == notices
