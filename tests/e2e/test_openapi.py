"""Every route of the served OpenAPI document, asked in many ways: nothing fails, all is declared.

`DMP_CONTRACT` is how many requests each route gets as declared, and otherwise; `make prove` asks
for more.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dmp.fhir.json_reader import read_object
from dmp.fhir.routes import BEHIND_TOKEN, PUBLIC
from dmp.fhir.validator import validate
from infra.local.visitors import consent_for
from tests.e2e.place import Place
from tests.e2e.seeded import SEARCHED, Seeds, cases, document_of
from tests.world import observation

ADDRESS = "203.0.113.77"
EACH = int(os.environ.get("DMP_CONTRACT", "4"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
SEARCH = ("get", "/fhir/{type}")
EVERY = [(r.method, r.path) for r in (*PUBLIC, *BEHIND_TOKEN) if (r.method, r.path) != SEARCH]
ASKED = [*EVERY, *(("get", f"/fhir/{kind}") for kind in SEARCHED)]
SECURED = frozenset(ASKED) - {(r.method, r.path) for r in PUBLIC}


@dataclass
class Contract:
    """The document that is served, and what its routes are asked with."""

    schema: Any
    base: str
    seeds: Seeds

    def ask(self, case: Case) -> None:
        """Send it; what comes back is declared, and says nothing that it should not."""
        answered = case.call(headers={**(case.headers or {}), "X-Forwarded-For": ADDRESS})
        case.validate_response(answered, checks=CHECKS)
        if answered.status_code >= 400 and case.path.startswith("/fhir"):
            outcome = read_object(answered.content)
            assert validate(outcome) == []
            assert outcome["issue"][0]["details"]["coding"][0]["code"]


@pytest.fixture(scope="module")
def contract(place: Place) -> Contract:
    """A record of its own with a little in it, its patient, and a physician who is let in."""
    home, physician = place.newcomer("IB205518", ADDRESS), place.practitioner("physician")
    base = place.base.removesuffix("/fhir")
    app = place.app("clinic", ADDRESS)
    home.grant(physician)
    renewed: dict[int, str] = {}

    def practitioner() -> str:
        """A token of the last two minutes: a long run outlives one."""
        now = int(time.monotonic() // 120)
        if now not in renewed:
            renewed[now] = app.token(physician)
        return renewed[now]

    tokens = {"practitioner": practitioner, "patient": lambda: home.token}
    bodies: dict[str, Any] = {
        "Observation": observation(home.id),
        "Encounter": {
            "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/{home.id}"},
        },
        "Consent": consent_for(home.id, physician, "2026-11-22T10:00:00+01:00"),
        "Form": {"patient": home.id, "_count": "1"},
    }  # fmt: skip

    def made(kind: str, token: str) -> str:
        url = f"{place.base}/{kind}"
        answered = app.sandbox.send("POST", url, tokens[token](), json=bodies[kind])
        assert answered.status_code == 201, answered.text
        return str(answered.json()["id"])

    entries = [{"resource": bodies[kind], "request": {"method": "POST", "url": kind}}
               for kind in ("Observation", "Encounter")]  # fmt: skip
    bodies["Bundle"] = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    written = ("Observation", "Encounter")
    ids = {kind: [made(kind, "practitioner") for _ in range(6)] for kind in written}
    ids |= {"Patient": [home.id], "Consent": [made("Consent", "patient") for _ in range(3)]}
    ids["AuditEvent"] = ids["journal"] = [event["id"] for event in home.journal()[:3]]
    served = app.sandbox.send("GET", f"{base}/openapi.json").json()
    seeds = Seeds(home.id, tokens, ids, bodies, SECURED)
    return Contract(document_of(served, base), base, seeds)


def _undeclared(method: str, path: str) -> bool:
    """Whether anything can be asked that the document does not allow: an id may be any text."""
    told = [r for r in (*PUBLIC, *BEHIND_TOKEN) if (r.method, r.path) == (method, path)]
    return not told or bool(told[0].reads or told[0].query or "{type}" in path)


ASKING = [
    pytest.param(method, path, mode, id=f"{method} {path} {mode.value}")
    for method, path in ASKED
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or _undeclared(method, path)
]


@pytest.mark.parametrize(("method", "path", "mode"), ASKING)
def test_a_route_does_what_it_declares(
    contract: Contract, method: str, path: str, mode: GenerationMode
) -> None:
    operation = contract.schema[path][method.upper()]

    @seed(20261122)
    @settings(max_examples=EACH, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(operation, contract.seeds, mode))
    def each(case: Case) -> None:
        contract.ask(case)

    each()


def test_the_document_is_the_one_that_was_compared_with_the_routes(contract: Contract) -> None:
    listed = {(m, p) for p, item in contract.schema.raw_schema["paths"].items() for m in item}

    assert {pair for pair in listed if pair[1] and pair[0] != "parameters"} == set(ASKED)
    assert json.dumps(contract.schema.raw_schema["info"])
