"""Every AWS call of a sign-in and of an app's tokens, failing in every way.

Whoever got no answer, or a 503, asks again as people and apps do: the same once more, and from the
beginning where what they hold was used. In the end they are in, once, and nothing else is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine

from dmp.domain.marks import app_key
from tests import oauth, patients
from tests.apps import Door, letting_in
from tests.authenticator import Authenticator
from tests.faults import CRASHES, FAULTS, Outcome, Trial, walked
from tests.patients import PATIENT, code_of, exchange, refresh, start, texts
from tests.proving import Prover
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World

Answer = tuple[int, dict[str, Any]]
Ready = Callable[["Scene"], Trial]


@dataclass
class Scene:
    """The authorization server with one patient and its apps, two days after the last trial."""

    stack: Stack
    app: Any
    door: Door

    def forget_apps(self) -> None:
        """As if nobody had been let in."""
        for key in (f"apps#{PATIENT}", app_key(PATIENT, "smart-app")):
            self.stack.client("dynamodb").delete_item(
                TableName=self.stack.output("RegistryTable"), Key={"pk": {"S": key}}
            )

    def count(self, prefix: str) -> int:
        """How many acts the patient's journal tells (J#), how many notices are owed (N#)."""
        found = self.stack.client("dynamodb").query(
            TableName=self.stack.output("RecordsTable"),
            KeyConditionExpression="pk = :p AND begins_with(sk, :j)",
            ExpressionAttributeValues={":p": {"S": PATIENT}, ":j": {"S": prefix}},
            Select="COUNT",
        )
        return int(found["Count"])

    def code(self) -> tuple[str, str]:
        """A challenge and its code, a minute after any other."""
        self.app.traveller.shift(61)
        status, body = start(self.app)
        assert status == 202, body
        return body["challenge"], code_of(texts()[-1])

    def sign_in(self) -> dict[str, Any]:
        """From the beginning."""
        status, tokens = exchange(self.app, *self.code())
        assert status == 200, tokens
        return tokens


def settled(answer: Answer) -> Outcome:
    """Done, or busy; any other answer is a lie."""
    status, body = answer
    assert status in (200, 202, 503), body
    return "busy" if status == 503 else "done"


def _asks_for_a_code(scene: Scene) -> Trial:
    told: list[dict[str, Any]] = []
    before = len(texts())

    def send() -> Outcome:
        answer = start(scene.app)
        told.extend([answer[1]] if answer[0] == 202 else [])
        return settled(answer)

    def again() -> Outcome:
        scene.app.traveller.shift(61)
        return send()

    def holds() -> None:
        if len(texts()) == before:  # as if on its way: a failure must not tell who has a record
            again()
        assert 0 < len(texts()) - before <= 2
        assert settled(exchange(scene.app, told[-1]["challenge"], code_of(texts()[-1]))) == "done"

    return Trial(send, holds, again)


def _gives_the_code(scene: Scene) -> Trial:
    challenge, code = scene.code()
    before, given = scene.count("J#"), []

    def send() -> Outcome:
        answer = exchange(scene.app, challenge, code)
        given.extend([answer[1]] if answer[0] == 200 else [])
        return settled(answer)

    def again() -> Outcome:
        status, body = exchange(scene.app, challenge, code)
        given.append(body if status == 200 else scene.sign_in())
        assert status == 200 or body["error"] == "invalid_grant"
        return "done"

    def holds() -> None:
        assert patients.live(scene.app, given[-1]["access_token"])
        assert 1 <= scene.count("J#") - before <= 2
        assert exchange(scene.app, challenge, code)[0] == 400

    return Trial(send, holds, again)


def _refreshes(scene: Scene) -> Trial:
    tokens = scene.sign_in()
    given = [tokens]

    def send() -> Outcome:
        answer = refresh(scene.app, tokens["refresh_token"])
        given.extend([answer[1]] if answer[0] == 200 else [])
        return settled(answer)

    def again() -> Outcome:
        status, body = refresh(scene.app, tokens["refresh_token"])
        assert status == 200 or body["error"] == "invalid_grant"
        if status != 200:  # it was used, and who holds the new one is not known: all ends
            assert not patients.live(scene.app, tokens["access_token"])
        given.append(body if status == 200 else scene.sign_in())
        return "done"

    def holds() -> None:
        assert patients.live(scene.app, given[-1]["access_token"])
        assert refresh(scene.app, given[-1]["refresh_token"])[0] == 200

    return Trial(send, holds, again)


def _signs_an_assertion(scene: Scene) -> Trial:
    used: list[str] = []

    def ask(assertion: str) -> Answer:
        sent = oauth.event("tokens/client_credentials", **oauth.credentials(assertion))
        return oauth.answered(scene.app.handler, sent)

    def send() -> Outcome:
        used.append(oauth.signed(oauth.claims_of()))
        return settled(ask(used[-1]))

    def holds() -> None:
        assert ask(used[-1])[0] == 401  # it served

    return Trial(send, holds)


