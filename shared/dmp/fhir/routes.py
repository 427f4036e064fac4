"""The routes that are served: the one table behind OpenAPI, CapabilityStatement and `Allow`.

A test compares it with the template's routes; those that only refuse are not in it. An operation is
told under its own address (`/fhir/Observation/$lastn`), `via` being the template's path that takes
it: no `$` stands in one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

FHIR = ("application/fhir+json",)
PATCH = ("application/json-patch+json", "application/fhir+json")
JSON = ("application/json",)
FORM = ("application/x-www-form-urlencoded",)
TEXT = ("text/plain",)
CSV = "text/csv"
PEM = ("application/x-pem-file",)
_TYPE, _ID = "/fhir/{type}", "/fhir/{type}/{id}"
_OPERATION = f"{_ID}/{{operation}}"
_CONSENT, _AUDIT = "/fhir/Consent", "/fhir/AuditEvent"
_READING = ("If-None-Match", "If-Modified-Since")
_CREATING = ("Prefer", "Idempotency-Key", "If-None-Exist")
_CHANGING = ("Prefer", "Idempotency-Key", "If-Match")


class Route(NamedTuple):
    """One method of one path.

    `reads` and `answers` are media types, `body` and `answer` name their schemas, `status` is that
    of success and `also` are others that only this route has; `query` names its set of parameters.
    """

    method: str
    path: str
    summary: str
    reads: tuple[str, ...]
    answers: tuple[str, ...]
    status: int
    body: str = ""
    answer: str = ""
    query: str = ""
    headers: tuple[str, ...] = ()
    also: tuple[int, ...] = ()
    via: str = ""

    @property
    def template(self) -> str:
        """The path as the template has it."""
        return self.via or self.path


def _definitions(kind: str, what: str) -> tuple[Route, ...]:
    path = f"/fhir/{kind}"
    return (
        Route("get", path, f"Our {what}s", (), FHIR, 200, answer="Bundle", query=kind),
        Route("post", f"{path}/_search", f"Our {what}s by form", FORM, FHIR, 200, "Form", "Bundle"),
        Route("get", f"{path}/{{id}}", f"One {what}", (), FHIR, 200, answer="Resource"),
    )


PUBLIC: tuple[Route, ...] = (
    Route("get", "/fhir/metadata", "CapabilityStatement", (), FHIR, 200, answer="Resource"),
    Route("get", "/fhir/.well-known/smart-configuration", "SMART configuration", (), JSON, 200),
    Route("get", "/.well-known/openid-configuration", "OpenID configuration", (), JSON, 200),
    Route("get", "/fhir/.well-known/openid-configuration", "The same", (), JSON, 200),
    Route("get", "/openapi.json", "This document", (), JSON, 200),
    Route("get", "/postman.json", "The same as a Postman collection", (), JSON, 200),
    *_definitions("StructureDefinition", "profile"),
    *_definitions("ValueSet", "value set"),
    Route("post", "/oauth2/token", "Access token", FORM, JSON, 200, "TokenForm", "Token"),
    Route("post", "/oauth2/otp", "Send a one-time code", JSON, JSON, 202, "CodeRequest",
          "Challenge"),
    Route("post", "/oauth2/introspect", "RFC 7662", FORM, JSON, 200, "TokenOf", "Introspection"),
    Route("post", "/oauth2/revoke", "RFC 7009", FORM, (), 200, "TokenOf"),
    Route("get", "/oauth2/jwks.json", "Keys of access tokens", (), JSON, 200, answer="Keys"),
    Route("post", "/activations", "Ask for a record", JSON, JSON, 202, "Activation", "Progress"),
    Route("get", "/activations/{id}", "How far it is", (), JSON, 200, answer="Progress"),
    Route("post", "/activations/{id}/confirmation", "Give the code", JSON, JSON, 202, "Code",
          "Progress", also=(410,)),
    Route("get", "/journal/key", "Key of the journal's checkpoints", (), PEM, 200),
    Route("get", "/journal/checkpoint", "The newest signed note", (), TEXT, 200, also=(404,)),
    Route("post", "/journal/checkpoint", "A witness adds its line", TEXT, TEXT, 200,
          also=(404,)),
    Route("get", "/journal/consistency/{size}", "That a smaller log begins today's", (), TEXT,
          200),
    Route("post", "/oauth2/passkeys/assertion", "Begin a passkey sign-in", JSON, JSON, 200,
          answer="Ceremony"),
    Route("post", "/oauth2/passkeys/sign-in", "Sign in by passkey", JSON, JSON, 200, "Signed",
          also=(410,)),
    Route("post", "/oauth2/enrolments", "An administrator enrols a practitioner", JSON, JSON, 201,
          "Enrolling", "Enrolment", also=(403,)),
    Route("post", "/oauth2/enrolments/registration", "The practitioner begins", JSON, JSON, 200,
          "Enrolment", "Ceremony", also=(403, 410)),
    Route("post", "/oauth2/enrolments/passkeys", "The practitioner's passkey", JSON, JSON, 201,
          "Enrolled", also=(403, 410)),
    Route("get", "/oauth2/session", "The practitioner who is signed in", (), JSON, 200),
    Route("delete", "/oauth2/session", "Sign the practitioner out", (), (), 204),
)  # fmt: skip
BEHIND_TOKEN: tuple[Route, ...] = (
    Route("get", "/oauth2/passkeys", "What the patient proves themselves by", (), JSON, 200),
    Route("post", "/oauth2/passkeys/registration", "Begin a passkey", JSON, JSON, 200,
          answer="Ceremony"),
    Route("post", "/oauth2/passkeys", "Keep a passkey", JSON, JSON, 201, "Registered",
          also=(410,)),
    Route("put", "/oauth2/passkeys/{id}", "Name a passkey", JSON, JSON, 200, "Named"),
    Route("delete", "/oauth2/passkeys/{id}", "End a passkey", (), (), 204),
    Route("post", "/oauth2/passkeys/challenge", "Begin a proof", JSON, JSON, 200,
          answer="Ceremony"),
    Route("post", "/oauth2/passkeys/proof", "Prove by passkey", JSON, JSON, 200, "Signed",
          "Strong", also=(410,)),
    Route("put", "/oauth2/pin", "Set the PIN", JSON, JSON, 200, "Pin", "Strong"),
    Route("post", "/oauth2/pin", "Prove by PIN", JSON, JSON, 200, "Pin", "Strong"),
    Route("delete", "/oauth2/pin", "End the PIN", (), (), 204),
    Route("post", "/oauth2/recovery-codes", "Ten new recovery codes", JSON, JSON, 201),
    Route("post", "/oauth2/recovery-codes/proof", "Prove by recovery code", JSON, JSON, 200,
          "RecoveryCode", "Strong"),
    Route("post", "/launches", "What an EHR launches an app with", JSON, JSON, 201, "Launch",
          "Launched"),
    Route("get", "/apps", "The apps that the person let in", (), JSON, 200, answer="Apps"),
    Route("delete", "/apps/{id}", "End an app", (), (), 204),
    Route("post", "/fhir", "Transaction or batch", FHIR, FHIR, 200, "Bundle", "Bundle",
          headers=("Prefer", "Idempotency-Key")),
    Route("get", _TYPE, "Search a record, or the directory", (), FHIR, 200, answer="Bundle",
          query="search", headers=("Handling",)),
    Route("post", _TYPE, "Create", FHIR, FHIR, 201, "Resource", "Resource", headers=_CREATING,
          also=(200,)),
    Route("put", _TYPE, "Update what the criteria find", FHIR, FHIR, 200, "Resource", "Resource",
          "criteria", _CHANGING, (201,)),
    Route("patch", _TYPE, "Patch what the criteria find", PATCH, FHIR, 200, "Patch", "Resource",
          "criteria", _CHANGING),
    Route("delete", _TYPE, "Delete what the criteria find", (), (), 204, query="criteria",
          headers=_CHANGING, also=(200,)),
    Route("post", f"{_TYPE}/_search", "Search by form", FORM, FHIR, 200, "Form", "Bundle",
          headers=("Handling",)),
    Route("get", f"{_TYPE}/_history", "Type history", (), FHIR, 200, answer="Bundle",
          query="history", via=_ID),
    Route("post", f"{_TYPE}/$validate", "Validate", FHIR, FHIR, 200, "Resource",
          "OperationOutcome", "validate", via=_ID),
    Route("get", _ID, "Read", (), FHIR, 200, answer="Resource", headers=_READING,
          also=(304, 410)),
    Route("put", _ID, "Update, or create under an own id", FHIR, FHIR, 200, "Resource",
          "Resource", headers=(*_CHANGING, "If-None-Match"), also=(201,)),
    Route("patch", _ID, "JSON Patch or FHIRPath Patch", PATCH, FHIR, 200, "Patch", "Resource",
          headers=_CHANGING),
    Route("delete", _ID, "Delete", (), (), 204, headers=_CHANGING, also=(200,)),
    Route("get", f"{_ID}/_history", "Instance history", (), FHIR, 200, answer="Bundle"),
    Route("get", f"{_ID}/_history/{{vid}}", "Read one version", (), FHIR, 200, answer="Resource",
          also=(410,)),
    Route("get", "/fhir/Patient/{id}/$everything", "The whole record", (), FHIR, 200,
          answer="Bundle", query="everything", via=_OPERATION),
    Route("post", "/fhir/Patient/{id}/$everything", "The whole record by form", FORM, FHIR, 200,
          "Form", "Bundle", via=_OPERATION),
    Route("get", "/fhir/Composition/{id}/$document", "A composition with what it refers to", (),
          FHIR, 200, answer="Bundle", query="document", via=_OPERATION),
    Route("post", "/fhir/Composition/{id}/$document", "The same by form", FORM, FHIR, 200,
          "Form", "Bundle", via=_OPERATION),
    Route("get", "/fhir/Observation/$lastn", "The newest of each code", (), FHIR, 200,
          answer="Bundle", query="lastn", headers=("Handling",), via=_ID),
    Route("get", f"{_ID}/$meta", "Tags, labels and version of one resource", (), FHIR, 200,
          answer="Parameters", also=(410,), via=_OPERATION),
    Route("post", f"{_ID}/$meta", "The same", FORM, FHIR, 200, "Form", "Parameters", also=(410,),
          via=_OPERATION),
    Route("get", _CONSENT, "Search consents", (), FHIR, 200, answer="Bundle", query="Consent",
          headers=("Handling",)),
    Route("post", _CONSENT, "Grant", FHIR, FHIR, 201, "Resource", "Resource",
          headers=("Prefer", "Idempotency-Key"), also=(200,)),
    Route("post", f"{_CONSENT}/_search", "Search consents by form", FORM, FHIR, 200, "Form",
          "Bundle", headers=("Handling",)),
    Route("get", f"{_CONSENT}/{{id}}", "Read a consent", (), FHIR, 200, answer="Resource",
          headers=_READING, also=(304, 410)),
    Route("put", f"{_CONSENT}/{{id}}", "Change or revoke", FHIR, FHIR, 200, "Resource", "Resource",
          headers=_CHANGING),
    Route("post", f"{_CONSENT}/$validate", "Validate a consent", FHIR, FHIR, 200, "Resource",
          "OperationOutcome", "validate", via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/$request", "Ask a patient for a code", FHIR, FHIR, 202, "Resource",
          "OperationOutcome", via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/$grant", "A consent for the patient's code", FHIR, FHIR, 201,
          "Resource", "Resource", headers=("Prefer", "Idempotency-Key"), also=(410,),
          via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/$break-glass", "Open a record in an emergency", FHIR, FHIR, 201,
          "Resource", "Resource", headers=("Prefer", "Idempotency-Key"), via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/$explain", "Who could read, by which rule", FHIR, FHIR, 200,
          "Resource", "Resource", via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/$simulate", "What a change would open and close", FHIR, FHIR, 200,
          "Resource", "Resource", via=f"{_CONSENT}/{{id}}"),
    Route("post", f"{_CONSENT}/{{id}}/$contest", "Contest a break-glass", FHIR, FHIR, 200,
          "Resource", "Resource", headers=("Prefer", "Idempotency-Key"), also=(204,),
          via=f"{_CONSENT}/{{id}}/{{operation}}"),
    Route("delete", f"{_CONSENT}/{{id}}", "Revoke", (), (), 204, headers=_CHANGING, also=(200,)),
    Route("get", f"{_CONSENT}/{{id}}/_history", "Versions of a consent", (), FHIR, 200,
          answer="Bundle"),
    Route("get", f"{_CONSENT}/{{id}}/_history/{{vid}}", "One version of a consent", (), FHIR, 200,
          answer="Resource", also=(410,)),
    Route("get", _AUDIT, "The patient's journal", (), FHIR, 200, answer="Bundle",
          query="AuditEvent"),
    Route("post", f"{_AUDIT}/_search", "The journal by form", FORM, FHIR, 200, "Form", "Bundle"),
    Route("get", f"{_AUDIT}/{{id}}", "One entry", (), FHIR, 200, answer="Resource"),
    Route("get", "/journal/entry/{id}", "One entry's exact bytes", (), JSON, 200),
    Route("get", "/journal/proof/{id}", "That an entry is in the sealed log", (), TEXT, 200),
    Route("get", "/journal/usage", "Who used the record, by access", (), JSON, 200,
          answer="Usage", query="usage"),
    Route("get", "/journal/export", "The journal to take away", (), (*FHIR, CSV), 200,
          query="export"),
    Route("get", "/reviews", "Break-glass that waits for the officer", (), JSON, 200),
    Route("get", "/reviews/{id}", "One of it, with its reason", (), JSON, 200),
    Route("put", "/reviews/{id}", "The officer's answer", JSON, JSON, 200, "ReviewAnswer",
          headers=("If-Match",), also=(412,)),
    Route("post", "/contacts/{id}", "A registrar changes the contact", JSON, JSON, 200,
          "InPerson", "Preferences"),
    Route("get", "/preferences", "How the patient is told", (), JSON, 200, answer="Preferences"),
    Route("put", "/preferences", "Change it", JSON, JSON, 200, "Preferences", "Preferences"),
    Route("post", "/preferences/contact", "Ask for another address", JSON, JSON, 202, "Address",
          "Sent"),
    Route("post", "/preferences/contact/confirmation", "Confirm it by its code", JSON, JSON, 200,
          "Code", "Preferences", also=(410,)),
)  # fmt: skip


@cache
def allowed(template: str) -> str:
    """The methods that a path of the template serves, as `Allow` lists them."""
    methods = {r.method.upper() for r in (*PUBLIC, *BEHIND_TOKEN) if r.template == template}
    return ", ".join(sorted(methods))
