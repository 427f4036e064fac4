"""Patients and practitioners who prove themselves, against the real passkeys function."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import time_machine

from dmp.domain.caller import Caller
from dmp.domain.sign_in import CLIENT_ID
from dmp.edge.caller import context_of
from tests.authenticator import Authenticator
from tests.stack import Context
from tests.world import CLINIC, NAMES, Reply, World, event_of

PIN = "860413"


class Prover:
    """One patient with a session of their own."""

    def __init__(self, world: World, travel: time_machine.Traveller) -> None:
        self.world, self.travel = world, travel
        self.patient: Caller = replace(world.open_record(), client_id=CLIENT_ID)
        self.api = world.app("passkeys", "Passkeys")

    def call(
        self, request: str, body: object = None, *, bearer: str = "", anyone: bool = False
    ) -> Reply:
        """`POST /oauth2/pin` sent to the real handler, in the patient's session."""
        method, _, path = request.partition(" ")
        parts = path.split("/")
        names = {"registration", "challenge", "proof", "assertion", "sign-in"}
        parameters = {}
        if path.startswith("/oauth2/passkeys/") and parts[-1] not in names:
            parameters, path = {"id": parts[-1]}, "/oauth2/passkeys/{id}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        text = body if isinstance(body, str) else None if body is None else json.dumps(body)
        event = event_of(method, path, parameters, "", headers, text)
        if not (anyone or bearer):
            event["requestContext"]["authorizer"] = context_of(self.patient)
        answered = self.api.handler(event, Context("Passkeys"))
        return Reply(answered["statusCode"], answered["headers"], answered["body"])

    def ok(self, request: str, body: object = None, **how: Any) -> Any:
        """The JSON of an answer that must be good."""
        reply = self.call(request, body, **how)
        assert reply.status in (200, 201), reply.body
        return reply.json

    def add(self, device: Authenticator, name: str = "Téléphone") -> Any:
        """A passkey on the device."""
        begun = self.ok("POST /oauth2/passkeys/registration", {})
        answer = device.create(begun["publicKey"])
        body = {"ceremony": begun["ceremony"], "credential": answer, "name": name}
        return self.ok("POST /oauth2/passkeys", body)

    def sign_in(self, device: Authenticator, **lies: Any) -> Reply:
        """With the device alone."""
        begun = self.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)
        answer = device.get(begun["publicKey"], **lies)
        body = {"ceremony": begun["ceremony"], "credential": answer}
        return self.call("POST /oauth2/passkeys/sign-in", body, anyone=True)

    def prove(self, device: Authenticator, **lies: Any) -> Reply:
        """In the session there is."""
        begun = self.ok("POST /oauth2/passkeys/challenge", {})
        answer = device.get(begun["publicKey"], **lies)
        body = {"ceremony": begun["ceremony"], "credential": answer}
        return self.call("POST /oauth2/passkeys/proof", body)

    def later(self, seconds: int = 301) -> None:
        """Time passes; what was proved is too old."""
        self.travel.shift(seconds)

    def strong(self) -> bool:
        """Whether the session has proved itself."""
        return bool(self.ok("GET /oauth2/passkeys")["strong"])

    def enrolled(self, practitioner: str, role: str = "physician") -> str:
        """An enrolment by the operator, the practitioner being in the directory."""
        directory(self.world, practitioner, role)
        made = self.api.enrolments.made(practitioner, CLINIC, "operator")
        return str(made["enrolment"])

    def join(self, enrolment: str, device: Authenticator) -> Reply:
        """A practitioner's passkey by an enrolment."""
        begun = self.ok(
            "POST /oauth2/enrolments/registration", {"enrolment": enrolment}, anyone=True
        )
        answer = device.create(begun["publicKey"])
        body = {"ceremony": begun["ceremony"], "credential": answer, "name": "Clé"}
        sent = {**body, "enrolment": enrolment}
        return self.call("POST /oauth2/enrolments/passkeys", sent, anyone=True)


def directory(world: World, practitioner: str, role: str, *, active: bool = True) -> None:
    """The practitioner at the clinic."""
    live = {"active": {"BOOL": True}}
    text = NAMES.get(practitioner, "Dr X")
    world.put_row(f"practitioner#{practitioner}", **live)
    place = {"id": {"S": f"o{CLINIC}"}, "name": {"S": NAMES[CLINIC]}}
    world.put_row(f"organization#{CLINIC}", **live, **place)
    world.put_row(
        f"role#{practitioner}#{CLINIC}",
        active={"BOOL": active}, role={"S": role}, starts={"S": "2020-01-01"},
        practitioner={"S": f"p{practitioner}"}, name={"S": text},
        organization={"S": f"o{CLINIC}"}, organization_name={"S": NAMES[CLINIC]},
    )  # fmt: skip
