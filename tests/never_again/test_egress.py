"""Row 9: nothing that a client writes is ever fetched, and our own address is compared whole."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import Any

import pytest

from tests.doors import DOORS, sent
from tests.never_again.egress import heard
from tests.never_again.planting import HEADERS, bodies
from tests.never_again.stage import Stage
from tests.scenes import observation

OWNER, DOCTOR = "owner", "practitioner"
EVIL = "https://evil.example/x"
NARRATIVE = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{EVIL}">x</a></div>'


def test_whoever_is_called_is_heard() -> None:
    with heard() as events, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        urllib.request.urlopen(f"file://{__file__}").close()  # noqa: S310
        socket.create_connection(listening.getsockname()).close()

    assert {event for event, _ in events.away} >= {"socket.connect", "urllib.Request"}
    assert events.opened("test_egress")


def test_cve_2026_34359_no_door_calls_what_a_body_names(stage: Stage) -> None:
    headers, asked = dict.fromkeys(HEADERS, EVIL), 0
    with heard() as events:
        for door in DOORS:
            url, body, own = sent(door, stage.scene, f"{stage.scene.id}.{'0' * 16}")
            given = json.loads(body) if isinstance(body, str) and body[:1] == "[" else body
            for one in bodies(given, EVIL) if isinstance(given, dict | list) else [body]:
                for who in (OWNER, DOCTOR):
                    reply = stage.ask(who, url, one, **{**headers, **own})
                    assert reply.status < 500, (door.name, reply.body)
                    asked += 1
    assert asked > 500
    assert events.away == []


def _everywhere(stage: Stage) -> list[dict[str, Any]]:
    subject = {"reference": f"Patient/{stage.scene.id}"}
    signed = {"url": EVIL, "contentType": "application/pdf", "hash": "AAAA", "size": 3}
    extension = [{"url": EVIL, "valueUrl": EVIL}, {"url": EVIL, "valueAttachment": signed}]
    return [
        observation(
            stage.scene, "new", meta={"source": EVIL, "tag": [{"system": EVIL, "code": "x"}]},
            text={"status": "generated", "div": NARRATIVE}, extension=extension,
            identifier=[{"system": EVIL, "value": EVIL}],
            code={"coding": [{"system": EVIL, "code": "x"}]},
            performer=[{"reference": f"{EVIL}/Practitioner/1", "type": "Practitioner"}],
            derivedFrom=[{"reference": f"{EVIL}/Observation/1"}],
        ),
        {"resourceType": "DocumentReference", "status": "current", "subject": subject,
         "content": [{"attachment": signed}], "masterIdentifier": {"system": EVIL, "value": "1"}},
        {"resourceType": "Media", "status": "completed", "subject": subject, "content": signed},
        {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": subject,
         "questionnaire": EVIL},
        {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": subject,
         "instantiatesCanonical": [EVIL], "instantiatesUri": [EVIL]},
    ]  # fmt: skip


def test_cve_2026_34360_what_names_other_places_is_kept_and_not_looked_at(stage: Stage) -> None:
    with heard() as events:
        for body in _everywhere(stage):
            kind = body["resourceType"]
            reply = stage.ask(OWNER, f"POST /fhir/{kind}", body)
            assert reply.status == 201, reply.body
            assert EVIL in reply.body
            profiled = {**body, "meta": {"profile": [EVIL]}}
            for at in (f"/fhir/{kind}/$validate?profile={EVIL}", f"/fhir/{kind}"):
                assert stage.ask(OWNER, f"POST {at}", profiled).status in (200, 201, 400, 422)
    assert events.away == []


@pytest.mark.parametrize("kind", ["Subscription", "Endpoint", "ImplementationGuide"])
def test_cve_2026_34360_nobody_has_us_call_them(stage: Stage, kind: str) -> None:
    channel = {"type": "rest-hook", "endpoint": EVIL}
    body = {"resourceType": kind, "status": "active", "url": EVIL, "address": EVIL,
            "reason": "x", "criteria": "Observation?", "channel": channel}  # fmt: skip

    with heard() as events:
        replies = [stage.ask(who, f"POST /fhir/{kind}", body) for who in (OWNER, DOCTOR)]
        stage.ask(DOCTOR, "POST /fhir/Observation", observation(stage.scene, "new"))

    assert {reply.status for reply in replies} <= {400, 403, 404, 405, 422}
    assert events.away == []


def likes(base: str) -> list[str]:
    """Addresses that only look like ours."""
    host = base.removeprefix("https://")
    return [
        f"{base}.evil.example", f"{base}evil", f"https://evil.example/{host}",
        f"https://{host.replace('/', '@evil.example/', 1)}", f"https://evil.example#{base}",
        f"http://{host}", base.upper(), f"{base}//x", f"{base}/../fhir", f"https://x.{host}",
        base.replace("dmp.test", "dmp.test.evil.example"), base.replace("dmp.test", "dmp.test:444"),
    ]  # fmt: skip


def test_cve_2026_34361_our_address_is_compared_whole(stage: Stage) -> None:
    """A search by URL is one of a record of ours by the exact base alone; a write by none."""
    base = stage.scene.world.base
    name = f"Patient/{stage.scene.id}"

    def found(reference: str) -> int:
        return stage.ask(DOCTOR, f"GET /fhir/Observation?patient={reference}").status

    def made(reference: str) -> int:
        body = {**observation(stage.scene, "new"), "subject": {"reference": reference}}
        return stage.ask(DOCTOR, "POST /fhir/Observation", body).status

    assert (found(f"{base}/{name}"), found(name), made(name)) == (200, 200, 201)
    with heard() as events:
        for other in likes(base):
            assert found(f"{other}/{name}") in (400, 403), other
            assert made(f"{other}/{name}") in (400, 403, 422), other
    assert events.away == []
