"""People and apps at the API, as strangers: what they know is .local/sandbox.json and the docs.

Used by `make demo` and the end-to-end tests; a partner can read it as an example.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from infra.build import ROOT
from infra.local.emulator import LOCAL

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OTP = "urn:dmp:params:oauth:grant-type:otp"
FHIR = "application/fhir+json"
_CODE = re.compile(r"(?<!\w)\d{6}(?!\w)")


@dataclass
class Sandbox:
    """The running sandbox. `address` is the source address its gateway is told."""

    described: Mapping[str, Any]
    address: str = "203.0.113.10"
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    @classmethod
    def running(cls, address: str = "203.0.113.10") -> Sandbox:
        """The sandbox that .local/sandbox.json describes."""
        return cls(json.loads((LOCAL / "sandbox.json").read_text("utf-8")), address)

    def url(self, path: str) -> str:
        """An address of the API outside /fhir."""
        return str(self.described["token_url"]).removesuffix("/oauth2/token") + path

    def send(self, method: str, url: str, token: str | None = None, **sent: Any) -> httpx.Response:
        """One request; `json` is sent as FHIR below the FHIR base."""
        headers = {"X-Forwarded-For": self.address, **sent.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if "json" in sent and url.startswith(str(self.described["fhir_base"])):
            headers.setdefault("Content-Type", FHIR)
        return self.http.request(method, url, headers=headers, **sent)

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """Every SMS and mail so far, or those to one address, newest last."""
        every: list[dict[str, Any]] = self.http.get(str(self.described["messages_url"])).json()
        return [m for m in every if to is None or m["to"] == to]

    def wait_message(self, to: str, after: int, within_s: float = 20) -> dict[str, Any]:
        """The first message to the address beyond the first `after`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = self.messages(to)
            if len(found) > after:
                return found[after]
            time.sleep(0.2)
        raise TimeoutError("no message came")

    def wait_code(self, to: str, after: int, within_s: float = 20) -> str:
        """The code in the first message to the address, beyond the first `after`, that has one."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for message in self.messages(to)[after:]:
                if found := _CODE.search(str(message["text"])):
                    return found[0]
            time.sleep(0.2)
        raise TimeoutError("no code came")

    def wait_text(self, to: str, text: str, within_s: float = 20) -> dict[str, Any]:
        """The first message to the address that has the text, whenever it came."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if found := [m for m in self.messages(to) if text in str(m["text"])]:
                return found[0]
            time.sleep(0.2)
        raise TimeoutError("never told")

    def calls(self) -> dict[str, int]:
        """AWS calls that the emulator has taken, by action."""
        url = str(self.described["messages_url"]).replace("/_dmp/messages", "/_dmp/calls")
        counted: dict[str, int] = self.http.get(url).json()
        return counted


def code_in(message: Mapping[str, Any]) -> str:
    """The six digits of a message."""
    found = _CODE.search(str(message["text"]))
    if found is None:
        raise ValueError("no code in the message")
    return found[0]


