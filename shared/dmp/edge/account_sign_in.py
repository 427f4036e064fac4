"""Sign-in without an app: who are you, the code, and then the patient's own pages.

As on the pages of the authorization endpoint, nothing that is said tells whether somebody has a
record, and each form leads back to the address, which shows where the browser is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dmp.domain.refusals import BadParameter, OAuthError, TooMany
from dmp.domain.sign_in import CODE_SECONDS, typed
from dmp.edge.account_desk import ACCOUNT, SIGN_IN, Desk, back_of, one
from dmp.edge.authorization_steps import PASSKEYS, Said
from dmp.edge.browser import fields_of, from_elsewhere, is_form_token
from dmp.edge.http import Answer, Request
from dmp.edge.language import words_of
from dmp.edge.logs import count
from dmp.edge.oauth import lasting
from dmp.edge.pages import Reader
from dmp.edge.sign_in_form import identifier_typed
from dmp.use_cases.browsers import Held

_TYPED_SHOWN = 40
_MINUTE_S = 60
Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a browser that nobody is signed in with, and where it is to go then."""

    reader: Reader
    held: Held
    back: str


@dataclass(frozen=True, slots=True)
class SignInPages:
    """GET and POST of the sign-in page. Asking for a code takes `answer_ms` at least."""

    desk: Desk
    answer_ms: int

    def show(self, request: Request) -> Answer:
        """The step at which the browser is; onward when somebody is signed in."""
        asked = dict(request.query)
        back = back_of(asked.get("to", ""))
        held = self.desk.held(request)
        if self.desk.patient(held) is not None:
            return self._onward(back)
        reader = self.desk.with_device(self.desk.kit.reader(request), request)
        if held is None:
            held = self.desk.browsers.met()
            reader = self.desk.with_cookie(reader, held)
        return self._page(Step(reader, held, back), Said(told=asked.get("told", "")))

    def act(self, request: Request) -> Answer:
        """What a form of it asks for."""
        reader = self.desk.kit.reader(request)
        if from_elsewhere(request):
            return self.desk.error(reader, 403)
        fields, held = fields_of(request), self.desk.held(request)
        back = back_of(one(fields, "a"))
        if held is None:
            return self.desk.error(reader, 400, "cookies")
        step = Step(reader, held, back)
        if not is_form_token(one(fields, "token"), held.secret):
            return self._page(step, Said(told="stale"), 403)
        return self._action(one(fields, "action"))(step, fields, request.source_ip)

    def leave(self, request: Request) -> Answer:
        """The session ends; the browser is signed in as nobody."""
        sent = self.desk.sent(request, "journal")
        if isinstance(sent, Answer):
            return sent
        self.desk.browsers.leave(sent[0].held)
        return self.desk.kit.redirect(self.desk.kit.link(SIGN_IN, told="out"))

    def _action(self, name: str) -> Callable[[Step, Fields, str], Answer]:
        actions: dict[str, Callable[[Step, Fields, str], Answer]] = {
            "identify": self._identify,
            "again": self._again,
            "enter": self._enter,
            "leave": self._forget,
            "passkey": self._passkey,
        }
        if name not in actions:
            raise BadParameter("the form asks for nothing that is served", "action")
        return actions[name]

    def _identify(self, step: Step, fields: Fields, address: str) -> Answer:
        written = one(fields, "who")[:_TYPED_SHOWN]
        identifier = identifier_typed(one(fields, "who"))
        if identifier is None:
            return self._page(step, Said(error="who", typed=written), 422)
        try:
            with lasting(self.answer_ms):
                sent = self.desk.browsers.start(step.held, *identifier, address)[1]
        except TooMany as refusal:
            said = Said(error="often", typed=written, wait_s=refusal.retry_after_s)
            return self._page(step, said, 429)
        count("CodesSent" if sent else "CodesNotSent")
        return self._here(step)

    def _again(self, step: Step, _: Fields, address: str) -> Answer:
        try:
            with lasting(self.answer_ms):
                sent = self.desk.browsers.again(step.held, address)[1]
        except TooMany as refusal:
            return self._page(step, Said(error="often", wait_s=refusal.retry_after_s), 429)
        except OAuthError:
            return self._forget(step, {}, address)
        count("CodesSent" if sent else "CodesNotSent")
        return self._here(step, "again")

    def _enter(self, step: Step, fields: Fields, __: str) -> Answer:
        browsers = self.desk.browsers
        # sent twice, or in two tabs: it was right once
        if self.desk.patient(step.held) is not None:
            return self._onward(step.back)
        code = one(fields, "code")
        if typed(code) is None:
            return self._page(step, Said(error="form"), 422)
        try:
            held = browsers.enter(step.held, code)
        except OAuthError:
            count("CodesRefused")
            again = browsers.of(step.held.secret) or step.held
            return self._page(Step(step.reader, again, step.back), Said(error="code"), 422)
        cookies = self.desk.with_cookie(Reader(step.reader.language), held).cookies
        return self._onward(step.back, cookies)

    def _passkey(self, step: Step, fields: Fields, _: str) -> Answer:
        """Signed in by what the page's script was given; a practitioner's passkey opens nothing."""
        try:
            held = self.desk.browsers.by_passkey(step.held, one(fields, "proof"), only="patient")
        except OAuthError:
            count("PasskeysRefused")
            return self._page(step, Said(error="passkey"), 422)
        cookies = self.desk.with_cookie(Reader(step.reader.language), held).cookies
        return self._onward(step.back, cookies)

    def _forget(self, step: Step, _: Fields, __: str) -> Answer:
        self.desk.browsers.leave(step.held)
        return self._here(step)

    def _here(self, step: Step, word: str = "") -> Answer:
        said = {"told": word} if word else {}
        return self.desk.kit.redirect(self.desk.kit.link(SIGN_IN, to=step.back, **said))

    def _onward(self, back: str, cookies: tuple[str, ...] = ()) -> Answer:
        return self.desk.kit.redirect(f"{self.desk.kit.link(ACCOUNT)}/{back}", cookies)

    def _page(self, step: Step, said: Said, status: int = 200) -> Answer:
        words, now = words_of(step.reader.language), self.desk.clock.now_ms() // 1000
        kit, browser = self.desk.kit, step.held.browser
        again = words.time(now + said.wait_s + _MINUTE_S - 1) if said.wait_s else ""
        live = browser.tries > 0 and now < browser.asked + CODE_SECONDS
        values: dict[str, object] = {
            "flow": step.back,
            "token": self.desk.token(step.held),
            "here": kit.link(SIGN_IN, to=step.back),
            "to": kit.link(SIGN_IN),
            "passkeys": kit.link(PASSKEYS),
            "script": "page.js",
            "app": "",
            "said": said,
            "again_at": again,
            "tries": browser.tries,
            "live": live,
            "minutes": CODE_SECONDS // _MINUTE_S,
        }
        template = "code.html" if browser.challenge else "sign_in.html"
        return kit.page(template, step.reader, values, status=status)
