"""The routes by which people prove themselves; JSON in, JSON out, errors as RFC 6749 has them.

| route | who | sends | gets |
|---|---|---|---|
| GET /oauth2/passkeys | session | | `passkeys`, `pin`, `recovery_codes`, `strong` |
| POST /oauth2/passkeys/registration | session* | | `ceremony`, `publicKey` for `create()` |
| POST /oauth2/passkeys | session* | `ceremony`, `credential`, `name` | 201, the passkey |
| PUT, DELETE /oauth2/passkeys/{id} | session, DELETE* | `name` | the passkey, 204 |
| POST /oauth2/passkeys/challenge | session | | `ceremony`, `publicKey` for `get()` |
| POST /oauth2/passkeys/proof | session | `ceremony`, `credential` | `strong_for` |
| PUT, DELETE /oauth2/pin | session* | `pin` | `strong_for`, 204 |
| POST /oauth2/pin | session | `pin` | `strong_for`; wrong: 422 and `tries_left`; locked: 429 |
| POST /oauth2/recovery-codes | session* | | 201, ten `recovery_codes` |
| POST /oauth2/recovery-codes/proof | session | `recovery_code` | `strong_for`, how many are left |
| POST /oauth2/passkeys/assertion | anyone | | `ceremony`, `publicKey` for `get()` |
| POST /oauth2/passkeys/sign-in | anyone | `ceremony`, `credential` | `refresh_token` or `session` |
| POST /oauth2/enrolments | administrator | `practitioner`, `replaces` | 201, `enrolment` |
| POST /oauth2/enrolments/registration | its holder | `enrolment` | `ceremony`, `publicKey` |
| POST /oauth2/enrolments/passkeys | its holder | and `ceremony`, `credential`, `name` | 201 |
| GET, DELETE /oauth2/session | practitioner | | who is signed in, 204 |

A session is a patient's access token; * asks for a proof of the last 300 s once there is a PIN or
passkey (403 `insufficient_user_authentication`). The `refresh_token` of a sign-in gets an access
token at /oauth2/token, as after a one-time code: this function signs none. A practitioner sends the
`session` of the sign-in as bearer token. A patient's device sends `device`, which its first sign-in
gave it; a page of ours keeps a cookie instead. `publicKey` is for parse…OptionsFromJSON(),
`credential` what toJSON() gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dmp.domain.refusals import TooLarge, Unauthenticated
from dmp.edge.browser import device_of
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.edge.oauth import answer_of
from dmp.fhir.json_reader import read_object
from dmp.use_cases.enrolments import Enrolments
from dmp.use_cases.passkeys import Passkeys
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.proving import Proofs

BODY_BYTES_MAX = 16 * 1024
_READS = (JSON,)


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes call; `secure` where the pages' cookies are."""

    passkeys: Passkeys
    proofs: Proofs
    enrolments: Enrolments
    sessions: PractitionerSessions
    secure: bool


def passkeys_api(served: Served) -> Api:
    """The API."""
    api = Api("passkeys")
    _own(api, served.passkeys, served.proofs)
    _pin(api, served.proofs)
    _signing_in(api, served.passkeys, secure=served.secure)
    _practitioners(api, served.enrolments, served.sessions)
    return api


