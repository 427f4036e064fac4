"""Before an act that asks for more than a code: the patient proves it, and the same act goes on.

A page hands its act to `Proof.acting`. Where the act raises StrongerSignInNeeded, the page that
asks for PIN, recovery code or passkey comes instead; its form holds what the act was given and goes
to the same address, so that nothing is typed twice and nothing is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dmp.domain.refusals import BadParameter, StrongerSignInNeeded, Unauthenticated
from dmp.edge.account_desk import ACCOUNT, SIGN_IN, At, Desk, one
from dmp.edge.authorization_steps import PASSKEYS, Said
from dmp.edge.http import Answer, Request
from dmp.edge.step_up import WAYS, refused
from dmp.use_cases.step_up import StepUp

Fields = Mapping[str, list[str]]
Act = Callable[[At, Fields], Answer]
# of this form alone, or not to be held in a page: a PIN chosen anew is typed once more
_NOT_HELD = frozenset({"a", "token", "prove", *WAYS.values(), "new_pin", "new_pin_again"})
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Proof:
    """The step, for every page of the patient's own."""

    desk: Desk
    step_up: StepUp

    def acting(self, request: Request, back: str, act: Act) -> Answer:
        """Do what a form of the page `back` asks for, once it is proved where that is needed."""
        sent = self.desk.sent(request, back)
        if isinstance(sent, Answer):
            return sent
        at, fields = sent
        way = one(fields, "prove")
        if way and way not in WAYS:
            raise BadParameter("the form proves nothing that is known", "prove")
        try:
            said = refused(self.step_up, at.who, way, one(fields, WAYS[way])) if way else None
            return self._page(at, back, fields, said) if said else act(at, fields)
        except StrongerSignInNeeded:
            return self._page(at, back, fields, Said())
        except Unauthenticated:
            return self.desk.kit.redirect(self.desk.kit.link(SIGN_IN, to=back))

    def _page(self, at: At, back: str, fields: Fields, said: Said) -> Answer:
        place, link = back.partition("?")[0], self.desk.kit.link
        address, now = link(f"{ACCOUNT}/{place}"), self.desk.clock.now_ms() // 1000
        values: dict[str, object] = {
            "place": place.partition("/")[0],
            "ways": self.step_up.ways(at.who),
            "kept": [(n, v) for n, some in fields.items() if n not in _NOT_HELD for v in some],
            "said": said,
            "told": "",
            "to": address,
            "passkeys": link(PASSKEYS),
            "again_at": at.words.time(now + said.wait_s + _MINUTE_S - 1) if said.wait_s else "",
        }
        status = 422 if said.error else 200
        return self.desk.page(at, "account_prove.html", address, status, **values)
