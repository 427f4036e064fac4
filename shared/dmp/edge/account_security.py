"""What the patient proves themselves with, where they are signed in, and the apps they let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dmp.domain.accesses import millis_of
from dmp.domain.choices import choices
from dmp.domain.credential import RECOVERY_CODES
from dmp.domain.refusals import BadParameter, Gone, Invalid, NotJson
from dmp.edge.account_desk import SECURITY, At, Desk, one
from dmp.edge.account_proof import Fields, Proof
from dmp.edge.http import Answer, Request
from dmp.edge.scope_words import line_of
from dmp.fhir.json_reader import read_object
from dmp.use_cases.apps import Apps
from dmp.use_cases.browsers import UNKNOWN
from dmp.use_cases.passkeys import Passkeys
from dmp.use_cases.proving import Proofs
from dmp.use_cases.security import Security

_BACK = "security"
_TYPED_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SecurityPages:
    """What a signed-in patient sees and does there."""

    desk: Desk
    proof: Proof
    proofs: Proofs
    passkeys: Passkeys
    security: Security
    apps: Apps

    def shown(self, request: Request) -> Answer:
        """What there is now."""
        found = self.desk.enter(request, _BACK)
        if isinstance(found, Answer):
            return found
        return self._overview(found, dict(request.query).get("told", ""))

    def act(self, request: Request) -> Answer:
        """What a form of it asks for."""
        return self.proof.acting(request, _BACK, self._act)

    def _act(self, at: At, fields: Fields) -> Answer:
        actions: dict[str, Callable[[At, Fields], Answer]] = {
            "pin": self._pin,
            "set-pin": self._set_pin,
            "remove-pin": self._remove_pin,
            "passkey": self._passkey,
            "add-passkey": self._add_passkey,
            "remove-passkey": self._remove_passkey,
            "codes": self._codes,
            "end-place": self._end_place,
            "end-others": self._end_others,
            "end-app": self._end_app,
        }
        name = one(fields, "action")
        if name not in actions:
            raise BadParameter("the form asks for nothing that is served", "action")
        return actions[name](at, fields)

    def _pin(self, at: At, _: Fields) -> Answer:
        """The form for a new PIN, for who has proved themselves if they can."""
        door = self.proofs.own.enter(at.caller, strong=True)
        return self._step(at, "pin", known=door.credential.pin is not None)

    def _set_pin(self, at: At, fields: Fields) -> Answer:
        digits, error = one(fields, "new_pin"), ""
        known = self.proofs.own.enter(at.caller, strong=True).credential.pin is not None
        if digits != one(fields, "new_pin_again"):
            error = "differs"
        else:
            try:
                self.proofs.set_pin(at.caller, digits)
            except Invalid:
                error = "guessed"
        return self._step(at, "pin", error, known=known) if error else self._onward("pin-set")

    def _remove_pin(self, at: At, _: Fields) -> Answer:
        self.proofs.remove_pin(at.caller)
        return self._onward("pin-removed")

    def _passkey(self, at: At, _: Fields, error: str = "", typed: str = "") -> Answer:
        """The form that asks the device for a passkey."""
        try:
            begun: dict[str, Any] = self.passkeys.begin_registration(at.caller)
        except Invalid:  # as many as there may be
            return self._overview(at, "passkeys-full", 422)
        return self._step(at, "passkey", error, begun=begun, typed=typed)

    def _add_passkey(self, at: At, fields: Fields) -> Answer:
        name = one(fields, "name")
        try:
            credential = read_object(one(fields, "credential").encode())
            body = {"ceremony": one(fields, "ceremony"), "credential": credential, "name": name}
            self.passkeys.register(at.caller, body)
        except Gone:
            return self._passkey(at, fields, "gone", name[:_TYPED_SHOWN])
        except (Invalid, NotJson) as refusal:
            where = refusal.issues[0].expression
            error = "name" if where == "name" else "refused"
            return self._passkey(at, fields, error, name[:_TYPED_SHOWN])
        return self._onward("passkey-added")

    def _remove_passkey(self, at: At, fields: Fields) -> Answer:
        self.passkeys.remove(at.caller, one(fields, "passkey"))
        return self._onward("passkey-removed")

    def _codes(self, at: At, _: Fields) -> Answer:
        """New recovery codes, on a page that is shown this once."""
        try:
            made = self.proofs.renew_recovery_codes(at.caller)
        except Invalid:  # nothing that they would stand in for
            return self._overview(at, "codes-early", 422)
        return self._step(at, "codes", codes=made["recovery_codes"], day=self._today(at))

    def _end_place(self, at: At, fields: Fields) -> Answer:
        self.security.end_place(at.caller, one(fields, "place"))
        return self._onward("place-ended")

    def _end_others(self, at: At, _: Fields) -> Answer:
        self.security.end_others(at.caller)
        return self._onward("places-ended")

    def _end_app(self, at: At, fields: Fields) -> Answer:
        self.apps.end(at.caller, one(fields, "app"))
        return self._onward("app-ended")

    def _onward(self, word: str) -> Answer:
        return self.desk.kit.redirect(self.desk.kit.link(SECURITY, told=word))

    def _overview(self, at: At, told: str = "", status: int = 200) -> Answer:
        credential = self.proofs.own.enter(at.caller).credential
        day, number = at.words.day, at.words.number
        passkeys = [
            {"id": p.handle, "name": p.name, "added": day(p.created),
             "used": day(p.used) if p.used else "", "synced": p.backed_up}
            for p in credential.passkeys
        ]  # fmt: skip
        return self._page(
            at, "security.html", status, told=told, pin=credential.pin is not None,
            passkeys_held=passkeys, known=credential.known, left=number(len(credential.recovery)),
            none_left=not credential.recovery, most=number(RECOVERY_CODES),
            places=self._places(at), apps=self._let_in(at),
        )  # fmt: skip

    def _places(self, at: At) -> list[dict[str, object]]:
        return [
            {
                "id": place.handle,
                "agent": "" if place.agent == UNKNOWN else place.agent,
                "program": not place.agent,
                "since": at.words.moment(place.since),
                "expires": at.words.time(place.expires),
                "here": place.here,
            }
            for place in self.security.places(at.caller)
        ]

    def _let_in(self, at: At) -> list[dict[str, object]]:
        found = []
        for app in self.apps.listed(at.caller):
            scopes = str(app["scope"]).split()
            offered = choices(scopes)
            lines = {w: [line_of(c, at.words) for c in offered if c.writes == w] for w in (0, 1)}
            found.append({
                "id": app["id"], "name": app["name"], "reads": lines[0], "writes": lines[1],
                "alone": "offline_access" in scopes,
                "since": at.words.moment(millis_of(str(app["since"])) // 1000),
                "expires": at.words.day(millis_of(str(app["expires"])) // 1000),
            })  # fmt: skip
        return found

    def _step(self, at: At, step: str, error: str = "", **values: object) -> Answer:
        status = 422 if error else 200
        return self._page(at, f"security_{step}.html", status, error=error, told="", **values)

    def _page(self, at: At, template: str, status: int, **values: object) -> Answer:
        link = self.desk.kit.link(SECURITY)
        return self.desk.page(at, template, link, status, to=link, **values)

    def _today(self, at: At) -> str:
        return at.words.day(self.desk.clock.now_ms() // 1000)
