"""Every AWS call behind the sign-in pages, failing in every way: who tries again gets through.

A person whose page did not come reloads it or presses the button again, and where the browser's
secret or the code was used up they begin anew. No page says that something was done when it was
not, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import time_machine

from dmp.adapters.dynamodb.directory import Registry
from dmp.domain.directory import Client
from tests import oauth, patients
from tests.faults import CRASHES, FAULTS, Outcome, Trial, walked
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.tabs import CALLBACK, VERIFIER, Page, Tab

OWN = "patient/*.cruds openid fhirUser launch/patient offline_access"


def came(page: Page, *good: int) -> Outcome:
    """Done, or busy; any other page is a lie."""
    assert page.status in (*good, 503), (page.status, page.text)
    return "busy" if page.status == 503 else "done"


@dataclass
class Visitor:
    """A browser at the authorization pages, and a clock."""

    tab: Tab
    app: ModuleType
    tokens: ModuleType
    clock: Any

    def asked(self) -> Visitor:
        """At the sign-in page, in a browser that was never here; two days later."""
        self.clock.shift(2 * 86_400)
        self.tab = Tab(self.tab.handler, address=self.tab.address)
        assert self.tab.ask().status == 200
        self.app.pages.browsers.codes.contacts._vault._rings.clear()
        return self

    def told(self) -> str:
        """Waits for a code; the code."""
        self.asked()
        assert self.tab.fill("identify", who="BE742318").status == 200
        return patients.code_of(patients.texts()[-1])

    def let(self) -> Visitor:
        """Signed in, and asked whether the app may come in."""
        code = self.told()
        assert self.tab.fill("enter", code=code).status == 200
        assert "May this app use your record?" in self.tab.page.text
        return self

    def pressed(self, press: Callable[[], Page], *good: int) -> Callable[[], Outcome]:
        """A button of the page that the person sees now, pressed as often as need be."""
        page = self.tab.page

        def send() -> Outcome:
            self.tab.page = page
            return came(press(), *good)

        return send

    def exchanged(self) -> int:
        """The code that the browser carries to the app, used by the app."""
        code = self.tab.page.location.partition("code=")[2].partition("&")[0]
        form = {"grant_type": "authorization_code", "client_id": "diary", "code": code}
        form |= {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        sent = oauth.event("tokens/authorization_code", **form)
        return oauth.answered(self.tokens.handler, sent)[0]


def _comes(visitor: Visitor) -> Trial:
    visitor.clock.shift(7200)
    visitor.tab = Tab(visitor.tab.handler, address=visitor.tab.address)

    def holds() -> None:
        assert visitor.tab.fill("identify", who="BE742318").status == 200

    return Trial(lambda: came(visitor.tab.ask(), 200), holds)


def _says_who(visitor: Visitor) -> Trial:
    visitor.asked()
    before = len(patients.texts())
    send = visitor.pressed(lambda: visitor.tab.fill("identify", who="BE742318"), 200)

    def again() -> Outcome:
        visitor.clock.shift(61)
        return send()

    def holds() -> None:
        if len(patients.texts()) == before:  # as if on its way: nobody learns who has a record
            again()
        assert len(patients.texts()) - before in (1, 2)
        code = patients.code_of(patients.texts()[-1])
        assert "May this app use" in visitor.tab.fill("enter", code=code).text

    return Trial(send, holds, again)


def _gives_the_code(visitor: Visitor) -> Trial:
    code = visitor.told()
    send = visitor.pressed(lambda: visitor.tab.fill("enter", code=code), 200, 400, 403, 422)

    def first() -> Outcome:
        return "busy" if send() == "busy" or not _is_in(visitor) else "done"

    def again() -> Outcome:
        if first() == "busy":  # the code, or the browser's secret, was used up
            visitor.let()
        return "done"

    def holds() -> None:
        assert _is_in(visitor)
        assert visitor.tab.fill("", button="allow").status == 303

    return Trial(first, holds, again)


def _is_in(visitor: Visitor) -> bool:
    return "May this app use your record?" in visitor.tab.page.text


def _lets_in(visitor: Visitor) -> Trial:
    visitor.let()
    send = visitor.pressed(lambda: visitor.tab.fill("", button="allow"), 303)

    def again() -> Outcome:
        try:
            done = send()
        except AssertionError:  # the request was answered, and the answer is lost: from the app on
            assert visitor.tab.page.status == 400
            return _lets_in(visitor).send()
        return done

    def holds() -> None:
        assert visitor.exchanged() == 200
        assert visitor.exchanged() == 400

    return Trial(send, holds, again)


def _refuses(visitor: Visitor) -> Trial:
    visitor.let()
    send = visitor.pressed(lambda: visitor.tab.fill("", button="refuse"), 303, 400)

    def holds() -> None:
        page = visitor.tab.page
        assert page.status == 400 or "error=access_denied" in page.location

    return Trial(send, holds)


AT_THE_APP: dict[str, Callable[[Visitor], Trial]] = {
    "comes": _comes, "says who": _says_who, "gives the code": _gives_the_code,
    "lets in": _lets_in, "refuses": _refuses,
}  # fmt: skip


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def visitor(system: Stack) -> Iterator[Visitor]:
    """One patient, one app for patients."""
    patients.empty(system)
    registry: Registry = oauth.registered(system.output("RegistryTable"))
    registry.put([Client(
        id="diary", name="Mon carnet", active=True, organizations=(oauth.CLINIC,), prefix="dry",
        jwks="", scopes=OWN, redirect_uris=(CALLBACK,),
    )])  # fmt: skip
    patients.settle(system)
    app = system.app("authorization", "Authorization")
    with (
        mock.patch.object(app, "pages", replace(app.pages, answer_ms=0)),
        time_machine.travel(1_795_345_200, tick=False) as clock,
    ):
        yield Visitor(Tab(app.handler), app, system.app("tokens", "Tokens"), clock)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", AT_THE_APP)
def test_each_call_of_a_page_of_the_sign_in_fails(
    visitor: Visitor, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = walked(lambda: AT_THE_APP[name](visitor), fault)

    assert tried or fault not in CRASHES or name == "comes"
    capsys.readouterr()
