"""The deployed system as outsiders meet it: one sandbox for all end-to-end tests."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import httpx

from infra.build import ROOT
from infra.local.deployment import STACK, Deployment
from infra.local.emulator import LOCAL, Emulator
from infra.local.sandbox import emulator, parameters
from infra.local.visitors import PartnerApp, Person, Sandbox, code_in, consent_for

CODE_SECONDS = 15  # long enough to say a code on a busy machine, short enough to wait for
_FRESH_S = 120  # an access token lives 300 s: renewed well before


def command(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m infra.local.sandbox …` as `make run` calls it, for these tests' own folder."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "infra.local.sandbox", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared"), **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@dataclass
class Home:
    """A patient with a record: signs in once, stays signed in, grants and revokes."""

    sandbox: Sandbox
    known: Mapping[str, Any]
    _tokens: dict[str, Any] = field(default_factory=dict)
    _since: float = 0

    @property
    def id(self) -> str:
        """The record's pseudonym."""
        return str(self.known["id"])

    @property
    def person(self) -> Person:
        """Who it is."""
        return Person(self.sandbox, self.known)

    @property
    def token(self) -> str:
        """A live access token."""
        if not self._tokens:
            self._take(self.person.sign_in())
        elif time.monotonic() - self._since > _FRESH_S:
            form = {"grant_type": "refresh_token", "refresh_token": self._tokens["refresh_token"]}
            url = str(self.sandbox.described["token_url"])
            self._take(self.sandbox.send("POST", url, data=form).raise_for_status().json())
        return str(self._tokens["access_token"])

    def grant(self, practitioner: Mapping[str, Any]) -> str:
        """Let a practitioner read and write; the consent's id."""
        today = datetime.now(UTC).isoformat(timespec="seconds")
        body = consent_for(self.id, practitioner, today)
        url = f"{self.sandbox.described['fhir_base']}/Consent"
        granted = self.sandbox.send("POST", url, self.token, json=body)
        assert granted.status_code == 201, granted.text
        return str(granted.json()["id"])

    def journal(self) -> list[dict[str, Any]]:
        """Its AuditEvents, newest first."""
        url = f"{self.sandbox.described['fhir_base']}/AuditEvent?patient={self.id}"
        answered = self.sandbox.send("GET", url, self.token)
        assert answered.status_code == 200, answered.text
        return [entry["resource"] for entry in answered.json()["entry"]]

    def _take(self, tokens: dict[str, Any]) -> None:
        self._tokens, self._since = tokens, time.monotonic()


@dataclass
class Place:
    """The running sandbox, its people, and what only its operator sees."""

    described: Mapping[str, Any]
    port: int
    _homes: dict[str, Home] = field(default_factory=dict)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    @property
    def base(self) -> str:
        """The FHIR base."""
        return str(self.described["fhir_base"])

    def sandbox(self, address: str) -> Sandbox:
        """It, as somebody at that source address reaches it."""
        return Sandbox(self.described, address, self.http)

    def home(self, language: str) -> Home:
        """The seed's patient who speaks that language; signed in once for all tests."""
        if language not in self._homes:
            known = next(p for p in self.described["patients"] if p["language"] == language)
            self._homes[language] = Home(self.sandbox("203.0.113.90"), known)
        return self._homes[language]

    def person(self, cin: str, address: str) -> Person:
        """Somebody of the population register without a record."""
        known = next(p for p in self.described["people"] if p["cin"] == cin)
        return Person(self.sandbox(address), known)

    def newcomer(self, cin: str, address: str) -> Home:
        """Somebody of the register, with a record opened now."""
        person = self.person(cin, address)
        asked = person.request().raise_for_status().json()
        code = code_in(person.sandbox.wait_message(person.phone, 0))
        person.confirm(asked["id"], code).raise_for_status()
        seen = person.wait_status(asked["id"], "active")
        person.sandbox.wait_message(person.phone, 1)
        return Home(person.sandbox, {**person.known, "id": seen["patient"]})

    @cached_property
    def stranger(self) -> Home:
        """A patient who lets nobody in."""
        return self.newcomer("BK226401", "203.0.113.91")

    def practitioner(self, name: str) -> Mapping[str, Any]:
        """A practitioner of the directory."""
        found: Mapping[str, Any] = self.described["practitioners"][name]
        return found

    def enrolment(self, practitioner: Mapping[str, Any]) -> str:
        """The code that the operator's command prints for a practitioner."""
        asked = [
            "--practitioner", practitioner["inpe"], "--organization", practitioner["organization"],
        ]  # fmt: skip
        given = {**self.emulator.environment(), "PYTHONPATH": str(ROOT / "shared")}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "infra.enrolment", "--stack", STACK, *asked],
            env={**os.environ, **given}, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def app(self, name: str, address: str) -> PartnerApp:
        """A registered app at that source address."""
        return PartnerApp(self.sandbox(address), name)

    @cached_property
    def emulator(self) -> Emulator:
        """The emulator's process."""
        return emulator()

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return Deployment(self.emulator, parameters()).outputs()

    def client(self, service: str) -> Any:
        """An operator's client of the emulated AWS."""
        return Deployment(self.emulator, parameters()).client(service)

    def invoke(self, resource: str, event: dict[str, Any]) -> Any:
        """What a deployed function answers to an event; its error fails the test."""
        resources = self.client("cloudformation").describe_stack_resources(StackName=STACK)
        names = {r["LogicalResourceId"]: r for r in resources["StackResources"]}
        name = names[resource]["PhysicalResourceId"]
        payload = json.dumps(event).encode()
        answered = self.client("lambda").invoke(FunctionName=name, Payload=payload)
        content = json.loads(answered["Payload"].read())
        assert "FunctionError" not in answered, content
        return content

    def keys_of(self, table: str) -> set[tuple[str, str]]:
        """Every key of a table (`RecordsTable`, `KeysTable`, `RegistryTable`)."""
        pages = (
            self.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.outputs[table], ConsistentRead=True)
        )
        return {
            (item["pk"]["S"], item.get("sk", {}).get("S", ""))
            for page in pages
            for item in page["Items"]
        }


@contextmanager
def running() -> Iterator[Place]:
    """The sandbox, started by the command that people use; a second session waits for the first.

    Fresh, on a port and in a folder of its own.
    """
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / "session").open("w") as session:
        fcntl.flock(session, fcntl.LOCK_EX)
        port = _free_port()
        os.environ.update(DMP_PORT=str(port), DMP_CODE_SECONDS=str(CODE_SECONDS))
        command("stop")  # what an interrupted session left
        started = command("start", "--fresh")
        assert started.returncode == 0, started.stdout + started.stderr
        try:
            made = Place(json.loads((LOCAL / "sandbox.json").read_text("utf-8")), port)
            yield made
            made.http.close()
        finally:
            emulator().stop()
            for name in ("DMP_PORT", "DMP_CODE_SECONDS"):
                del os.environ[name]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
