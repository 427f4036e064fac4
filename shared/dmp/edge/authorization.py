"""The pages between an app's request and its code: who are you, the code, what may the app do.

Each address shows the step at which the browser is; each form moves it one on and leads back to
the address, so that reload, back button and second tab find what is so. Nothing that a page says
tells whether somebody has a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from dmp.domain.authorization import Pending, Redirect, SignedIn
from dmp.domain.identifiers import is_patient_id
from dmp.domain.refusals import (
    BadParameter,
    OAuthError,
    StrongerSignInNeeded,
    TooMany,
    Unauthenticated,
)
from dmp.domain.sign_in import typed
from dmp.edge.agents import seen
from dmp.edge.authorization_steps import PATH, Said, Steps, Turn, asks_patient
from dmp.edge.browser import (
    cookie_of,
    cookie_value,
    device_cookie,
    device_of,
    fields_of,
    from_elsewhere,
    is_form_token,
)
from dmp.edge.http import Answer, Request
from dmp.edge.logs import count
from dmp.edge.oauth import lasting
from dmp.edge.pages import Kit, Reader
from dmp.edge.sign_in_form import identifier_typed
from dmp.edge.step_up import WAYS, refused
from dmp.use_cases.authorization import Authorization
from dmp.use_cases.browsers import Browsers, Held
from dmp.use_cases.step_up import StepUp

COOKIE = "dmp-browser"
_TYPED_SHOWN = 40
Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class AuthorizationPages:
    """GET and POST of the authorization endpoint. Asking for a code takes `answer_ms` at least."""

    kit: Kit
    authorization: Authorization
    browsers: Browsers
    step_up: StepUp
    steps: Steps
    answer_ms: int

    def show(self, request: Request) -> Answer:
        """The step of a request under way, or the first one of a new request."""
        reader, held = self.kit.reader(request), self._held(request)
        query = [(name, value) for name, value in request.query if name != "lang"]
        if "a" not in dict(query):
            secure = self.kit.secure
            handle = device_of(request.headers, secure=secure) or self.browsers.new_device()
            kept = device_cookie(handle, secure=secure)
            return self._begin(replace(reader, cookies=(*reader.cookies, kept)), held, query)
        found = self._under_way(request, reader, held, dict(query)["a"])
        if isinstance(found, Answer):
            return found
        return self.steps.page(found, Said(told=dict(query).get("told", "")))

    def act(self, request: Request) -> Answer:
        """What a form asks for."""
        reader, fields = self.kit.reader(request), fields_of(request)
        if "a" not in fields and "client_id" in fields:
            pairs = [(name, value) for name, values in fields.items() for value in values]
            return self.kit.redirect(f"{self.kit.link(PATH)}?{urlencode(pairs)}")
        if from_elsewhere(request):
            return self._error(reader, "wrong", 403)
        held = self._held(request)
        found = self._under_way(request, reader, held, _one(fields, "a"))
        if isinstance(found, Answer):
            return found
        if not is_form_token(_one(fields, "token"), found.held.secret):
            return self.steps.page(found, Said(told="stale"), 403)
        return self._action(_one(fields, "action"))(found, fields, request.source_ip)

    def _action(self, name: str) -> Callable[[Turn, Fields, str], Answer]:
        actions: dict[str, Callable[[Turn, Fields, str], Answer]] = {
            "identify": self._identify,
            "again": self._again,
            "enter": self._enter,
            "leave": self._leave,
            "allow": self._allow,
            "refuse": self._refuse,
            "passkey": self._passkey,
            **{way: partial(self._proved, way) for way in WAYS},
        }
        if name not in actions:
            raise BadParameter("the form asks for nothing that is served", "action")
        return actions[name]

    def _begin(self, reader: Reader, held: Held | None, query: list[tuple[str, str]]) -> Answer:
        try:
            begun = self.authorization.begin(query)
        except OAuthError as refusal:
            return self._error(reader, "app", 400, detail=f"{refusal.error}: {refusal}")
        if isinstance(begun, Redirect):
            return self.kit.redirect(begun.location)
        held = self.browsers.begin(held, begun.id)
        count("AuthorizationsBegun")
        return self.steps.page(self._turn(reader, held, begun, fresh=True), Said())

    def _under_way(
        self, request: Request, reader: Reader, held: Held | None, flow: str
    ) -> Turn | Answer:
        """The turn of a request that this very browser began; else the page that says why not."""
        if held is None:
            kept = cookie_value(request.headers, COOKIE, secure=self.kit.secure)
            return self._error(reader, "over" if kept else "cookies", 400)
        if flow not in held.browser.flows:
            return self._error(reader, "over", 400)
        try:
            pending = self.authorization.pending(flow)
        except OAuthError:
            return self._error(reader, "over", 400)
        return self._turn(reader, held, pending)

    def _turn(self, reader: Reader, held: Held, pending: Pending, *, fresh: bool = False) -> Turn:
        cookies = (*reader.cookies, self._cookie(held)) if fresh else reader.cookies
        who = self.browsers.who(held)
        return Turn(Reader(reader.language, cookies), held, pending, who)

    def _identify(self, turn: Turn, fields: Fields, address: str) -> Answer:
        if "patient" not in turn.pending.people:
            return self._onward(turn)
        written = _one(fields, "who")[:_TYPED_SHOWN]
        identifier = identifier_typed(_one(fields, "who"))
        if identifier is None:
            return self.steps.page(turn, Said(error="who", typed=written), 422)
        try:
            with lasting(self.answer_ms):
                sent = self.browsers.start(turn.held, *identifier, address)[1]
        except TooMany as refusal:
            said = Said(error="often", typed=written, wait_s=refusal.retry_after_s)
            return self.steps.page(turn, said, 429)
        count("CodesSent" if sent else "CodesNotSent")
        return self._onward(turn)

    def _again(self, turn: Turn, _: Fields, address: str) -> Answer:
        try:
            with lasting(self.answer_ms):
                sent = self.browsers.again(turn.held, address)[1]
        except TooMany as refusal:
            return self.steps.page(turn, Said(error="often", wait_s=refusal.retry_after_s), 429)
        except OAuthError:
            return self._leave(turn, {}, address)
        count("CodesSent" if sent else "CodesNotSent")
        return self._onward(turn, told="again")

    def _enter(self, turn: Turn, fields: Fields, __: str) -> Answer:
        if turn.who is not None:  # sent twice, or in two tabs: it was right once
            return self._onward(turn)
        code = _one(fields, "code")
        if typed(code) is None:
            return self.steps.page(turn, Said(error="form"), 422)
        try:
            held = self.browsers.enter(turn.held, code)
        except OAuthError:
            count("CodesRefused")
            again = self.browsers.of(turn.held.secret) or turn.held
            return self.steps.page(turn.of(again), Said(error="code"), 422)
        return self._onward(turn, cookies=(self._cookie(held),))

    def _leave(self, turn: Turn, _: Fields, __: str) -> Answer:
        self.browsers.leave(turn.held)
        return self._onward(turn)

    def _allow(self, turn: Turn, fields: Fields, _: str) -> Answer:
        who = turn.who
        if who is None:
            return self._onward(turn)
        scopes = self.steps.scopes_left(turn, fields.get("allow", []))
        if not scopes:
            return self.steps.page(turn, Said(error="none"), 422)
        patient = _one(fields, "patient").strip()
        if asks_patient(turn) and not is_patient_id(patient):
            said = Said(error="patient", typed=patient[:_TYPED_SHOWN])
            return self.steps.page(turn, said, 422)
        approve = self.authorization.approve
        try:
            return self._answered(turn, lambda: approve(turn.pending.id, who, scopes, patient))
        except StrongerSignInNeeded:
            return self._ask_proof(turn, who, fields, Said())

    def _passkey(self, turn: Turn, fields: Fields, _: str) -> Answer:
        """Signed in by what the page's script was given."""
        try:
            held = self.browsers.by_passkey(turn.held, _one(fields, "proof"))
        except OAuthError:
            count("PasskeysRefused")
            return self.steps.page(turn, Said(error="passkey"), 422)
        return self._onward(turn, cookies=(self._cookie(held),))

    def _proved(self, way: str, turn: Turn, fields: Fields, _: str) -> Answer:
        """Let the app in with the boxes left ticked, once it is proved; else ask again."""
        who = turn.who
        if who is None or who.kind != "patient":
            return self._onward(turn)
        try:
            said = refused(self.step_up, who, way, _one(fields, WAYS[way]))
        except Unauthenticated:
            return self._leave(turn, {}, "")
        if said is not None:
            return self._ask_proof(turn, who, fields, said)
        return self._allow(turn, fields, "")

    def _ask_proof(self, turn: Turn, who: SignedIn, fields: Fields, said: Said) -> Answer:
        return self.steps.prove(turn, self.step_up.ways(who), fields.get("allow", []), said)

    def _refuse(self, turn: Turn, _: Fields, __: str) -> Answer:
        return self._answered(turn, lambda: self.authorization.deny(turn.pending.id))

    def _answered(self, turn: Turn, decide: Callable[[], str]) -> Answer:
        try:
            location = decide()
        except OAuthError as refusal:
            if refusal.error == "login_required":
                return self._leave(turn, {}, "")
            return self._error(turn.reader, "over", 400)
        return self.kit.redirect(location)

    def _onward(self, turn: Turn, told: str = "", cookies: tuple[str, ...] = ()) -> Answer:
        said = {"told": told} if told else {}
        return self.kit.redirect(self.kit.link(PATH, a=turn.pending.id, **said), cookies)

    def _error(self, reader: Reader, kind: str, status: int, detail: str = "") -> Answer:
        values = {"kind": kind, "request_id": "", "detail": detail}
        return self.kit.page("error.html", reader, values, status=status)

    def _held(self, request: Request) -> Held | None:
        secure = self.kit.secure
        held = self.browsers.of(cookie_value(request.headers, COOKIE, secure=secure))
        return held and seen(held, request, secure=secure)

    def _cookie(self, held: Held) -> str:
        return cookie_of(COOKIE, held.secret, secure=self.kit.secure)


def _one(fields: Fields, name: str) -> str:
    """A field's value; empty when it is absent, BadParameter when it comes twice."""
    values = fields.get(name, [""])
    if len(values) != 1:
        raise BadParameter("a field comes twice", name)
    return values[0]
