"""What the server says of itself: CapabilityStatement and smart-configuration, from one table.

`interactions_of` is that table; the OpenAPI document is made from it too (dmp.fhir.openapi). A test
compares them with the routes: nothing is told that is not served.
"""

from __future__ import annotations

from typing import Any

from dmp.domain import access_token, authorization, sign_in
from dmp.fhir import compartment, directory_search, json_reader
from dmp.fhir.published import PARAMETERS, supported
from dmp.fhir.search_criteria import MODIFIERS
from dmp.fhir.search_includes import included_by, including
from dmp.fhir.search_parameters import parameters_of

Json = dict[str, Any]
VERSION = "0.1.0"
DATE = "2026-11-22"  # of this statement's content
FORMATS = ("application/fhir+json", "json")
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_READ = ("read", "vread", "history-instance", "search-type")
_WRITE = ("create", "update", "delete")
_OPERATIONS = "http://hl7.org/fhir/OperationDefinition/"
_OWN_OPERATIONS = {
    "Composition": ("Composition-document",),
    "Observation": ("Observation-lastn",),
    "Patient": ("Patient-everything",),
}
_OUR_OPERATIONS = "https://dmp.ma/fhir/OperationDefinition/"
_CONSENT_OPERATIONS = (
    "request", "grant", "break-glass", "contest", "explain", "simulate",
)  # fmt: skip
_TOKENS_TOLD = {
    "system/*.cruds": "an app for the practitioner named in hl7-b2b",
    "user/*.cruds": "the same, as apps with a user write it",
    "patient/*.cruds": "a patient's own session",
}
CAPABILITIES = (
    "launch-standalone", "launch-ehr", "client-public", "client-confidential-asymmetric",
    "sso-openid-connect", "context-standalone-patient", "context-ehr-patient",
    "context-ehr-encounter", "context-banner", "permission-offline", "permission-online",
    "permission-patient", "permission-user", "permission-v2", "authorize-post",
)  # fmt: skip
_LIMITS = (
    f"A body has at most {json_reader.MAX_BYTES} bytes, a resource {json_reader.MAX_RESOURCE_BYTES}"
    f" bytes; JSON has at most {json_reader.MAX_DEPTH} levels and {json_reader.MAX_NODES} nodes. A"
    " transaction may have any number of creates and at most 80 entries that update, delete,"
    " patch or are conditional. Answers are paged at 3 MiB. A search names its patient. Every"
    " access is decided by the patient's consents and told to the patient."
)
_DIRECTORY = (
    "A search that names no patient is of the directory, and so is an id without dots: read by any"
    " caller, with no patient's consent, 600 requests an hour. Parameters there: "
)


def interactions_of(resource_type: str) -> tuple[str, ...]:
    """The interactions served on a type; none for a type that is not served."""
    if resource_type == "AuditEvent" or resource_type in PARAMETERS:
        return ("read", "search-type")
    if resource_type not in compartment.served():
        return ()
    if resource_type in compartment.writable():
        return (*_READ, "history-type", *_WRITE, "patch")
    return (*_READ, *_WRITE) if resource_type == "Consent" else (*_READ, "history-type")


def served_types() -> list[str]:
    """Every type with an interaction, in order."""
    return sorted(compartment.served() | {"AuditEvent", *PARAMETERS})