def _exchanges_an_apps_code(scene: Scene) -> Trial:
    code = scene.door.code()
    before, owed, given = scene.count("J#"), scene.count("N#"), []

    def send() -> Outcome:
        answer = scene.door.exchange(code)
        given.extend([answer[1]] if answer[0] == 200 else [])
        return settled(answer)

    def again() -> Outcome:
        status, body = scene.door.exchange(code)
        assert status == 200 or body["error"] == "invalid_grant"
        given.append(body if status == 200 else scene.door.tokens())
        return "done"

    def holds() -> None:
        assert scene.door.live(given[-1])
        assert 1 <= scene.count("J#") - before <= 2
        assert scene.count("N#") - owed == 1
        apps = scene.door.authorization.apps(scene.door.me)
        assert sum(app.given.client_id == "smart-app" for app in apps) == 1

    return Trial(send, holds, again)


def _refreshes_an_app(scene: Scene) -> Trial:
    tokens = scene.door.tokens()
    given = [tokens]

    def send() -> Outcome:
        answer = scene.door.refresh(tokens["refresh_token"])
        given.extend([answer[1]] if answer[0] == 200 else [])
        return settled(answer)

    def again() -> Outcome:
        status, body = scene.door.refresh(tokens["refresh_token"])
        assert status == 200 or body["error"] == "invalid_grant"
        if status != 200:
            assert not scene.door.live(tokens)
        given.append(body if status == 200 else scene.door.tokens())
        return "done"

    def holds() -> None:
        assert scene.door.live(given[-1])
        [app] = scene.door.authorization.apps(scene.door.me)
        assert app.given.client_id == "smart-app"
        patients.revoke(scene.app, given[-1]["refresh_token"])
        assert not scene.door.live(given[-1])

    return Trial(send, holds, again)


FLOWS: dict[str, Ready] = {
    "asks for a code": _asks_for_a_code,
    "gives the code": _gives_the_code,
    "refreshes": _refreshes,
    "signs an assertion": _signs_an_assertion,
    "exchanges an app's code": _exchanges_an_apps_code,
    "refreshes an app": _refreshes_an_app,
}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture(scope="module")
def scene(system: Stack) -> Iterator[Scene]:
    app, apps = system.app("tokens", "Tokens"), system.app("apps", "Apps")
    with letting_in(system, app, apps) as door:
        yield Scene(system, app, door)


@pytest.fixture
def prover(system: Stack) -> Iterator[Prover]:
    with time_machine.travel(time.time(), tick=False) as travel:
        yield Prover(World(system), travel)


def cold(app: Any) -> None:
    """A process that has just begun: no key is unwrapped, none fetched."""
    app.vault._rings.clear()
    app.key._publics.clear()


def at_work(scene: Scene, ready: Ready) -> Trial:
    """The flow two days later, so that nothing asked for before counts, with a live session."""
    scene.app.traveller.shift(2 * 86_400)
    scene.door.session = scene.sign_in()
    scene.app.traveller.shift(61)
    scene.forget_apps()
    trial = ready(scene)
    cold(scene.app)
    return trial


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", FLOWS)
def test_each_call_of_a_sign_in_fails(
    scene: Scene, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = walked(lambda: at_work(scene, FLOWS[name]), fault)

    assert tried or fault not in CRASHES
    capsys.readouterr()


def proving(prover: Prover, device: Authenticator) -> Trial:
    """A patient signs in with a passkey alone, both halves."""
    given: list[dict[str, Any]] = []

    def send() -> Outcome:
        begun = prover.call("POST /oauth2/passkeys/assertion", {}, anyone=True)
        if begun.status == 503:
            return "busy"
        assert begun.status == 200, begun.body
        answer = device.get(begun.json["publicKey"])
        body = {"ceremony": begun.json["ceremony"], "credential": answer}
        reply = prover.call("POST /oauth2/passkeys/sign-in", body, anyone=True)
        if reply.status == 400:  # the challenge is used up, and whether by this call is not known
            assert "begin again" in reply.body
            return "busy"
        given.extend([reply.json] if reply.status == 200 else [])
        return settled((reply.status, {"body": reply.body}))

    def holds() -> None:
        form = {"grant_type": "refresh_token", "refresh_token": given[-1]["refresh_token"]}
        handler = prover.world.app("tokens", "Tokens").handler
        assert oauth.answered(handler, oauth.event("tokens/refresh", **form))[0] == 200

    prover.api.credentials._vault._rings.clear()
    return Trial(send, holds)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_call_of_a_sign_in_by_passkey_fails(
    prover: Prover, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Authenticator()
    prover.add(device)

    tried = walked(lambda: proving(prover, device), fault)

    assert tried or fault not in CRASHES
    capsys.readouterr()
