"""`make demo`: the first day of a record, through the API of the sandbox, told step by step.

Every expectation is checked; the first that fails ends it with exit code 1. Synthea's bundles are
sent as well where ../shared/data is at hand.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape

from infra.build import ROOT
from infra.local import sandbox as local
from infra.local.directory_of import conditional_references, load_directory
from infra.local.emulator import LOCAL, CannotRun
from infra.local.telling import console, show_journal, show_sms, value_of
from infra.local.visitors import PartnerApp, Person, Sandbox, code_in, consent_for

SAMPLE = ROOT / "infra" / "local" / "first_day.json"
SAMPLE_PATIENT = "urn:uuid:00000000-0000-4000-8000-000000000001"
SYNTHEA = ROOT.parent / "shared" / "data" / "synthea"


class Unexpected(Exception):
    """The system did something else than the demo promises."""


def expect(holds: object, text: str) -> None:
    """Tell what holds, or stop."""
    if not holds:
        raise Unexpected(text)
    console.print(f"   [green]✓[/] {escape(text)}")


class Day:
    """The day of one person and two practitioners."""

    def __init__(self, running: Sandbox) -> None:
        self.sandbox = running
        self.base = str(running.described["fhir_base"])
        self.physician, self.other = two_practitioners(running.described)
        self.clinic = PartnerApp(running, "clinic")
        self.hospital = PartnerApp(running, "hospital")
        self.person = Person(running, somebody_new(running.described))
        self.patient = ""
        self.token = ""
        self.consents: list[str] = []

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Its steps, in their order."""
        return [
            ("1. A person asks for a record", self.activation),
            ("2. The patient signs in and consents", self.consent),
            ("3. The clinic's app sends what it has", self.write),
            ("4. Another practitioner", self.reading),
            ("5. The patient is told, and reads the journal", self.told),
            ("6. The patient revokes", self.revocation),
        ]

    def activation(self) -> None:
        """From a request to a welcome; and what somebody else's guess comes to."""
        person = self.person
        before = len(self.sandbox.messages(person.phone))
        asked = person.request()
        expect(asked.status_code == 202, "the request is taken: 202 and an unguessable address")
        activation = asked.json()["id"]
        sms = self.sandbox.wait_message(person.phone, before)
        show_sms(sms)
        wrong = person.confirm(activation, "000000" if code_in(sms) != "000000" else "111111")
        expect(wrong.status_code == 422, f"a wrong code: 422, {wrong.json()['tries_left']} left")
        said = person.confirm(activation, code_in(sms))
        expect(said.status_code == 202, "the right code: 202")
        seen = person.wait_status(activation, "active")
        self.patient = seen["patient"]
        expect(self.patient, f"the record is open, under the pseudonym {self.patient}")
        show_sms(self.sandbox.wait_message(person.phone, before + 1))
        self._somebody_else()

    def _somebody_else(self) -> None:
        """Another name on the same identity card: no message leaves, three codes end it."""
        person = self.person
        sent = len(self.sandbox.messages(person.phone))
        asked = person.request(family="Quelqu'un-d'autre")
        expect(asked.status_code == 202, "somebody else asks with this card: it looks the same")
        activation = asked.json()["id"]
        person.wait_status(activation, "awaiting-code")
        codes = [person.confirm(activation, code).status_code for code in ("111111",) * 3]
        expect(set(codes) <= {422, 410}, "three wrong codes are refused one by one")
        seen = person.wait_status(activation, "refused")
        expect(seen == {"id": activation, "status": "refused", "reason": "not-confirmed"},
               "refused, for a reason that tells nothing")  # fmt: skip
        expect(len(self.sandbox.messages(person.phone)) == sent, "and no message was sent")

    def consent(self) -> None:
        """The patient signs in and lets the clinic's physician in."""
        self.token = str(self.person.sign_in()["access_token"])
        show_sms(self.sandbox.messages(self.person.phone)[-1])
        self._grant(self.physician)

    def _grant(self, practitioner: Mapping[str, Any]) -> None:
        today = datetime.now(UTC).isoformat(timespec="seconds")
        body = consent_for(self.patient, practitioner, today)
        granted = self.sandbox.send("POST", f"{self.base}/Consent", self.token, json=body)
        expect(granted.status_code == 201, f"a consent for {practitioner['name']}: 201")
        self.consents.append(granted.json()["id"])

    def write(self) -> None:
        """The clinic's app sends bundles: the project's own, and real ones."""
        token = self.clinic.token(self.physician)
        sample = SAMPLE.read_text("utf-8").replace(SAMPLE_PATIENT, f"Patient/{self.patient}")
        self._committed(self._send(token, sample), "a consultation")
        files = sorted(SYNTHEA.glob("*.json"), key=lambda p: p.stat().st_size)
        if not files:
            console.print("   [dim]no Synthea bundles at hand: left out[/]")
        for number, path in enumerate(files, 1):
            self._real(token, path, f"Synthea {number} of {len(files)}")

    def _real(self, token: str, path: Path, title: str) -> None:
        bundle = prepared(json.loads(path.read_text("utf-8")), self.patient)
        references = conditional_references(json.loads(bundle))
        name = f"{title}, {bundle.count('fullUrl')} resources"
        done = self._send(token, bundle)
        if done.status_code == 422 and references:
            named = len(done.json()["issue"])
            expect(named <= 20, f"{name}: 422, {named} references unknown to the directory named")
            load_directory(local.emulator(), references)
            done = self._send(token, bundle)
        self._committed(done, name)

    def _send(self, token: str, bundle: str) -> httpx.Response:
        headers = {"Content-Type": "application/fhir+json"}
        return self.sandbox.send("POST", self.base, token, content=bundle.encode(), headers=headers)

    def _committed(self, done: httpx.Response, name: str) -> None:
        if done.status_code != 200:
            raise Unexpected(f"{name}: {done.status_code} {done.text[:600]}")
        commits = {e["response"]["location"].split(".")[1] for e in done.json()["entry"]}
        took = done.elapsed.total_seconds()
        expect(len(commits) == 1, f"{name}: one commit, all or nothing, in {took:.1f} s")

    def reading(self) -> None:
        """Another practitioner: refused, then let in."""
        token = self.hospital.token(self.other)
        everything = f"{self.base}/Patient/{self.patient}/$everything"
        refused = self.sandbox.send("GET", everything, token)
        text = refused.json()["issue"][0]["details"]["text"]
        expect(refused.status_code == 403, f"{self.other['name']}, without consent: 403, {text}")
        self._grant(self.other)
        query = {"patient": self.patient, "code": "http://loinc.org|4548-4"}
        found = self.sandbox.send("GET", f"{self.base}/Observation", token, params=query).json()
        expect(found["total"] >= 1, f"with it: a search by code finds {found['total']}")
        one = found["entry"][0]["resource"]
        read = self.sandbox.send("GET", f"{self.base}/Observation/{one['id']}", token)
        expect(read.status_code == 200, f"one is read: HbA1c {value_of(read.text)}")
        count = 0
        url: str | None = everything
        while url:
            page = self.sandbox.send("GET", url, token).json()
            count += len(page.get("entry", ()))
            url = next((x["url"] for x in page["link"] if x["relation"] == "next"), None)
        expect(count > 10, f"$everything gives the whole record: {count} resources")

    def told(self) -> None:
        """The patient was told, and reads the journal."""
        wanted = self.other["name"].split()[-1]
        deadline = time.monotonic() + 20
        texts: list[str] = []
        while time.monotonic() < deadline and not any(wanted in text for text in texts):
            time.sleep(0.3)
            texts = [m["text"] for m in self.sandbox.messages(self.person.phone)]
        told = [m for m in self.sandbox.messages(self.person.phone) if wanted in m["text"]]
        expect(len(told) == 1, "one SMS tells of this access, within seconds")
        show_sms(told[0])
        url = f"{self.base}/AuditEvent?patient={self.patient}"
        journal = self.sandbox.send("GET", url, self.token).json()
        rows = [e["resource"] for e in journal["entry"]]
        show_journal(rows)
        expect(any(r["outcome"] != "0" for r in rows), "the refusal is in the journal too")

    def revocation(self) -> None:
        """The very next request is refused."""
        token = self.hospital.token(self.other)
        url = f"{self.base}/Patient/{self.patient}/$everything"
        expect(self.sandbox.send("GET", url, token).status_code == 200, "still open")
        consent = f"{self.base}/Consent/{self.consents[-1]}"
        gone = self.sandbox.send("DELETE", consent, self.token)
        expect(gone.status_code == 204, "the patient revokes: 204")
        expect(self.sandbox.send("GET", url, token).status_code == 403,
               "the very next request is refused: 403")  # fmt: skip


