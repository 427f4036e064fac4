"""The bodies of the OpenAPI document. FHIR's own forms are told by their type alone.

A resource's elements are published by HL7 as StructureDefinitions; copying them here would make
the document ten times as long and no truer.
"""

from __future__ import annotations

from typing import Any

from dmp.domain.consent import POLICIES
from dmp.domain.contact import CHANNELS, LANGUAGES, RHYTHMS
from dmp.domain.grants import OUTCOMES, TEXT_MAX, TEXT_MIN
from dmp.domain.identifiers import NATIONAL
from dmp.domain.preferences import DOCUMENT_MAX, DOCUMENT_MIN, REASONS

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 100}
_CODE: Json = {"type": "string", "description": "Six digits"}
_CLOCK: Json = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
_IDENTIFIER: Json = {"$ref": "#/components/schemas/Identifier"}


def _object(needed: Json, more: Json | None = None, *, closed: bool = False) -> Json:
    made: Json = {"type": "object", "properties": {**needed, **(more or {})}}
    if needed:
        made["required"] = list(needed)
    return {**made, "additionalProperties": False} if closed else made


def _choice(values: tuple[str, ...]) -> Json:
    return {"type": "string", "enum": list(values)}


def _resource(kind: str, needed: Json) -> Json:
    return _object({"resourceType": {"const": kind}, **needed})


def schemas() -> Json:
    """By name, as routes refer to them."""
    return {
        **_fhir(),
        **_oauth(),
        **_activation(),
        **_preferences(),
        **_credentials(),
        **_reviews(),
    }


def _fhir() -> Json:
    issue = _object(
        {"severity": _TEXT, "code": _TEXT},
        {"details": {"type": "object"}, "diagnostics": _TEXT,
         "expression": {"type": "array", "items": _TEXT}},
    )  # fmt: skip
    operation = _object(
        {"op": _choice(("add", "remove", "replace", "move", "copy", "test")), "path": _TEXT},
        {"value": {}, "from": _TEXT},
    )
    kinds = _choice(("transaction", "batch", "searchset", "history", "transaction-response",
                     "batch-response"))  # fmt: skip
    return {
        "Texts": {"type": "array", "items": _TEXT},
        "Resource": _object({"resourceType": _TEXT}, {"id": _TEXT, "meta": {"type": "object"}}),
        "Bundle": {
            **_resource("Bundle", {"type": kinds}),
            "description": "At most 4 MiB; in a transaction any number of creates",
        },
        "Parameters": _resource("Parameters", {"parameter": {"type": "array"}}),
        "OperationOutcome": _resource(
            "OperationOutcome", {"issue": {"type": "array", "minItems": 1, "items": issue}}
        ),
        "JsonPatch": {"type": "array", "items": operation},
        "Form": {
            "type": "object",
            "description": "The parameters of the GET, in the body",
            "additionalProperties": {"anyOf": [_TEXT, {"$ref": "#/components/schemas/Texts"}]},
        },
        "Problem": _object(
            {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "code": _TEXT},
            {"detail": _TEXT, "expression": _TEXT, "request_id": _TEXT,
             "tries_left": {"type": "integer"}},
        ),
    }  # fmt: skip


def _oauth() -> Json:
    seconds: Json = {"type": "integer"}
    named = ("client_assertion_type", "client_assertion", "scope", "refresh_token", "challenge",
             "code", "client_id", "redirect_uri", "code_verifier", "device")  # fmt: skip
    return {
        "OAuthError": _object({"error": _TEXT}, {"error_description": _TEXT}),
        "TokenForm": _object({"grant_type": _TEXT}, dict.fromkeys(named, _TEXT)),
        "TokenOf": _object(
            {"token": _TEXT},
            dict.fromkeys(("token_type_hint", "client_assertion_type", "client_assertion",
                           "client_id"), _TEXT),
        ),
        "Token": _object(
            {"access_token": _TEXT, "token_type": {"const": "Bearer"}, "expires_in": seconds,
             "scope": _TEXT},
            {"refresh_token": _TEXT, "patient": _TEXT, "encounter": _TEXT, "id_token": _TEXT,
             "device": _TEXT, "need_patient_banner": {"type": "boolean"}},
        ),
        "Introspection": _object({"active": {"type": "boolean"}}),
        "Launch": _object({"patient": _TEXT}, {"encounter": _TEXT}, closed=True),
        "Launched": _object({"launch": _TEXT, "iss": _TEXT, "expires_in": seconds}),
        "Apps": _object({"apps": {"type": "array", "items": _object({"id": _TEXT})}}),
        "Keys": _object({"keys": {"type": "array", "items": {"type": "object"}}}),
        "Identifier": _object(
            {"system": _choice(tuple(sorted(NATIONAL))), "value": _TEXT}, closed=True
        ),
        "CodeRequest": _object({"identifier": _IDENTIFIER}),
        "Challenge": _object({"challenge": _TEXT}),
    }  # fmt: skip


