"""Rows of the bench at the doors where people open a record, and on the patient's own pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any
from unittest import mock

from dmp.adapters import aws
from tests import patients
from tests.guests import Guest, at_home

if TYPE_CHECKING:
    from tests.bench import Bench
TIMES = 10


def granting(bench: Bench) -> None:
    """A first meeting's `$grant`, and `$break-glass`, each of a record of its own."""
    world, held = bench.world, {"patient": "", "code": ""}
    doctor, emergency = bench.doctor, world.doctor(purpose="BTG")

    def new() -> None:
        held["patient"] = world.open_record().patient or ""

    def meeting() -> None:
        new()
        asked = world.call("POST /fhir/Consent/$request", doctor, _about(held["patient"]))
        assert asked.status == 202, asked.body
        held["code"] = patients.code_of(texts[-1])

    def grant(_: int) -> Any:
        body = _about(held["patient"], code={"valueString": held["code"]})
        return _made(world.call("POST /fhir/Consent/$grant", doctor, body))

    def break_glass(_: int) -> Any:
        why = {"reason": {"valueCode": "UNCONSCIOUS"}, "text": {"valueString": "Sans papiers"}}
        body = _about(held["patient"], **why)
        return _made(world.call("POST /fhir/Consent/$break-glass", emergency, body))

    with _sent() as texts, mock.patch("dmp.edge.oauth.time.sleep"):
        bench.measure("$grant", "", TIMES, grant, before=meeting)
        bench.measure("$break-glass", "", TIMES, break_glass, before=new)


def pages(bench: Bench) -> None:
    """The sign-in page, and the page of a journal in which somebody was refused twenty times."""
    world, stack = bench.world, bench.world.stack
    guest = Guest(stack.app("account", "Account").handler)
    bench.measure("sign-in page", "", 30, lambda _: guest.open("/account/sign-in"))
    patient = at_home(stack, world)
    with (
        redirect_stdout(StringIO()),
        _sent() as texts,
        mock.patch("dmp.edge.oauth.time.sleep"),
        mock.patch("tests.patients.texts", return_value=texts),
    ):
        for _ in range(20):
            seen = world.call(f"GET /fhir/Patient/{patient.patient}", bench.doctor)
            assert seen.status == 403, seen.body
        guest.open("/account/journal")
        assert guest.sign_in().status == 200
    bench.measure("journal page", "", 30, lambda _: guest.open("/account/journal"))


def _about(patient: str, **more: dict[str, str]) -> dict[str, Any]:
    given: list[dict[str, Any]] = [{"name": name, **value} for name, value in more.items()]
    named = {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}}
    return {"resourceType": "Parameters", "parameter": [named, *given]}


def _made(reply: Any) -> Any:
    assert reply.status == 201, reply.body
    return reply


@contextmanager
def _sent() -> Iterator[list[str]]:
    """The texts of SMS as they go out."""
    texts: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        texts.append(params["Message"])

    events = aws.client("sns").meta.events
    events.register("before-parameter-build.sns.Publish", note)
    try:
        yield texts
    finally:
        events.unregister("before-parameter-build.sns.Publish", note)
