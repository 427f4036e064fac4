"""A record with its people, under moto, and requests to the real handlers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.opening import Opening, Openings
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.domain.caller import Caller
from dmp.domain.consent import Policy, Standing
from dmp.domain.contact import Contact
from dmp.domain.identifiers import commit_id, patient_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice, reference_of
from dmp.domain.record import PATIENT, Version
from dmp.edge.caller import context_of
from dmp.fhir import json_reader
from tests.stack import Context, Stack

CLINIC, HOSPITAL = "100000001", "100000002"
AMRANI, BENNIS = "200000001", "200000002"
NAMES = {
    AMRANI: "Dr Salma Amrani",
    BENNIS: "Dr Youssef Bennis",
    CLINIC: "Clinique Atlas",
    HOSPITAL: "Hôpital Ibn Sina",
}
PRACTITIONER_SCOPES = ("user/*.cruds",)
PATIENT_SCOPES = ("patient/*.cruds",)
SOON = 4_000_000_000


@dataclass(frozen=True)
class Reply:
    """What a handler answered."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body parsed."""
        return json.loads(self.body)


class World:
    """Records, callers and functions over one moto stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.clock = SystemClock()
        env = stack.environment("RecordWrites")
        self.tables = {n: env[n] for n in ("RECORDS_TABLE", "KEYS_TABLE", "REGISTRY_TABLE")}
        self.vault = Vault(stack.client("kms"), env["RECORD_KEY_ARN"])
        self.macs = Macs(stack.client("kms"), env["IDENTIFIER_KEY_ARN"])
        self._apps: dict[str, ModuleType] = {}
        self.base = f"{env['BASE_URL']}/fhir"
        for practitioner, organization in ((AMRANI, CLINIC), (BENNIS, HOSPITAL)):
            self.put_role(practitioner, organization)
            self.put_row(f"client#app-{organization}", active={"BOOL": True})

    def put_row(self, key: str, **attributes: Any) -> None:
        """A registry row."""
        item = {"pk": {"S": key}, **attributes}
        self.stack.client("dynamodb").put_item(TableName=self.tables["REGISTRY_TABLE"], Item=item)

    def put_role(self, practitioner: str, organization: str, *, active: bool = True) -> None:
        """A practitioner's role in an organisation."""
        for key in (f"practitioner#{practitioner}", f"organization#{organization}"):
            self.put_row(key, active={"BOOL": True})
        row = {"active": {"BOOL": active}, "role": {"S": "physician"}}
        self.put_row(f"role#{practitioner}#{organization}", starts={"S": "2020-01-01"}, **row)

    def open_record(
        self,
        policy: Policy = "deny",
        language: Any = "fr",
        cin: str = "",
        contact: Contact | None = None,
    ) -> Caller:
        """A new record; its patient, signed in. With `cin` the registry knows them by it."""
        now = self.clock.now_ms()
        patient = patient_id(self.clock.random_bits(100))
        commit, name = (commit_id(now, self.clock.random_bits(35)) for _ in range(2))
        person = {
            "resourceType": "Patient",
            "id": patient,
            "meta": {"versionId": "1", "lastUpdated": instant(now)},
            "identifier": [{"system": "urn:ma:cin", "value": "AB12345"}],
            "name": [{"family": "El Idrissi", "given": ["Nadia"]}],
            "birthDate": "1985-03-14",
        }
        version = Version(
            "Patient", patient, 1, instant(now), commit, PATIENT, PATIENT, json_reader.write(person)
        )
        who = {"kind": "patient", "patient": patient}
        entry = Entry(
            f"{patient}.{name}", instant(now), "activation", "permit", "activation", who,
            "PATRQT", "00" * 16, "test",
        )  # fmt: skip
        notice = Notice("welcome", instant(now), reference_of(name), now // 1000)
        contact = contact or Contact("+212612345678", None, language, "sms")
        opening = Opening(
            self.vault.new_keys(patient), Standing(1, policy, owner=patient), contact, version,
            entry, notice, (
                self.macs.identifier("urn:ma:cin", cin)
                if cin
                else f"{self.clock.random_bits(128):032x}",
            ),
        )  # fmt: skip
        Openings(self.vault, *self.tables.values()).open_record(opening)
        self.put_row(
            f"session#s-{patient}",
            active={"BOOL": True},
            expires={"N": str(SOON)},
            patient={"S": patient},
        )
        return Caller(
            "patient", "portal", PATIENT_SCOPES, "PATRQT", SOON, "t1", patient, f"s-{patient}"
        )

    def doctor(self, practitioner: str = AMRANI, **changes: Any) -> Caller:
        """A practitioner at work."""
        organization = {AMRANI: CLINIC, BENNIS: HOSPITAL}[practitioner]
        members: dict[str, Any] = {
            "kind": "practitioner", "client_id": f"app-{organization}",
            "scopes": PRACTITIONER_SCOPES, "purpose": "TREAT", "expires": SOON, "token_id": "t2",
            "practitioner": practitioner, "organization": organization, "role": "physician",
            "practitioner_name": NAMES[practitioner], "organization_name": NAMES[organization],
            "practitioner_id": f"p{practitioner}", "organization_id": f"o{organization}",
            "prefix": "cli",
        }  # fmt: skip
        return Caller(**{**members, **changes})

    def app(self, folder: str, resource: str) -> ModuleType:
        """The function's module, imported once for this world."""
        if folder not in self._apps:
            self._apps[folder] = self.stack.app(folder, resource)
        return self._apps[folder]

    def call(
        self,
        request: str,
        caller: Caller | None = None,
        body: object = None,
        **headers: str,
    ) -> Reply:
        """`GET /fhir/Observation?code=x` sent to the function that the template routes it to."""
        method, _, url = request.partition(" ")
        path, _, query = url.partition("?")
        folder, resource, route, parameters = routed(method, path)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/fhir+json")
        text = body if isinstance(body, str) else None if body is None else json.dumps(body)
        event = event_of(method, route, parameters, query, sent, text)
        if caller is not None:
            event["requestContext"]["authorizer"] = context_of(caller)
        handler: Callable[[Any, Any], Any] = self.app(folder, resource).handler
        answered = handler(event, Context(resource))
        return Reply(answered["statusCode"], answered["headers"], answered["body"])


def event_of(
    method: str,
    route: str,
    parameters: Mapping[str, str],
    query: str,
    headers: Mapping[str, str],
    body: str | None,
) -> dict[str, Any]:
    """An API Gateway REST proxy event."""
    pairs: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.setdefault(name, []).append(value)
    return {
        "httpMethod": method,
        "resource": route,
        "requestContext": {
            "resourcePath": route, "httpMethod": method, "requestId": "test-request",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "headers": dict(headers),
        "pathParameters": dict(parameters),
        "multiValueQueryStringParameters": pairs or None,
        "body": body,
        "isBase64Encoded": False,
    }  # fmt: skip


def routed(method: str, path: str) -> tuple[str, str, str, dict[str, str]]:
    """Function folder, its resource, the template's route and the path parameters."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["fhir", "Consent"]:
        return "consent_changes", "ConsentChanges", *_shape(parts, ["Consent"])
    if parts[:2] == ["fhir", "AuditEvent"]:
        return "journal", "Journal", *_shape(parts, ["AuditEvent"])
    if parts[0] == "reviews":
        given = {"id": parts[1]} if parts[1:] else {}
        return "consent_changes", "ConsentChanges", "/reviews" + "/{id}" * len(given), given
    if parts[0] == "contacts":
        return "consent_changes", "ConsentChanges", "/contacts/{id}", {"id": parts[1]}
    if parts[0] == "journal":
        name = {"entry": "id", "proof": "id", "consistency": "size"}.get(parts[1], "")
        shape = f"/journal/{parts[1]}/{{{name}}}" if name else path
        return "journal", "Journal", shape, {name: parts[-1]} if name else {}
    reads = method == "GET" or parts[-1] == "_search" or len(parts) == 4
    folder, resource = ("access_queries", "AccessQueries") if reads else (
        "record_writes", "RecordWrites")  # fmt: skip
    return folder, resource, *_shape(parts, ["{type}"])


def _shape(parts: Sequence[str], kind: list[str]) -> tuple[str, dict[str, str]]:
    names = ["", *kind, "{id}", "{operation}", "{vid}"]
    route, parameters = ["fhir"], {}
    for i, part in enumerate(parts[1:], 1):
        static = part == "_search" or (part == "_history" and i > 2)
        name = part if static else names[i]
        route.append(name)
        if name.startswith("{"):
            parameters[name[1:-1]] = part
    return "/" + "/".join(route), parameters


def observation(patient: str, code: str = "2339-0", value: float = 72.5) -> dict[str, Any]:
    """A laboratory result."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-11-20T09:30:00+01:00",
        "valueQuantity": {
            "value": value, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL",
        },
    }  # fmt: skip


def consent(patient: str, practitioner: str = AMRANI, **provision: Any) -> dict[str, Any]:
    """A PCF basic consent that permits a practitioner everything for treatment."""
    role = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
        ]
    }
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2026-11-22T10:00:00+01:00",
        "performer": [{"reference": f"Patient/{patient}"}],
        "organization": [{"display": "DMP"}],
        "sourceAttachment": {"title": "Consentement du patient"},
        "policy": [{"uri": "urn:dmp:policy:pcf-basic"}],
        "provision": {
            "type": "permit",
            "actor": [
                {
                    "role": role,
                    "reference": {
                        "type": "Practitioner",
                        "identifier": {"system": "urn:ma:inpe", "value": practitioner},
                    },
                }
            ],
            **provision,
        },
    }
