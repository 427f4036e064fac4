"""The first day of a record in one process, on moto alone: only events, only real handlers.

moto's Step Functions execute the activation; stream records and messages are carried by hand from
the tables and queues to the handlers that the template maps them to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine

from dmp.domain.directory import Organization, Practitioner
from dmp.use_cases.compaction import SETTLED_MS
from infra.build import ROOT
from infra.local.visitors import OTP, consent_for
from tests import oauth
from tests.gateway import Gateway
from tests.oauth import CLINIC, HOSPITAL, PHYSICIAN, SURGEON
from tests.post import Post, commits
from tests.register import Town, asked, code_of, sms
from tests.stack import Context, stack
from tests.world import Reply, World, observation

pytestmark = pytest.mark.slow
SAMPLE = ROOT / "infra" / "local" / "first_day.json"
SAMPLE_PATIENT = "urn:uuid:00000000-0000-4000-8000-000000000001"
FORM = "application/x-www-form-urlencoded"
NAMES = {PHYSICIAN: "Dr Salma Bennani", SURGEON: "Dr Leila Tahiri"}
MANY = 120  # commits: more than a compactor leaves unfolded


class Day:
    """One patient, two practitioners and the operator's hands."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.stack = town.stack
        self.api = Gateway(town.stack)
        self.post = Post(World(town.stack), None)
        self.patient = ""
        self.own = ""  # the patient's access token

    def send(self, request: str, token: str = "", body: object = None, **headers: str) -> Reply:
        """`send("GET /fhir/Patient/x", token)`."""
        method, _, url = request.partition(" ")
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        with self.town.turn:
            return self.api.send(method, url, token, text, **headers)

    def activated(self) -> str:
        """Ask, and say the code that the execution sent."""
        begun = self.send("POST /activations", body=asked(self.town.register()))
        assert begun.status == 202, begun.body
        name = begun.json["id"]
        self.town.wait_for(name, "awaiting-code")
        said = self.send(
            f"POST /activations/{name}/confirmation", body={"code": code_of(sms()[-1][1])}
        )
        assert said.status == 202, said.body
        patient: str = self.town.wait_for(name, "active")["patient"]
        assert self.town.ends(name) == "SUCCEEDED"
        return patient

    def signed_in(self) -> str:
        """The patient's access token, by one-time code."""
        body = {"identifier": {"system": "urn:ma:cin", "value": "BE742318"}}
        challenge = self.send("POST /oauth2/otp", body=body).json["challenge"]
        code = code_of(sms()[-1][1])
        form = {"grant_type": OTP, "challenge": challenge, "code": code}
        return self.token(**form)

    def working(self, client: str, practitioner: str, organization: str) -> str:
        """A practitioner's access token, by their app's assertion."""
        b2b = {
            **oauth.B2B,
            "subject_id": f"urn:ma:inpe|{practitioner}",
            "organization_id": f"urn:ma:inpe|{organization}",
        }
        claims = oauth.claims_of(client, extensions={"hl7-b2b": b2b})
        return self.token(**oauth.credentials(oauth.signed(claims), scope=oauth.SCOPES))

    def token(self, **form: str) -> str:
        """What the token endpoint gives."""
        answered = self.send("POST /oauth2/token", body=urlencode(form), Content_Type=FORM)
        assert answered.status == 200, answered.body
        token: str = answered.json["access_token"]
        return token

    def consents(self, practitioner: str) -> str:
        """The patient lets a practitioner in; the consent's id."""
        known = {"name": NAMES[practitioner], "inpe": practitioner}
        today = datetime.now(UTC).isoformat(timespec="seconds")
        body = consent_for(self.patient, known, today)
        granted = self.send("POST /fhir/Consent", self.own, body)
        assert granted.status == 201, granted.body
        name: str = granted.json["id"]
        return name

    def told(self) -> list[str]:
        """Carry notices from the stream to the queue and to the phone; the texts that came."""
        before = len(sms())
        with self.town.turn:
            assert self.post.announce(self.post.stream()) == []
            while self.post.waiting():
                assert self.post.deliver() == []
        return [text for _, text in sms()[before:]]

    def compacted(self) -> list[str]:
        """Carry the stream's commits to the compactor; the record's segments."""
        later = time.time() + SETTLED_MS / 1000 + 1
        with self.town.turn, time_machine.travel(later):
            records = self.post.stream(commits)
            event = {"Records": records}
            answered = self.api.handler("Compaction")(event, Context("Compaction"))
        assert answered == {"batchItemFailures": []}
        return [key for key in self.town.rows("RecordsTable") if " KS#" in key]