def two_practitioners(described: Mapping[str, Any]) -> tuple[Any, Any]:
    """Those of the clinic and of the hospital."""
    people = described["practitioners"].values()
    clients = described["clients"]
    return tuple(
        next(p for p in people if p["organization"] == clients[name]["organization"])
        for name in ("clinic", "hospital")
    )


def somebody_new(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """A person of the register with a phone, not yet taken by an earlier demo of this sandbox."""
    marker = LOCAL / "demo.json"
    taken = json.loads(marker.read_text("utf-8")) if marker.exists() else []
    for person in described["people"]:
        if person.get("phone") and person["cin"] not in taken:
            marker.write_text(json.dumps([*taken, person["cin"]]), "utf-8")
            found: Mapping[str, Any] = person
            return found
    raise CannotRun(
        "everybody of the register has a record by now: `make run FRESH=1` forgets them"
    )


def prepared(bundle: dict[str, Any], patient: str) -> str:
    """A Synthea bundle as a sender makes it ready: its Patient dropped, its subject rewritten."""
    dropped = [e for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    kept = [e for e in bundle["entry"] if e not in dropped]
    text = json.dumps({**bundle, "entry": kept}, ensure_ascii=False)
    for entry in dropped:
        text = text.replace(json.dumps(entry["fullUrl"]), json.dumps(f"Patient/{patient}"))
    return text


@contextmanager
def step(day: Day, title: str) -> Iterator[None]:
    """A step, with the AWS calls that it took."""
    console.rule(f"[bold]{title}", align="left")
    before = Counter(day.sandbox.calls())
    yield
    taken = Counter(day.sandbox.calls()) - before
    told = ", ".join(f"{name} {n}" for name, n in taken.most_common(12))
    console.print(f"   [dim]AWS calls: {told}[/]\n")


def main() -> int:
    """The day."""
    try:
        described = local.start()
        # each demo comes from an address of its own, as people do
        address = f"203.0.113.{random.randint(1, 250)}"  # noqa: S311
        day = Day(Sandbox(described, address))
        for title, part in day.steps():
            with step(day, title):
                part()
    except (Unexpected, CannotRun, TimeoutError) as problem:
        console.print(f"[red]✗ {escape(str(problem))}[/]", soft_wrap=True)
        return 1
    console.print("[bold green]The first day of a record went as promised.[/]")
    console.print("The sandbox stays up for you to try (.local/sandbox.json); `make stop` ends it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
