"""Whatever takes a right away, against whatever uses it, in seeded interleavings at every AWS call.

Each story is judged by the log of the engine. What leaves was guarded before the right was gone
(before its transaction, and so before its acknowledgement); what is refused had been decided on
what was read after. Who met a conflict was answered all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dmp.adapters.dynamodb.grants import GrantRows
from dmp.domain.contact import Contact
from dmp.domain.refusals import Gone, NoPermit, NotFound, Refusal, Unauthenticated
from dmp.use_cases import access_queries
from dmp.use_cases.break_glass import BreakGlass
from dmp.use_cases.first_meeting import FirstMeeting
from dmp.use_cases.granting import Granting
from dmp.use_cases.record_writes import Target
from dmp.use_cases.written import Written
from tests.races import BASE, Race, insisting, race, seeded
from tests.world import AMRANI, BENNIS, CLINIC, observation

Task = Callable[[], Any]
SECRET = b"72.5"
GUARD, STANDING = "GUARD", "STANDING"


def created(the: Race) -> str:
    made = the.writes.create(the.request(), Target("Observation"), observation(the.pid))
    return made.headers["Location"].rpartition("/Observation/")[2].partition("/")[0]


def asked(the: Race, caller: Any = None) -> access_queries.Request:
    return access_queries.Request(caller or the.doctor, "r", "q")


def read(the: Race, name: str, caller: Any = None) -> Task:
    return insisting(lambda: the.queries.read(asked(the, caller), "Observation", name).body)


def search(the: Race) -> Task:
    query = [("patient", the.pid)]
    return insisting(lambda: the.queries.search(asked(the), "Observation", query))


def everything(the: Race) -> Task:
    return insisting(lambda: the.queries.everything(asked(the), the.pid, []))


def write(the: Race) -> Task:
    where, body = Target("Observation"), observation(the.pid)
    return insisting(lambda: the.writes.create(the.request(), where, body))


def revoke(the: Race) -> Task:
    mine = the.request(the.patient)
    return insisting(lambda: the.consents.revoke(mine, the.granted, None))


def sealing(the: Race, name: str) -> Task:
    data = [{"meaning": "instance", "reference": {"reference": f"Observation/{name}"}}]
    return insisting(lambda: the.grant(type="deny", actor=None, data=data))


def judge(
    the: Race, results: list[Any], gone: tuple[str, str, str], refusal: type[Refusal]
) -> None:
    """Task 0 took a right away by changing `gone`; what the others were answered is sound."""
    moved = the.last(0, "change", *gone)
    assert moved >= 0, results[0]
    policy = gone[2] == STANDING
    for task, result in enumerate(results[1:], 1):
        entered = the.last(task, "batch", *gone)
        if isinstance(result, Exception):
            assert isinstance(result, refusal), result
            assert entered > moved, "refused on a policy that permitted"
        elif isinstance(result, Written):
            assert entered < moved, "decided on what was over"
            written = the.last(task, "change", "records", the.pid, GUARD)
            assert written < moved or not policy, "written when it was over"
        else:
            assert SECRET in result or not policy
            assert entered < moved, "decided on what was over"
            guarded = the.last(task, "read", "records", the.pid, GUARD)
            assert guarded >= 0, "not guarded"
            assert guarded < moved or not policy, "its guard was read after it was over"


def policy_of(the: Race) -> tuple[str, str, str]:
    return "records", the.pid, STANDING


@seeded
def test_reads_against_a_revocation(seed: int) -> None:
    with race(seed) as the:
        name = created(the)

        results = the.run(revoke(the), read(the, name), read(the, name))

        judge(the, results, policy_of(the), NoPermit)
        assert isinstance(attempt(read(the, name)), NoPermit)


@seeded
def test_searches_against_a_revocation(seed: int) -> None:
    with race(seed) as the:
        created(the)
        results = the.run(revoke(the), search(the), search(the))
        judge(the, results, policy_of(the), NoPermit)


@seeded
def test_everything_against_a_revocation(seed: int) -> None:
    with race(seed) as the:
        created(the)
        results = the.run(revoke(the), everything(the))
        judge(the, results, policy_of(the), NoPermit)


@seeded
def test_writes_against_a_revocation(seed: int) -> None:
    with race(seed) as the:
        results = the.run(revoke(the), write(the), write(the))

        judge(the, results, policy_of(the), NoPermit)
        kept = [k for k in the.engine.items if k[2].startswith("K#")]
        written = sum(isinstance(r, Written) for r in results[1:])
        assert len(kept) == 3 + written  # the Patient, the consent and its end


@seeded
def test_reads_against_a_seal(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        results = the.run(sealing(the, name), read(the, name), read(the, name))
        judge(the, results, policy_of(the), NotFound)


@seeded
def test_searches_against_a_seal_never_show_half_of_it(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        created(the)

        _, found = the.run(sealing(the, name), search(the))

        moved = the.last(0, "change", *policy_of(the))
        whole = the.last(1, "batch", *policy_of(the)) < moved
        assert (name.encode() in found) is whole
        assert (b'"total":2' in found) is whole
        assert the.last(1, "read", "records", the.pid, GUARD) < moved or not whole


@seeded
def test_a_break_glass_against_its_prohibition(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        btg = replace(the.doctor, purpose="BTG")
        glass = BreakGlass(
            Granting(the.records, the.clock, BASE), the.clock, frozenset({"physician"})
        )
        body = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "patient", "valueReference": {"reference": f"Patient/{the.pid}"}},
                {"name": "reason", "valueCode": "UNCONSCIOUS"},
                {"name": "text", "valueString": "Trouvé inconscient sur la voie publique"},
            ],
        }
        emergency = [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"}
        ]
        forbid = insisting(lambda: the.grant(type="deny", actor=None, purpose=emergency))

        def broken() -> Any:
            insisting(lambda: glass.open(the.request(btg), body))()
            return read(the, name, btg)()

        _, opened = the.run(forbid, broken)

        moved = the.last(0, "change", *policy_of(the))
        if isinstance(opened, Exception):
            assert isinstance(opened, NoPermit), opened
            assert the.last(1, "batch", *policy_of(the)) > moved
        else:
            assert the.last(1, "read", "records", the.pid, GUARD) < moved
            assert the.last(1, "change", *policy_of(the)) < moved
        assert isinstance(attempt(read(the, name, btg)), NoPermit)


class Codes:
    """Codes and their keyed hashes, without KMS; the last code sent."""

    sent = ""

    def code(self, place: str, code: str) -> bytes:
        return f"{place} {code}".encode()

    def send_code(self, _: Contact, words: dict[str, str]) -> None:
        self.sent = words["code"]


@seeded
def test_a_first_meeting_against_a_block(seed: int) -> None:
    with race(seed) as the:
        name, other = created(the), the.world.doctor(BENNIS)
        codes, granting = Codes(), Granting(the.records, the.clock, BASE)
        meeting = FirstMeeting(granting, GrantRows("registry"), codes, codes, the.clock)
        patient = {"name": "patient", "valueReference": {"reference": f"Patient/{the.pid}"}}
        asking: dict[str, Any] = {"resourceType": "Parameters", "parameter": [patient]}
        sent = meeting.request(the.request(other), asking)
        assert sent == "sent"
        told = [patient, {"name": "code", "valueString": codes.sent}]
        giving: dict[str, Any] = {"resourceType": "Parameters", "parameter": told}
        block = insisting(lambda: the.grant(practitioner=BENNIS, type="deny"))

        grant = insisting(lambda: meeting.grant(the.request(other), giving))

        _, granted = the.run(block, grant)

        moved = the.last(0, "change", *policy_of(the))
        if isinstance(granted, Exception):
            assert isinstance(granted, NoPermit), granted
            assert the.last(1, "batch", *policy_of(the)) > moved
        else:
            assert the.last(1, "change", *policy_of(the)) < moved
        assert isinstance(attempt(read(the, name, other)), NoPermit)


@seeded
def test_a_consent_against_a_revocation_loses_neither(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        let_in = insisting(lambda: the.grant(practitioner=BENNIS))

        results = the.run(revoke(the), let_in, read(the, name))

        assert not isinstance(results[1], Exception), results
        judge(the, [results[0]], policy_of(the), NoPermit)
        assert isinstance(attempt(read(the, name)), NoPermit)
        assert SECRET in read(the, name, the.world.doctor(BENNIS))()


@seeded
def test_reads_against_the_end_of_a_role(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        role = f"role#{AMRANI}#{CLINIC}"

        results = the.run(
            lambda: the.world.put_role(AMRANI, CLINIC, active=False),
            read(the, name), search(the), write(the),
        )  # fmt: skip

        judge(the, results, ("registry", role, ""), Unauthenticated)


@seeded
def test_reads_against_the_erasure_of_keys(seed: int) -> None:
    with race(seed) as the:
        name = created(the)
        key = {"pk": {"S": the.pid}}

        results = the.run(
            lambda: the.engine.delete_item(TableName="keys", Key=key),
            read(the, name), everything(the),
        )  # fmt: skip

        judge(the, results, ("keys", the.pid, ""), Gone)
        assert isinstance(attempt(read(the, name)), Gone)


def attempt(task: Task) -> Any:
    try:
        return task()
    except Refusal as refused:
        return refused