def capability_statement(base_url: str) -> Json:
    """The CapabilityStatement that `GET /fhir/metadata` answers."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "dmp",
        "url": f"{base_url}/fhir/metadata",
        "version": VERSION,
        "name": "DMP",
        "title": "Dossier Médical Partagé",
        "status": "active",
        "date": DATE,
        "publisher": "Dossier Médical Partagé",
        "description": "The shared patient record of one region of Morocco.",
        "kind": "instance",
        "software": {"name": "DMP", "version": VERSION},
        "implementation": {"description": "Dossier Médical Partagé", "url": f"{base_url}/fhir"},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": _LIMITS,
                "security": _security(base_url),
                "resource": [_resource(name) for name in served_types()],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def smart_configuration(base_url: str) -> Json:
    """SMART App Launch 2.2, section 4: what the authorization server does, and no more."""
    return {
        **_endpoints(base_url),
        "one_time_code_endpoint": f"{base_url}/oauth2/otp",
        "grant_types_supported": [
            "authorization_code", "client_credentials", "refresh_token", sign_in.GRANT,
        ],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "scopes_supported": [*_TOKENS_TOLD, *authorization.CONTEXT_WORDS],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "capabilities": list(CAPABILITIES),
    }  # fmt: skip


def openid_configuration(base_url: str) -> Json:
    """OpenID Connect Discovery 1.0: of whom a person's app may learn who they are."""
    return {
        **_endpoints(base_url),
        "scopes_supported": ["openid", "fhirUser", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def _endpoints(base_url: str) -> Json:
    oauth2 = f"{base_url}/oauth2"
    return {
        "issuer": base_url,
        "jwks_uri": f"{oauth2}/jwks.json",
        "authorization_endpoint": f"{oauth2}/authorize",
        "token_endpoint": f"{oauth2}/token",
        "introspection_endpoint": f"{oauth2}/introspect",
        "revocation_endpoint": f"{oauth2}/revoke",
    }


def _security(base_url: str) -> Json:
    told = "; ".join(f"{scope}: {meaning}" for scope, meaning in _TOKENS_TOLD.items())
    uris = {name: name for name in ("authorize", "token", "introspect", "revoke")}
    return {
        "cors": True,
        "service": [{"coding": [{"system": _SECURITY_SERVICES, "code": "SMART-on-FHIR"}]}],
        "description": (
            f"Bearer tokens of at most {access_token.SECONDS_MAX} s. Apps: SMART Backend Services"
            " with extensions.hl7-b2b in the assertion. Patients: a one-time code to their own"
            f" contact, sessions of at most {sign_in.SESSION_S_MAX // 3600} h. Scopes: {told}."
        ),
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [
                    {"url": name, "valueUri": f"{base_url}/oauth2/{path}"}
                    for name, path in uris.items()
                ],
            }
        ],
    }


def _resource(name: str) -> Json:
    interactions = interactions_of(name)
    told: Json = {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in interactions],
        "searchParam": _search_parameters(name),
        **_documentation(name),
    }
    if name == "AuditEvent" or name in PARAMETERS:
        return {**told, "versioning": "no-version"}
    if profiles := supported(name):
        told["supportedProfile"] = profiles
    changeable = "patch" in interactions
    told |= {
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": changeable,
        "conditionalCreate": changeable,
        "conditionalRead": "full-support",
        "conditionalUpdate": changeable,
        "conditionalDelete": "single" if changeable else "not-supported",
        "referencePolicy": ["literal", "logical", "local"],
    }
    if included_by(name):
        told["searchInclude"] = ["*", f"{name}:*", *included_by(name)]
    if including(name):
        told["searchRevInclude"] = including(name)
    operations = ["Resource-validate", *_OWN_OPERATIONS.get(name, ())]
    if name != "Consent":
        operations.append("Resource-meta")
    told["operation"] = [
        {"name": text.partition("-")[2], "definition": f"{_OPERATIONS}{text}"}
        for text in operations
    ]
    if name == "Consent":
        told["operation"] += [
            {"name": text, "definition": f"{_OUR_OPERATIONS}Consent-{text}"}
            for text in _CONSENT_OPERATIONS
        ]
    return told


def _documentation(name: str) -> Json:
    """What is said of the directory's types, beside what is said of records."""
    served = directory_search.PARAMETERS.get(name)
    return {"documentation": _DIRECTORY + ", ".join(served)} if served else {}


def _search_parameters(name: str) -> list[Json]:
    if name in PARAMETERS:
        return [{"name": code, "type": kind} for code, kind in PARAMETERS[name].items()]
    return [
        {"name": code, "definition": row["url"], "type": row["type"]}
        for code, row in sorted(parameters_of(name).items())
        if row["type"] in MODIFIERS
    ]
