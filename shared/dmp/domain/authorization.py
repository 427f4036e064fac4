"""SMART App Launch: what an app may ask of the authorization server, and what it was given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from dmp.domain import scopes as smart
from dmp.domain.caller import Kind
from dmp.domain.refusals import OAuthError

PENDING_S = 600
CODE_S = 60
CODE_KEPT_S = 12 * 3600  # a used code is known for so long, so that its second use is seen
LAUNCH_S = 300
OFFLINE_IDLE_S = 90 * 86_400
OFFLINE_S_MAX = 365 * 86_400
STATE_MIN = 16  # characters, as the SMART JS client makes; SMART asks apps for 122 random bits
TEXT_MAX = 1024
CONTEXT_WORDS = (
    "openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access",
)  # fmt: skip
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")
_VISIBLE = re.compile(r"[\x20-\x7e]*\Z")
_LOOPBACK = ("127.0.0.1", "::1")
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+\Z")


@dataclass(frozen=True, slots=True)
class Launch:
    """What an EHR had open when it launched an app, and for which practitioner."""

    patient: str
    practitioner: str
    organization: str
    encounter: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """An app's request that waits for a person; good until `expires` (epoch seconds).

    `scopes` are what the client may have of what it asked for; `people` who may answer it.
    """

    id: str
    client_id: str
    client_name: str
    redirect_uri: str
    state: str
    challenge: str
    scopes: tuple[str, ...]
    people: tuple[Kind, ...]
    expires: int
    nonce: str = ""
    launch: Launch | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes instead: an error that the app is told."""

    location: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who answers a request: a patient for their own record, or a practitioner for one place.

    `session` names the row `session#<id>` that must be live.
    """

    kind: Kind
    session: str
    patient: str = ""
    practitioner: str = ""
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a person let an app have. `patient` is their own record, or the one in context."""

    client_id: str
    kind: Kind
    scopes: tuple[str, ...]
    session: str
    patient: str = ""
    practitioner: str = ""
    organization: str = ""
    encounter: str = ""
    nonce: str = ""

    @property
    def owner(self) -> str:
        """Whose list of apps it stands in."""
        return self.patient if self.kind == "patient" else f"practitioner-{self.practitioner}"

    @property
    def offline(self) -> bool:
        """Whether it outlives the session in which it was given."""
        return "offline_access" in self.scopes

    @property
    def refreshes(self) -> bool:
        """Whether a refresh token goes with it."""
        return self.offline or "online_access" in self.scopes


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code as it is kept: by its hash, with the app it will make."""

    hash: str
    app: str
    redirect_uri: str
    challenge: str
    expires: int
    given: Given


@dataclass(frozen=True, slots=True)
class App:
    """An app that a person let in. `expires` moves with use, `until` never; in epoch seconds.

    `family` and `refresh` are hashes of the two parts of the refresh token's secret.
    """

    id: str
    given: Given
    family: str
    refresh: str
    created: int
    expires: int
    until: int


def proven(registered: Collection[str], asked: str) -> bool:
    """Whether a redirect URI is one of the client's, to the character.

    A registered loopback address without a port stands for every port (RFC 8252, 7.3).
    """
    return asked in registered or _without_port(asked) in registered


def is_redirect_uri(text: str) -> bool:
    """Whether it can be registered: https, a loopback address, or an app's own dotted scheme."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not _VISIBLE.match(text) or any(c in text for c in '#*\\ "<>') or len(text) > TEXT_MAX:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme == "http":
        return host in _LOOPBACK and port is None and bool(parts.path)
    return _OWN_SCHEME.match(parts.scheme) is not None and not parts.netloc and bool(parts.path)


def _without_port(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return text
    if parts.scheme != "http" or host not in _LOOPBACK or port is None:
        return text
    bare = f"[{host}]" if ":" in host else host
    rest = text.removeprefix(f"http://{bare}:{port}")
    return f"http://{bare}{rest}"


def checked(asked: Mapping[str, str], audience: str) -> None:
    """Refuse, as the app will be told, unless the request has what SMART App Launch wants."""
    if asked.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    for name in ("request", "request_uri"):
        if name in asked:
            raise OAuthError(f"{name}_not_supported", f"{name} is not served")
    if "none" in asked.get("prompt", "").split():
        raise OAuthError("login_required", "nobody is let in without being asked")
    if asked.get("aud", "").removesuffix("/") != audience:
        raise OAuthError("invalid_request", f"aud must be {audience}")
    if fault := _fault(asked):
        raise OAuthError("invalid_request", fault)


def _fault(asked: Mapping[str, str]) -> str:
    """What is wrong with the request's form; empty when nothing is."""
    if asked.get("response_mode", "query") != "query":
        return "response_mode must be query"
    for name in ("state", "nonce", "launch", "scope"):
        text = asked.get(name, "")
        if len(text) > 2 * TEXT_MAX or not _VISIBLE.match(text):
            return f"{name} is too long or not ASCII"
    state = asked.get("state", "")
    if len(state) < STATE_MIN or len(set(state)) == 1:
        return f"state must be at least {STATE_MIN} characters, random; SMART asks for 122 bits"
    if "code_challenge" not in asked or asked.get("code_challenge_method") != "S256":
        return "PKCE is needed: code_challenge, and code_challenge_method S256"
    if not _CHALLENGE.match(asked["code_challenge"]):
        return "code_challenge must be a SHA-256 as 43 characters of base64url"
    return ""


def people_for(scopes: Collection[str], launched: bool, organizations: Collection[str]) -> tuple[
    Kind, ...
]:  # fmt: skip
    """Who may answer a request of these scopes; practitioners only for a client of some place."""
    contexts = {scope.partition("/")[0] for scope in scopes if smart.is_resource_scope(scope)}
    people: list[Kind] = []
    if not launched and "user" not in contexts:
        people.append("patient")
    alone = "patient" not in contexts or launched or "launch/patient" in scopes
    if organizations and (alone or "user" in contexts):
        people.append("practitioner")
    return tuple(people)


def narrowed(chosen: Collection[str], pending: Pending, who: SignedIn, patient: str) -> list[str]:
    """What is given of what was asked for: what the person chose, within what they have.

    A patient has `patient/` scopes, of their own record; a practitioner `user/` scopes, and
    `patient/` ones where a patient is in context.
    """
    mine = {"patient"} if who.kind == "patient" else {"user", *(["patient"] if patient else [])}
    resources = smart.granted(" ".join(chosen), " ".join(pending.scopes))
    words = [word for word in CONTEXT_WORDS if word in chosen and word in pending.scopes]
    return [*(s for s in resources if s.partition("/")[0] in mine), *words]


def needs_proof(scopes: Collection[str]) -> bool:
    """Whether an app would write, or go on alone: who has a PIN or passkey proves it for that."""
    written = any(set(scope.letters) - set("rs") for scope in smart.parsed(scopes))
    return written or "offline_access" in scopes


def proves(verifier: str, challenge: str) -> bool:
    """Whether the PKCE verifier is the one whose SHA-256 was sent ahead."""
    if not _VERIFIER.match(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def answered(redirect_uri: str, **members: str) -> str:
    """The redirect URI with the members in its query, empty ones left out."""
    mark = "&" if urlsplit(redirect_uri).query else "?"
    return redirect_uri + mark + urlencode({k: v for k, v in members.items() if v})
