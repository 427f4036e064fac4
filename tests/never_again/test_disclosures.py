"""What others' servers showed, counted or let be guessed: rows 1 to 8."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dmp.domain.consent import Standing
from dmp.fhir.routes import BEHIND_TOKEN
from tests.doors import DOORS, ELSEWHERE, Door, shown_in
from tests.never_again.stage import Stage
from tests.scenarios import sealed
from tests.scenes import Scene

DOCTOR, OWNER, STRANGER = "practitioner", "owner", "stranger"
INCLUDES = [
    "DiagnosticReport?patient={id}&_include=DiagnosticReport:result",
    "DiagnosticReport?patient={id}&_include=*",
    "Composition?patient={id}&_include=Composition:entry&_include:iterate=DiagnosticReport:result",
    "Encounter?patient={id}&_revinclude=Observation:encounter",
    "DiagnosticReport?patient={id}&_include=DiagnosticReport:result&_count=1",
]


def seal(the: Scene) -> None:
    """The laboratory's result is sealed."""
    sealed(the, "lab")


def with_scopes(stage: Stage, *scopes: str) -> str:
    """The doctor with an app of these scopes alone."""
    doctor = stage.guests[DOCTOR]
    stage.guests["app"] = replace(doctor, caller=replace(doctor.caller, scopes=scopes))
    return "app"


@pytest.mark.parametrize("query", INCLUDES)
def test_ms_fhir_5683_what_is_included_is_judged_like_a_match(stage: Stage, query: str) -> None:
    request = f"GET /fhir/{query}"
    kinds = ("DiagnosticReport", "Composition", "Encounter")
    app = with_scopes(stage, *(f"user/{kind}.rs" for kind in kinds))

    assert "lab" in stage.shown(DOCTOR, request)
    assert "lab" not in stage.shown(app, request)
    assert "lab" not in stage.begin(seal).shown(DOCTOR, request)
    assert "lab" in stage.shown(OWNER, request)


@pytest.mark.parametrize("steps", [(), (seal,)], ids=["consents", "and a seal"])
def test_ms_fhir_2934_what_no_search_shows_no_read_shows(stage: Stage, steps: Any) -> None:
    stage.begin(*steps)
    items = stage.scene.items
    for name, guest in stage.guests.items():
        found: set[str] = set()
        for kind in {item.type for item in items.values()}:
            own = "_id" if kind == "Patient" else "patient"
            found |= stage.shown(name, f"GET /fhir/{kind}?{own}={{id}}")
        if any(guest.reaches("s", item.type, one) for one, item in items.items()):
            for tail in ("", "/_history", "/_history/1"):
                read = set().union(*(stage.shown(name, f"GET /fhir/{{{i}}}{tail}") for i in items))
                assert read == found, (name, tail)