@dataclass
class PartnerApp:
    """A registered app: signs assertions with its own key, for one of its practitioners."""

    sandbox: Sandbox
    name: str

    @property
    def registered(self) -> Mapping[str, Any]:
        """Its registration."""
        client: Mapping[str, Any] = self.sandbox.described["clients"][self.name]
        return client

    def assertion(self, practitioner: Mapping[str, Any], purpose: str, **changes: Any) -> str:
        """A client assertion (SMART Backend Services, with hl7-b2b)."""
        client = self.registered
        pem = (ROOT / Path(client["private_key_file"])).read_bytes()
        key = (ECKey if client["alg"].startswith("ES") else RSAKey).import_key(pem)
        now = int(time.time())
        organizations = self.sandbox.described["organizations"]
        b2b = {
            "version": "1",
            "subject_name": practitioner["name"],
            "subject_id": f"urn:ma:inpe|{practitioner['inpe']}",
            "subject_role": practitioner["role"],
            "organization_id": f"urn:ma:inpe|{client['organization']}",
            "organization_name": organizations[client["organization"]]["name"],
            "purpose_of_use": [purpose],
        }
        claims = {
            "iss": client["client_id"], "sub": client["client_id"], "jti": str(uuid.uuid4()),
            "aud": self.sandbox.described["token_url"], "iat": now, "exp": now + 240,
            "extensions": {"hl7-b2b": b2b}, **changes,
        }  # fmt: skip
        header = {"alg": client["alg"], "kid": client["key_id"], "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[client["alg"]])

    def token(self, practitioner: Mapping[str, Any], purpose: str = "TREAT") -> str:
        """An access token for a practitioner's work, good for five minutes."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": self.assertion(practitioner, purpose),
            "scope": self.registered["scopes"],
        }
        answered = self.sandbox.send("POST", str(self.sandbox.described["token_url"]), data=form)
        answered.raise_for_status()
        return str(answered.json()["access_token"])


@dataclass
class Person:
    """Somebody with a phone, who may have a record. `device` is what their sign-in gave it."""

    sandbox: Sandbox
    known: Mapping[str, Any]
    device: str = ""

    @property
    def phone(self) -> str:
        """In E.164."""
        return str(self.known["phone"])

    @property
    def address(self) -> str:
        """Where messages come once the record is open: who has an e-mail address chose it."""
        return str(self.known.get("email") or self.phone)

    def request(self, **changes: Any) -> httpx.Response:
        """Ask for a record."""
        given = self.known["given"]
        body = {
            "identifier": {"system": "urn:ma:cin", "value": self.known["cin"]},
            "family": self.known["family"],
            "given": given if isinstance(given, list) else [given],
            "birthDate": self.known["birthDate"],
            "telecom": {"phone": self.phone},
            "language": self.known.get("language", "fr"),
            "notify": "sms",
            **changes,
        }
        return self.sandbox.send("POST", str(self.sandbox.described["activation_url"]), json=body)

    def status(self, activation: str) -> dict[str, Any]:
        """What outsiders see of an activation."""
        url = f"{self.sandbox.described['activation_url']}/{activation}"
        seen: dict[str, Any] = self.sandbox.send("GET", url).json()
        return seen

    def wait_status(self, activation: str, *wanted: str, within_s: float = 40) -> dict[str, Any]:
        """The activation once it is in one of the states."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            seen = self.status(activation)
            if seen["status"] in wanted:
                return seen
            time.sleep(0.2)
        raise TimeoutError(f"still {seen['status']}")

    def confirm(self, activation: str, code: str) -> httpx.Response:
        """Say the code."""
        url = f"{self.sandbox.described['activation_url']}/{activation}/confirmation"
        return self.sandbox.send("POST", url, json={"code": code})

    def sign_in(self) -> dict[str, Any]:
        """Tokens for the person's own record, by one-time code."""
        before = len(self.sandbox.messages(self.address))
        identifier = {"system": "urn:ma:cin", "value": self.known["cin"]}
        body = {"identifier": identifier}
        asked = self.sandbox.send("POST", self.sandbox.url("/oauth2/otp"), json=body)
        asked.raise_for_status()
        code = self.sandbox.wait_code(self.address, before)
        form = {"grant_type": OTP, "challenge": asked.json()["challenge"], "code": code}
        form |= {"device": self.device} if self.device else {}
        answered = self.sandbox.send("POST", str(self.sandbox.described["token_url"]), data=form)
        answered.raise_for_status()
        tokens: dict[str, Any] = answered.json()
        self.device = str(tokens.get("device", self.device))
        return tokens


def consent_for(patient: str, practitioner: Mapping[str, Any], today: str) -> dict[str, Any]:
    """A PCF basic consent that lets one practitioner read and write for treatment."""
    recipient = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    actor = {
        "role": {"coding": [{"system": recipient, "code": "IRCP"}]},
        "reference": {
            "type": "Practitioner",
            "identifier": {"system": "urn:ma:inpe", "value": practitioner["inpe"]},
            "display": practitioner["name"],
        },
    }
    scope = "http://terminology.hl7.org/CodeSystem/consentscope"
    reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": scope, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": today,
        "performer": [{"reference": f"Patient/{patient}"}],
        "organization": [{"display": "DMP"}],
        "sourceAttachment": {"title": "Consentement donné par le patient dans le DMP"},
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": {
            "type": "permit",
            "actor": [actor],
            "purpose": [{"system": reason, "code": "TREAT"}],
        },
    }
