"""Partner apps and patients for the tests of tokens: keys, assertions, a small directory."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.jwt import VerifyingKey
from dmp.domain.directory import Client, Organization, Practitioner, Role
from infra.template import ROOT
from tests.stack import Context

BASE = "https://dmp.test/test"
TOKEN_URL = f"{BASE}/oauth2/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLINIC, HOSPITAL = "100000011", "100000022"
PHYSICIAN, SURGEON = "200000011", "200000022"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC = ECKey.generate_key("P-384", {"kid": "ec-1"})
SCOPES = "system/*.cruds"
B2B: dict[str, Any] = {
    "version": "1",
    "subject_id": f"urn:ma:inpe|{PHYSICIAN}",
    "subject_name": "somebody else",
    "organization_id": f"urn:ma:inpe|{CLINIC}",
    "purpose_of_use": ["TREAT"],
}


def event(name: str, **form: str) -> dict[str, Any]:
    """events/<name>.json; with `form`, its body replaced."""
    content: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    if form:
        content["body"] = urlencode(form)
    return content


def answered(handler: Any, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer."""
    response = handler(sent, Context())
    return response["statusCode"], json.loads(response["body"]) if response["body"] else {}


def decoded(part: str) -> bytes:
    """The bytes of a segment."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def jwks_of(*keys: RSAKey | ECKey) -> str:
    """A public key set."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def claims_of(client_id: str = "clinic", **changes: Any) -> dict[str, Any]:
    """Good claims of an assertion, changed; a change to None takes the claim out."""
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": TOKEN_URL,
        "exp": int(time.time()) + 240,
        "jti": str(uuid.uuid4()),
        "extensions": {"hl7-b2b": B2B},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed(
    claims: dict[str, Any], key: RSAKey | ECKey = EC, header: dict[str, Any] | None = None
) -> str:
    """A JWT, by the library as it comes."""
    alg = "ES384" if isinstance(key, ECKey) else "RS384"
    full = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    kept = {name: value for name, value in full.items() if value is not None}
    registry = JWSRegistry(algorithms=[str(kept["alg"])], strict_check_header=False)
    return jwt.encode(kept, claims, key, registry=registry)


def credentials(assertion: str, **form: str) -> dict[str, str]:
    """The form of a client_credentials request."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **form,
    }


class NoPublishedKeys:
    """For clients that registered their keys by value: no URL is ever asked."""

    def keys(self, url: str, kid: str, now: int) -> Mapping[str, VerifyingKey]:
        raise AssertionError(url, kid, now)


def client_of(client_id: str = "clinic", **changes: Any) -> Client:
    """A registered app."""
    members: dict[str, Any] = {
        "id": client_id,
        "name": "Clinic software",
        "active": True,
        "organizations": (CLINIC,),
        "prefix": "cli",
        "jwks": jwks_of(RSA, EC),
        "scopes": SCOPES,
    }
    return Client(**{**members, **changes})


def role_of(**changes: Any) -> Role:
    """The physician at the clinic."""
    members: dict[str, Any] = {
        "practitioner": PHYSICIAN,
        "organization": CLINIC,
        "code": "physician",
        "starts": "2020-01-01",
        "practitioner_id": "prac-physician",
        "organization_id": "org-clinic",
        "practitioner_name": "Dr Salma Bennani",
        "organization_name": "Clinique Al Amal",
    }
    return Role(**{**members, **changes})


def directory() -> list[Client | Practitioner | Organization | Role]:
    """One app, one practitioner, one organisation, one role."""
    return [
        client_of(),
        Practitioner(PHYSICIAN, "prac-physician", "Bennani", ("Salma",), "Dr Salma Bennani"),
        Organization(CLINIC, "org-clinic", "Clinique Al Amal"),
        role_of(),
    ]


def registered(table: str) -> Registry:
    """The directory, written to the registry."""
    registry = Registry(table)
    registry.put(directory())
    return registry