def _own(api: Api, passkeys: Passkeys, proofs: Proofs) -> None:
    @api.route("/oauth2/passkeys", ["GET"])
    def shown(request: Request) -> Answer:
        return answer_of(200, proofs.shown(request.authenticated()))

    @api.route("/oauth2/passkeys", ["POST"], _READS)
    def register(request: Request) -> Answer:
        return answer_of(201, passkeys.register(request.authenticated(), _body(request)))

    @api.route("/oauth2/passkeys/registration", ["POST"], _READS)
    def begin_registration(request: Request) -> Answer:
        return answer_of(200, passkeys.begin_registration(request.authenticated()))

    @api.route("/oauth2/passkeys/{id}", ["PUT"], _READS)
    def rename(request: Request) -> Answer:
        handle, name = request.parameters["id"], _body(request).get("name")
        return answer_of(200, passkeys.rename(request.authenticated(), handle, name))

    @api.route("/oauth2/passkeys/{id}", ["DELETE"])
    def remove(request: Request) -> Answer:
        passkeys.remove(request.authenticated(), request.parameters["id"])
        return Answer(204)

    @api.route("/oauth2/passkeys/challenge", ["POST"], _READS)
    def begin_proof(request: Request) -> Answer:
        return answer_of(200, passkeys.begin_proof(request.authenticated()))

    @api.route("/oauth2/passkeys/proof", ["POST"], _READS)
    def prove(request: Request) -> Answer:
        return answer_of(200, passkeys.prove(request.authenticated(), _body(request)))


def _pin(api: Api, proofs: Proofs) -> None:
    @api.route("/oauth2/pin", ["PUT"], _READS)
    def set_pin(request: Request) -> Answer:
        pin = _body(request).get("pin")
        return answer_of(200, proofs.set_pin(request.authenticated(), pin))

    @api.route("/oauth2/pin", ["POST"], _READS)
    def prove_pin(request: Request) -> Answer:
        pin = _body(request).get("pin")
        return answer_of(200, proofs.prove_pin(request.authenticated(), pin))

    @api.route("/oauth2/pin", ["DELETE"])
    def remove_pin(request: Request) -> Answer:
        proofs.remove_pin(request.authenticated())
        return Answer(204)

    @api.route("/oauth2/recovery-codes", ["POST"], _READS)
    def renew(request: Request) -> Answer:
        return answer_of(201, proofs.renew_recovery_codes(request.authenticated()))

    @api.route("/oauth2/recovery-codes/proof", ["POST"], _READS)
    def prove_code(request: Request) -> Answer:
        code = _body(request).get("recovery_code")
        return answer_of(200, proofs.prove_recovery_code(request.authenticated(), code))


def _signing_in(api: Api, passkeys: Passkeys, *, secure: bool) -> None:
    @api.route("/oauth2/passkeys/assertion", ["POST"], _READS)
    def begin_sign_in(request: Request) -> Answer:
        return answer_of(200, passkeys.begin_sign_in(request.source_ip))

    @api.route("/oauth2/passkeys/sign-in", ["POST"], _READS)
    def sign_in(request: Request) -> Answer:
        kept = device_of(request.headers, secure=secure)
        answer = passkeys.sign_in(_body(request), kept)
        count("PasskeySignIns")
        return answer_of(200, answer)


def _practitioners(api: Api, enrolments: Enrolments, sessions: PractitionerSessions) -> None:
    @api.route("/oauth2/enrolments", ["POST"], _READS)
    def enrol(request: Request) -> Answer:
        made = enrolments.enrol(_bearer(request), _body(request))
        count("PractitionersEnrolled")
        return answer_of(201, made)

    @api.route("/oauth2/enrolments/registration", ["POST"], _READS)
    def begin(request: Request) -> Answer:
        return answer_of(200, enrolments.begin(_body(request)))

    @api.route("/oauth2/enrolments/passkeys", ["POST"], _READS)
    def register(request: Request) -> Answer:
        return answer_of(201, enrolments.register(_body(request)))

    @api.route("/oauth2/session", ["GET"])
    def shown(request: Request) -> Answer:
        return answer_of(200, sessions.shown(_bearer(request)))

    @api.route("/oauth2/session", ["DELETE"])
    def end(request: Request) -> Answer:
        sessions.end(_bearer(request))
        return Answer(204)


def _body(request: Request) -> Mapping[str, Any]:
    if len(request.body) > BODY_BYTES_MAX:
        raise TooLarge(f"the body is at most {BODY_BYTES_MAX} bytes")
    return read_object(request.body)


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("the practitioner's session is needed as bearer token")
    return token.strip()