@pytest.fixture
def day() -> Iterator[Day]:
    with stack() as made:
        oauth.registered(made.output("RegistryTable")).put(
            [
                oauth.client_of("hospital", organizations=(HOSPITAL,), prefix="hsp"),
                Practitioner(SURGEON, "prac-surgeon", "Tahiri", ("Leila",), NAMES[SURGEON]),
                Organization(HOSPITAL, "org-hospital", "CHU Oued Fès"),
                oauth.role_of(
                    practitioner=SURGEON, organization=HOSPITAL, practitioner_id="prac-surgeon",
                    practitioner_name=NAMES[SURGEON], organization_id="org-hospital",
                    organization_name="CHU Oued Fès",
                ),
            ]
        )  # fmt: skip
        yield Day(Town(made))


def test_the_first_day_of_a_record_on_moto_alone(day: Day) -> None:
    day.patient = day.activated()
    [welcome] = day.told()
    assert "El Idrissi" not in welcome
    day.own = day.signed_in()
    day.consents(PHYSICIAN)
    clinic = day.working("clinic", PHYSICIAN, CLINIC)
    hospital = day.working("hospital", SURGEON, HOSPITAL)

    written(day, clinic)
    assert [NAMES[PHYSICIAN] in text for text in day.told()] == [True], "writing is an access too"
    consent = read(day, hospital)
    assert [NAMES[SURGEON] in text for text in day.told()] == [True], "told once for the hour"
    journalled(day)
    revoked(day, consent, hospital)
    assert day.told() == []
    assert day.send(f"GET /fhir/Patient/{day.patient}", f"{clinic[:-4]}AAAA").status == 401
    assert day.send(f"GET /fhir/Patient/{day.patient}").status == 401


def written(day: Day, clinic: str) -> None:
    """A bundle, whole or not at all; then so many commits that they are folded."""
    sample = SAMPLE.read_text("utf-8").replace(SAMPLE_PATIENT, f"Patient/{day.patient}")
    before = day.town.rows("RecordsTable")
    broken = sample.replace('"status": "finished"', '"status": "over"', 1)
    assert day.send("POST /fhir", clinic, broken).status == 422
    kept = [key for key in day.town.rows("RecordsTable") if key not in before]
    assert not [key for key in kept if " K#" in key or " U#" in key], "nothing of it stays"
    done = day.send("POST /fhir", clinic, sample)
    assert done.status == 200, done.body
    assert len({e["response"]["location"].split(".")[-2] for e in done.json["entry"]}) == 1

    for i in range(MANY):
        one = observation(day.patient, "8867-4", 60 + i)
        assert day.send("POST /fhir/Observation", clinic, one).status == 201
    search = f"GET /fhir/Observation?patient={day.patient}&code=8867-4&_count=200"
    unfolded = day.send(search, clinic).json
    assert day.compacted(), "a segment was made"
    folded = day.send(search, clinic).json
    assert folded["total"] == unfolded["total"] == MANY
    assert folded["entry"] == unfolded["entry"]


def read(day: Day, hospital: str) -> str:
    """Refused without a consent; with it one is read, some are found, all are given."""
    everything = f"GET /fhir/Patient/{day.patient}/$everything"
    assert day.send(everything, hospital).status == 403
    assert day.told() == [], "a refusal is journalled, not told"
    consent = day.consents(SURGEON)
    found = day.send(f"GET /fhir/Observation?patient={day.patient}&code=4548-4", hospital)
    assert found.json["total"] >= 1, found.body
    name = found.json["entry"][0]["resource"]["id"]
    one = day.send(f"GET /fhir/Observation/{name}", hospital)
    assert (one.status, one.json["id"]) == (200, name)
    every = day.send(everything, hospital).json
    assert len(every["entry"]) > MANY
    return consent


def journalled(day: Day) -> None:
    """The patient reads who looked, by which rule, refusals too."""
    rows: list[dict[str, Any]] = []
    url: str | None = f"/fhir/AuditEvent?patient={day.patient}"
    while url:
        page = day.send(f"GET {url}", day.own).json
        rows += [entry["resource"] for entry in page["entry"]]
        url = next((x["url"] for x in page["link"] if x["relation"] == "next"), None)
    surgeon = [row for row in rows if NAMES[SURGEON] in json.dumps(row, ensure_ascii=False)]
    assert [row["outcome"] for row in surgeon] == ["0", "0", "0", "4"], "newest first"
    assert all(row["extension"][0]["valueCode"] for row in rows)
    assert "activation" in {row["extension"][0]["valueCode"] for row in rows}


def revoked(day: Day, consent: str, hospital: str) -> None:
    """The very next request is refused."""
    everything = f"GET /fhir/Patient/{day.patient}/$everything"
    assert day.send(everything, hospital).status == 200
    assert day.send(f"DELETE /fhir/Consent/{consent}", day.own).status == 204
    assert day.send(everything, hospital).status == 403
