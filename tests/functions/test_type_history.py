"""The history of a type, and reads of what the client holds already."""

from __future__ import annotations

import pytest

from tests.functions.test_conditional import Day
from tests.stack import Stack
from tests.world import BENNIS, observation


@pytest.fixture
def day(stack: Stack) -> Day:
    return Day(stack)


def test_the_history_of_a_type_tells_every_version_newest_first_page_by_page(day: Day) -> None:
    first = day.send("POST /fhir/Observation", observation(day.pid)).json
    day.send(f"PUT /fhir/Observation/{first['id']}", {**first, "status": "amended"})
    second = day.send("POST /fhir/Observation", observation(day.pid)).json
    day.send(f"DELETE /fhir/Observation/{second['id']}")

    pages = []
    url = f"GET /fhir/Observation/_history?patient={day.pid}&_count=3"
    while url:
        page = day.send(url)
        assert page.status == 200, page.body
        pages.append([e["request"]["method"] for e in page.json["entry"]])
        links = {link["relation"]: link["url"] for link in page.json["link"]}
        url = "GET /fhir/" + links["next"].partition("/fhir/")[2] if "next" in links else ""

    assert pages == [["DELETE", "POST", "PUT"], ["POST"]]
    assert page.json["total"] == 4


def test_a_history_since_an_instant_leaves_out_what_is_older(day: Day) -> None:
    day.send("POST /fhir/Observation", observation(day.pid))
    later = day.send("POST /fhir/Observation", observation(day.pid)).json

    since = later["meta"]["lastUpdated"]
    told = day.send(f"GET /fhir/Observation/_history?patient={day.pid}&_since={since}").json

    assert [e["resource"]["id"] for e in told["entry"]] == [later["id"]]


@pytest.mark.parametrize(
    "query", ["", "patient=nobody", "patient={}&_count=0", "patient={}&x=1", "patient={}&_page=x_1"]
)
def test_a_history_that_cannot_be_is_refused_by_name(day: Day, query: str) -> None:
    day.send("POST /fhir/Observation", observation(day.pid))

    refused = day.send(f"GET /fhir/Observation/_history?{query.format(day.pid)}")

    assert refused.status == 400
    assert refused.json["issue"][0]["expression"]


def test_without_consent_there_is_no_history(day: Day) -> None:
    other = day.world.doctor(BENNIS)

    refused = day.world.call(f"GET /fhir/Observation/_history?patient={day.pid}", other)

    assert refused.status == 403


def test_a_client_that_holds_the_current_version_gets_no_body(day: Day) -> None:
    made = day.send("POST /fhir/Observation", observation(day.pid))
    url = f"GET /fhir/Observation/{made.json['id']}"
    modified = made.headers["Last-Modified"]

    held = day.send(url, If_Modified_Since=modified)
    older = day.send(url, If_Modified_Since="Mon, 01 Jan 2024 00:00:00 GMT")
    nonsense = day.send(url, If_Modified_Since="yesterday")
    named = day.send(url, If_None_Match='W/"1"')
    another = day.send(url, If_None_Match='W/"2"', If_Modified_Since=modified)

    assert [r.status for r in (held, older, nonsense, named, another)] == [304, 200, 200, 304, 200]
    assert held.body == ""
