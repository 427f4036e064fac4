"""Every AWS call of the main flows, failing in every way: honest, nothing half done, then it goes.

After each fault the answer is the right one or a 503, or nobody gets one for the process is gone;
sent again it succeeds; and the record is as if nothing had happened: versions without a hole, an
entry for each disclosure, one notice owed.
`make test` asks a part of the product, every flow, site and fault in turn; `make prove` all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dmp.domain.caller import Caller
from tests import samples
from tests.aws_calls import forget
from tests.clinic import Clinic
from tests.faults import CRASHES, Outcome, Site, Trial, pairs, recorded, walked
from tests.patients import code_of, texts
from tests.world import BENNIS, Reply, World, consent, observation

Send = Callable[[], Reply]


@dataclass(frozen=True)
class Flow:
    """`ready` prepares a record and gives the request; `good` are the answers of its success.

    `discloses`: its success hands out content. `makes`: of how many resources, each how many
    versions. `tells`: each time that it is asked for, so that a second time owes a second notice.
    `tries`: there are few, and each repetition of the SDK's is one: used up, nothing was done.
    """

    ready: Callable[[Clinic], Send]
    good: tuple[int, ...]
    discloses: bool = False
    makes: tuple[int, ...] = ()
    tells: bool = False
    tries: bool = False


def _get(path: str) -> Callable[[Clinic], Send]:
    def ready(clinic: Clinic) -> Send:
        body = observation(clinic.id)
        made = clinic.world.call("POST /fhir/Observation", clinic.patient, body).json["id"]
        request = f"GET {path.format(id=made, patient=clinic.id)}"
        return lambda: clinic.world.call(request, clinic.doctor)

    return ready


def _read_again(clinic: Clinic) -> Send:
    """The access is open, and told: nothing but a journal entry is written."""
    send = _get("/fhir/Observation/{id}")(clinic)
    assert send().status == 200
    return send


def _create(clinic: Clinic) -> Send:
    body = observation(clinic.id)
    return lambda: clinic.world.call(
        "POST /fhir/Observation", clinic.doctor, body, Idempotency_Key="k"
    )


def _update(clinic: Clinic) -> Send:
    name = clinic.observe()
    body = {**observation(clinic.id, value=80), "id": name}
    request = f"PUT /fhir/Observation/{name}"
    return lambda: clinic.world.call(request, clinic.doctor, body, Idempotency_Key="k")


def _transaction(clinic: Clinic) -> Send:
    body = samples.transaction(clinic.id, 3)
    return lambda: clinic.world.call("POST /fhir", clinic.doctor, body, Idempotency_Key="k")


def _consent(clinic: Clinic) -> Send:
    body = consent(clinic.id, BENNIS)
    return lambda: clinic.world.call("POST /fhir/Consent", clinic.patient, body)


def _revoke(clinic: Clinic) -> Send:
    request = f"DELETE /fhir/Consent/{clinic.consent}"
    return lambda: clinic.world.call(request, clinic.patient)


def _looks(path: str) -> Callable[[Clinic], Send]:
    def ready(clinic: Clinic) -> Send:
        clinic.observe()
        request = f"GET {path.format(patient=clinic.id)}"
        return lambda: clinic.world.call(request, clinic.patient)

    return ready


def _operation(name: str, clinic: Clinic, caller: Caller, **given: Any) -> Send:
    about = {"name": "patient", "valueReference": {"reference": f"Patient/{clinic.id}"}}
    more = [{"name": name, **value} for name, value in given.items()]
    body = {"resourceType": "Parameters", "parameter": [about, *more]}
    request = f"POST /fhir/Consent/${name}"
    return lambda: clinic.world.call(request, caller, body, Idempotency_Key="k")


def _asks_to_meet(clinic: Clinic) -> Send:
    """By somebody who asked for nothing lately."""
    table = clinic.world.tables["REGISTRY_TABLE"]
    dynamodb = clinic.world.stack.client("dynamodb")
    for row in dynamodb.scan(TableName=table, ProjectionExpression="pk")["Items"]:
        if row["pk"]["S"].startswith("rate#"):
            dynamodb.delete_item(TableName=table, Key=row)
    return _operation("request", clinic, clinic.world.doctor(BENNIS))


def _meets(clinic: Clinic) -> Send:
    assert _asks_to_meet(clinic)().status == 202
    code = {"valueString": code_of(texts()[-1])}
    return _operation("grant", clinic, clinic.world.doctor(BENNIS), code=code)


def _breaks_the_glass(clinic: Clinic) -> Send:
    reason, text = {"valueCode": "UNCONSCIOUS"}, {"valueString": "Sur la voie publique"}
    caller = clinic.world.doctor(BENNIS, purpose="BTG")
    return _operation("break-glass", clinic, caller, reason=reason, text=text)


FLOWS = {
    "read": Flow(_get("/fhir/Observation/{id}"), (200,), discloses=True),
    "read again": Flow(_read_again, (200,), discloses=True),
    "search": Flow(_get("/fhir/Observation?patient={patient}"), (200,), discloses=True),
    "everything": Flow(_get("/fhir/Patient/{patient}/$everything"), (200,), discloses=True),
    "create": Flow(_create, (201,), makes=(1,)),
    "update": Flow(_update, (200,), makes=(2,)),
    "transaction": Flow(_transaction, (200,), makes=(1, 1, 1)),
    "consent": Flow(_consent, (201,)),
    "revoke": Flow(_revoke, (204, 410)),
    "journal": Flow(_looks("/fhir/AuditEvent?patient={patient}"), (200,), discloses=True),
    "usage": Flow(_looks("/journal/usage"), (200,), discloses=True),
    "export": Flow(_looks("/journal/export"), (200,), discloses=True, tells=True),
    "request": Flow(_asks_to_meet, (202, 429), tries=True),
    "grant": Flow(_meets, (201, 410), tries=True),
    "break-glass": Flow(_breaks_the_glass, (201,)),
}


@pytest.fixture
def clinics(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Clinic]]:
    monkeypatch.setattr("dmp.edge.oauth.time.sleep", lambda _: None)
    made: list[Clinic] = []

    def fresh() -> Clinic:
        made.append(Clinic(world))
        return made[-1]

    yield fresh
    for clinic in made:
        forget(clinic.id)


def cold(world: World) -> None:
    """Forget every key that a function has unwrapped."""
    for folder, resource in (
        ("access_queries", "AccessQueries"), ("record_writes", "RecordWrites"),
        ("consent_changes", "ConsentChanges"), ("journal", "Journal"),
    ):  # fmt: skip
        world.app(folder, resource).vault._rings.clear()


def sites_of(flow: Flow, clinics: Callable[[], Clinic]) -> list[Site]:
    clinic = clinics()
    send = flow.ready(clinic)
    cold(clinic.world)
    return recorded(send)


def unharmed(flow: Flow, clinic: Clinic, disclosed: int, before: int, notices: int) -> None:
    """What must hold of the record, whatever happened on the way."""
    state: dict[str, list[int]] = {}
    for version in sorted(clinic.log(), key=lambda v: (v.id, v.version)):
        state.setdefault(version.id, []).append(version.version)
    assert all(found == list(range(1, len(found) + 1)) for found in state.values())
    written = sorted(
        len(state[name]) for name in {v.id for v in clinic.log() if v.type in _WRITTEN}
    )
    if flow.makes:
        assert tuple(written) == flow.makes
    entries = len(clinic.rows("J#")) - before
    assert disclosed <= entries <= 2  # one for each request that came so far, and never fewer
    assert notices <= len(clinic.rows("N#")) <= notices + flow.tells


_WRITTEN = ("Observation", "Encounter")


def trial_of(flow: Flow, clinics: Callable[[], Clinic], notices: int) -> Trial:
    """The flow on a record of its own, every key unwrapped anew."""
    clinic = clinics()
    send = flow.ready(clinic)
    before = len(clinic.rows("J#"))
    good: list[int] = []

    def sent() -> Outcome:
        cold(clinic.world)
        reply = send()
        assert reply.status in (*flow.good, 503), (reply.status, reply.body)
        good.extend([reply.status] if reply.status != 503 else [])
        return "busy" if reply.status == 503 else "done"

    def holds() -> None:
        least = len(good) if flow.discloses else 1
        if flow.tries and min(good) >= 400:
            least = 0
        unharmed(flow, clinic, least, before, notices)

    return Trial(sent, holds, twice=True)


@pytest.mark.parametrize(("name", "fault"), pairs(FLOWS))
def test_each_call_of_a_flow_fails(
    clinics: Callable[[], Clinic], name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flow, well = FLOWS[name], clinics()
    assert flow.ready(well)().status in flow.good
    notices = len(well.rows("N#"))

    tried = walked(lambda: trial_of(flow, clinics, notices), fault)

    assert tried or fault not in CRASHES
    capsys.readouterr()


def test_the_call_sites_are_those_of_the_design(clinics: Callable[[], Clinic]) -> None:
    """A flow that grows a call is asked for its faults at once; this shows what is asked."""
    asked: dict[str, list[Any]] = {
        name: [operation for operation, _ in sites_of(flow, clinics)]
        for name, flow in FLOWS.items()
    }
    first_access = ["BatchGetItem", "Decrypt", "TransactWriteItems", "GetItem"]
    assert asked["read"] == first_access
    assert asked["update"][-1] == "TransactWriteItems"
    assert sum(map(len, asked.values())) >= 28