def _credentials() -> Json:
    ceremony: Json = {"ceremony": _TEXT, "credential": {"type": "object"}}
    name: Json = {"name": _TEXT}
    enrolment: Json = {"enrolment": _TEXT}
    flag: Json = {"replaces": {"type": "boolean"}}
    return {
        "Ceremony": _object({"ceremony": _TEXT, "publicKey": {"type": "object"}}),
        "Signed": _object(ceremony, {"device": _TEXT}),
        "Registered": _object({**ceremony, **name}),
        "Named": _object(name),
        "Pin": _object({"pin": _TEXT}),
        "RecoveryCode": _object({"recovery_code": _TEXT}),
        "Strong": _object({"strong_for": {"type": "integer"}}),
        "Enrolling": _object({"practitioner": _TEXT}, flag),
        "Enrolment": _object(enrolment),
        "Enrolled": _object({**enrolment, **ceremony, **name}),
    }


def _activation() -> Json:
    given: Json = {"type": "array", "minItems": 1, "maxItems": 10, "items": _NAME}
    return {
        "Activation": _object(
            {
                "identifier": _IDENTIFIER,
                "family": _NAME,
                "given": given,
                "birthDate": {"type": "string", "format": "date"},
                "telecom": _object({"phone": _TEXT}, {"email": _TEXT}, closed=True),
                "language": _choice(LANGUAGES),
                "notify": _choice(CHANNELS),
            },
            {"policy": _choice(POLICIES)},
            closed=True,
        ),
        "Progress": _object({"id": _TEXT, "status": _TEXT}, {"patient": _TEXT, "reason": _TEXT}),
        "Code": _object({"code": _CODE}),
    }


def _preferences() -> Json:
    return {
        "Preferences": _object(
            {
                "language": _choice(LANGUAGES),
                "channel": _choice(CHANNELS),
                "rhythm": _choice(RHYTHMS),
            },
            {
                "phone": _TEXT,
                "email": _TEXT,
                "digestHour": {"type": "integer", "minimum": 0, "maximum": 23},
                "quietHours": _object({"from": _CLOCK, "until": _CLOCK}, closed=True),
            },
        ),
        "Usage": _object(
            {
                "total": {"type": "integer"},
                "usages": {
                    "type": "array",
                    "items": _object({"time": _TEXT, "purpose": _TEXT, "entry": _TEXT}),
                },
            },
            {"offset": {"type": "integer"}, "limit": {"type": "integer"}},
        ),
        "Address": {
            "oneOf": [_object({name: _TEXT}, closed=True) for name in ("phone", "email")],
            "type": "object",
        },
        "InPerson": _in_person(),
        "Sent": _object({"expires_in": {"type": "integer"}, "tries_left": {"type": "integer"}}),
    }


def _in_person() -> Json:
    document = {"type": "string", "minLength": DOCUMENT_MIN, "maxLength": DOCUMENT_MAX}
    seen: Json = {"reason": _choice(REASONS), "document": document}
    return {
        "oneOf": [_object({name: _TEXT, **seen}, closed=True) for name in ("phone", "email")],
        "type": "object",
    }


def _reviews() -> Json:
    words = {"type": "string", "minLength": TEXT_MIN, "maxLength": TEXT_MAX}
    return {"ReviewAnswer": _object({"outcome": _choice(OUTCOMES), "answer": words}, closed=True)}
