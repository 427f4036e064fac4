"""The served Postman collection, run as Postman runs it: variables filled in, requests sent."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.88"


class Runner:
    """Sends a folder's requests with the collection's variables."""

    def __init__(self, place: Place) -> None:
        self.sandbox = place.sandbox(ADDRESS)
        self.made = self.sandbox.send("GET", self.sandbox.url("/postman.json")).json()
        self.values = {v["key"]: v["value"] for v in self.made["variable"]}

    def folder(self, *names: str) -> dict[str, dict[str, Any]]:
        """A folder's requests by name."""
        held = self.made["item"]
        for name in names:
            held = next(item["item"] for item in held if item["name"] == name)
        return {item["name"]: item["request"] for item in held}

    def send(self, request: dict[str, Any], body: Any = None) -> httpx.Response:
        """One request; `body` in place of the one that is there to be filled in."""
        headers = {h["key"]: h["value"] for h in request["header"]}
        token = None if request.get("auth") else self.values["token"]
        sent = {"json": body} if body else {}
        url = re.sub(r"{{(\w+)}}", lambda m: self.values[m[1]], request["url"]["raw"])
        return self.sandbox.send(request["method"], url, token, headers=headers, **sent)


@pytest.fixture(scope="module")
def runner(place: Place) -> Runner:
    made = Runner(place)
    home, physician = place.home("fr"), place.practitioner("physician")
    home.grant(physician)
    made.values |= {"token": place.app("clinic", ADDRESS).token(physician), "patient": home.id}
    return made


def test_what_is_served_is_told_without_a_token(runner: Runner) -> None:
    for name, request in runner.folder("What is served").items():
        if request["method"] == "GET" and "{{id}}" not in request["url"]["raw"]:
            assert runner.send(request).status_code == 200, name


def test_a_type_is_written_read_changed_and_deleted(runner: Runner) -> None:
    requests = runner.folder("By resource type", "Observation")
    by_method = {r["method"]: r for r in requests.values() if r["method"] != "GET"}
    content = observation(runner.values["patient"])

    created = runner.send(by_method["POST"], content)
    runner.values["id"] = created.json()["id"]
    changed = {**content, "id": runner.values["id"], "status": "amended"}
    answers = [created, runner.send(by_method["PUT"], changed)]
    answers += [runner.send(r) for r in requests.values() if r["method"] == "GET"]
    answers.append(runner.send(by_method["DELETE"]))

    assert [a.status_code for a in answers] == [201, 200, 200, 200, 200, 204], [
        a.text[:200] for a in answers
    ]


def test_the_whole_record_is_asked_for(runner: Runner) -> None:
    assert runner.send(runner.folder("Any resource")["The whole record"]).status_code == 200