QUESTIONS = [
    "Encounter?patient={id}&_has:Observation:encounter:category=@",
    "DiagnosticReport?patient={id}&result.category=@",
    "Composition?patient={id}&entry:DiagnosticReport.result.category=@",
    "Observation?patient={id}&category=@",
    "Observation?patient={id}&category=@&_summary=count",
    "Observation?patient={id}&category:not=@&_total=accurate",
    "Observation/$lastn?patient={id}&category=@",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_hapi_6065_criteria_are_judged_on_what_may_be_seen(stage: Stage, question: str) -> None:
    def answer(category: str) -> tuple[int, Any]:
        reply = stage.ask(DOCTOR, f"GET /fhir/{question.replace('@', category)}")
        body = reply.json
        body.pop("link", None)
        body.pop("meta", None)
        return reply.status, json.loads(json.dumps(body).replace(category, "@"))

    assert answer("laboratory") != answer("nothingness")
    stage.begin(seal)
    assert answer("laboratory") == answer("nothingness")


@pytest.mark.parametrize("name", ["_filter", "_query", "_text", "_content", "nonsense"])
def test_hapi_6065_parameters_are_those_of_a_list(stage: Stage, name: str) -> None:
    reply = stage.ask(DOCTOR, f"GET /fhir/Observation?patient={{id}}&{name}=x")

    assert reply.status == 400
    assert not shown_in(reply.body, stage.scene)


COUNTED = [
    "Observation?patient={id}",
    "Observation?patient={id}&_total=accurate&_count=1",
    "Observation?patient={id}&_summary=count",
    "Observation/_history?patient={id}",
    "Observation/$lastn?patient={id}&code=2339-0&max=9",
    "DiagnosticReport?patient={id}",
]


@pytest.mark.parametrize("query", COUNTED)
def test_hapi_2012_and_hapi_2020_totals_count_what_may_be_seen(stage: Stage, query: str) -> None:
    kind = query.partition("?")[0].partition("/")[0]

    def total() -> int:
        reply = stage.ask(DOCTOR, f"GET /fhir/{query}")
        return int(reply.json["total"])

    everything = total()
    stage.begin(seal)
    seen = stage.shown(DOCTOR, f"GET /fhir/{kind}?patient={{id}}")
    assert total() == len(seen) < everything


@pytest.mark.parametrize("at", ["$export", "Patient/$export", "Group/g/$export"])
def test_hapi_6854_there_is_no_bulk_export(stage: Stage, at: str) -> None:
    reply = stage.ask(DOCTOR, f"GET /fhir/{at}", Prefer="respond-async")

    assert 400 <= reply.status < 500
    assert not shown_in(reply.body, stage.scene)


TAKEN = [
    "/fhir/Patient/{id}/$everything", "/fhir/{composition}/$document",
    "/journal/export?patient={id}",
]  # fmt: skip


@pytest.mark.parametrize("request_", TAKEN)
def test_hapi_6854_what_takes_a_record_along_goes_through_the_gate(
    stage: Stage, request_: str
) -> None:
    stage.begin(seal)

    assert stage.shown(OWNER, f"GET {request_}")
    assert not {"lab", "report"} & stage.shown(DOCTOR, f"GET {request_}")
    for who in (STRANGER, "other-patient"):
        assert not stage.shown(who, f"GET {request_}"), who


SINGLE = ["GET {}", "GET {}/_history", "GET {}/_history/1", "GET {}/$meta", "DELETE {}"]


@pytest.mark.parametrize("request_", SINGLE)
def test_linuxforhealth_1849_hidden_and_absent_are_one_answer(stage: Stage, request_: str) -> None:
    stage.begin(seal)
    there = stage.scene.reference("lab")
    absent = there[:-1] + ("0" if there[-1] != "0" else "1")

    def answer(reference: str) -> tuple[Any, ...]:
        reply = stage.ask(DOCTOR, request_.format(f"/fhir/{reference}"))
        return reply.status, reply.body.replace(reference, "@"), dict(reply.headers)

    assert answer(there) == answer(absent)
    assert answer(there)[0] >= 400


@pytest.mark.parametrize("request_", [
    "/fhir/Observation?patient=@", "/fhir/Patient/@", "/fhir/Patient/@/$everything",
    "/fhir/Consent?patient=@", "/fhir/AuditEvent?patient=@",
])  # fmt: skip
def test_linuxforhealth_1849_no_permit_and_no_record_are_one_answer(
    stage: Stage, request_: str
) -> None:
    def answer(patient: str) -> tuple[Any, ...]:
        reply = stage.ask(STRANGER, f"GET {request_.replace('@', patient)}")
        return reply.status, reply.body.replace(patient, "@"), dict(reply.headers)

    assert answer(stage.scene.id) == answer("0" * 20)
    assert answer("0" * 20)[0] == 403


def test_intersystems_hsdd_2316_nothing_listed_is_nothing_permitted(stage: Stage) -> None:
    def purged(standing: Standing) -> Standing:
        return replace(standing, provisions=())

    stage.begin(lambda the: the.change_standing(purged))
    for door in DOORS:
        for who in (DOCTOR, "colleague", "author-elsewhere"):
            assert not shown_in(stage.send(who, door).body, stage.scene), (who, door.name)


def test_intersystems_hsdd_2316_no_list_and_no_kept_keys_open_nothing(stage: Stage) -> None:
    stage.tables = {key: row for key, row in stage.tables.items() if key[2] != "STANDING"}
    for module in stage.scene.world._apps.values():
        module.vault._rings.clear()

    for door in DOORS:
        for who in (DOCTOR, OWNER):
            reply = stage.send(who, door)
            assert not shown_in(reply.body, stage.scene), (who, door.name)
            assert not stage.changed(), (who, door.name)


def test_cve_2026_24487_and_cve_2026_25164_no_door_forgets_to_ask(stage: Stage) -> None:
    routes = {f"{route.method} {route.path}" for route in BEHIND_TOKEN}
    assert {door.route for door in DOORS} | set(ELSEWHERE) == routes

    def found(door: Door, who: str) -> list[str]:
        reply = stage.send(who, door)
        shown = shown_in(reply.body, stage.scene)
        return [door.name] if shown or stage.changed() else []

    for who in (STRANGER, "other-patient", "retired", "revoked-token", "expired-token", ""):
        assert [name for door in DOORS for name in found(door, who)] == [], who


def test_cve_2026_24487_no_search_is_over_all_patients(stage: Stage) -> None:
    doctor = stage.ask(DOCTOR, "GET /fhir/Observation")
    assert doctor.status == 400

    for kind in sorted({item.type for item in stage.scene.items.values()} | {"DocumentReference"}):
        for query in ("", "?_id=x", "?status=final", "?patient=", "?patient=Patient/"):
            reply = stage.ask(DOCTOR, f"GET /fhir/{kind}{query}")
            assert reply.status in (400, 403, 404), (kind, query)
            assert not shown_in(reply.body, stage.scene)
