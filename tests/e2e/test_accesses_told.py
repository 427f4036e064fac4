"""Each access is told to the patient: in their language, by their channel, once an hour."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from infra.build import ROOT
from infra.local.deployment import STACK
from infra.local.visitors import PartnerApp
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.61"
SCRIPTS = {
    "fr": re.compile(r"[éèà]"),
    "ar": re.compile(r"[\u0621-\u064a]"),
    "zgh": re.compile(r"[\u2d30-\u2d67]"),
    "en": re.compile(r"\b(your|record|by)\b"),
}
CLINICAL = ("4548", "HbA1c", "Observation", "Patient/", "TREAT")


def told(home: Home, name: str) -> list[dict[str, Any]]:
    """What the patient was told of the practitioner of that name."""
    return [m for m in home.sandbox.messages(home.person.address) if name in m["text"]]


def told_within(home: Home, name: str, before: int, seconds: float = 20) -> list[dict[str, Any]]:
    """What they were told beyond the first `before`."""
    deadline = time.monotonic() + seconds
    while not (found := told(home, name)[before:]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def notices(place: Place, home: Home) -> set[str]:
    """Every notice that the record ever owed."""
    keys = place.keys_of("RecordsTable")
    return {sk for pk, sk in keys if pk == home.id and sk.startswith("N#")}


def everything(app: PartnerApp, home: Home, practitioner: Any) -> httpx.Response:
    base = app.sandbox.described["fhir_base"]
    url = f"{base}/Patient/{home.id}/$everything"
    return app.sandbox.send("GET", url, app.token(practitioner))


@pytest.mark.parametrize("language", ["fr", "ar", "zgh", "en"])
def test_an_access_is_told_once_in_the_patients_words(place: Place, language: str) -> None:
    home = place.home(language)
    oncologist = place.practitioner("oncologist")  # who reads in no other test
    app = place.app("hospital", ADDRESS)
    name = oncologist["name"].split()[-1]
    home.grant(oncologist)
    before, owed = len(told(home, name)), notices(place, home)

    first = everything(app, home, oncologist)
    assert first.status_code == 200, first.text
    [message] = told_within(home, name, before)
    assert everything(app, home, oncologist).status_code == 200

    assert message["channel"] == ("email" if "email" in home.known else "sms")
    assert SCRIPTS[language].search(message["text"])
    assert not [s for s in SCRIPTS if s in ("ar", "zgh") and s != language
                and SCRIPTS[s].search(message["text"])]  # fmt: skip
    for word in (*CLINICAL, home.known["family"], home.known["cin"], home.id):
        assert word not in message["text"]
    accesses = [e for e in home.journal() if name in str(e["agent"]) and e["outcome"] == "0"]
    assert len(accesses) == 2, "each query is journalled"
    assert len(notices(place, home) - owed) == 1, "and one access owes one notice"
    assert told(home, name)[before:] == [message]


def test_a_refusal_tells_the_journal_and_nobody_else(place: Place) -> None:
    home, nurse = place.home("en"), place.practitioner("nurse")
    owed = notices(place, home)

    assert everything(place.app("clinic", ADDRESS), home, nurse).status_code == 403
    refusals = [e for e in home.journal() if e["outcome"] != "0"]
    assert any(nurse["name"] in str(e["agent"]) for e in refusals)
    assert notices(place, home) == owed


def test_who_changes_the_language_is_told_in_the_new_one(place: Place) -> None:
    home, cardiologist = place.home("fr"), place.practitioner("cardiologist")
    url = home.sandbox.url("/preferences")
    chosen = home.sandbox.send("GET", url, home.token).json()
    kept = {name: chosen[name] for name in ("language", "channel", "rhythm") if name in chosen}
    changed = home.sandbox.send("PUT", url, home.token, json={**kept, "language": "ar"})
    assert changed.status_code == 200, changed.text
    name = cardiologist["name"].split()[-1]
    before = len(told(home, name))
    try:
        home.grant(cardiologist)
        read = everything(place.app("hospital", ADDRESS), home, cardiologist)
        assert read.status_code == 200
        [message] = told_within(home, name, before)
        assert SCRIPTS["ar"].search(message["text"])
    finally:
        home.sandbox.send("PUT", url, home.token, json=kept)


def test_the_ledger_of_all_that_was_owed_balances(place: Place) -> None:
    """As an operator asks: `make reconcile`, while the rest of the day goes on."""
    home = place.home("fr")
    assert notices(place, home)
    words = [sys.executable, "-m", "infra.reconcile", STACK]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "shared")}
    for _ in range(30):
        done = subprocess.run(  # noqa: S603
            words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if "balanced, at rest" in done.stdout:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "balanced, at rest" in done.stdout
    assert re.search(r"missing +0", done.stdout)
