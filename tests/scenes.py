"""One record with one of each: what is in it, who comes to its doors, and what is in force.

All of it is written by hand beside what the handlers make of it, so that the oracle
(tests/domain/oracle.py) can be asked without a line of the system. Every item bears a mark that an
answer shows if it shows the item at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.domain.caller import Caller
from dmp.domain.consent import Delegate, Policy, Standing
from dmp.domain.decision import Item
from dmp.use_cases.ports import Door
from tests.memory import Tables, memory_of
from tests.world import AMRANI, BENNIS, CLINIC, HOSPITAL, NAMES, SOON, World, consent

NINE = int(datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp() * 1000)
COLLEAGUE, STRANGER, RETIRED = "200000003", "200000004", "200000005"
ELSEWHERE = "100000003"
PLACES = {
    AMRANI: CLINIC, COLLEAGUE: CLINIC, RETIRED: CLINIC, BENNIS: HOSPITAL, STRANGER: ELSEWHERE,
}  # fmt: skip
LAB = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                   "code": "laboratory"}]}  # fmt: skip
PSY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}


def mark(name: str) -> str:
    """What an answer that shows the item has in it."""
    return "1985-03-14" if name == "patient" else f"mark-of-{name}-"


class Seeded:
    """The clock and the chance of one run: a millisecond a look, and the same numbers again."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.begin(0)

    def begin(self, step: int) -> None:
        """The time and the dice of a step, whatever was done before it."""
        self._random = random.Random(self._seed + step)  # noqa: S311  # a scene, not a secret
        self.now = NINE + step * 60_000

    def now_ms(self) -> int:
        """A millisecond after the last."""
        self.now += 1
        return self.now

    def random_bits(self, bits: int) -> int:
        """The next of them."""
        return self._random.getrandbits(bits)


@contextmanager
def seeded(seed: int = 4) -> Iterator[Seeded]:
    """Every SystemClock tells this time and throws these dice."""
    made = Seeded(seed)
    with (
        mock.patch.object(SystemClock, "now_ms", staticmethod(made.now_ms)),
        mock.patch.object(SystemClock, "random_bits", staticmethod(made.random_bits)),
    ):
        yield made


@dataclass
class Scene:
    """The record `id`; `items` by name as the oracle knows them, `tables` as they were made."""

    world: World
    patient: Caller
    id: str
    items: dict[str, Item] = field(default_factory=dict)
    consents: list[str] = field(default_factory=list)
    tables: Tables = field(default_factory=dict)

    def consent(self, practitioner: str = AMRANI, **changes: Any) -> str:
        """A consent of the patient's through its door; `actor=None` for anyone."""
        content = consent(self.id, practitioner, **changes)
        content["provision"] = {k: v for k, v in content["provision"].items() if v is not None}
        made = self.world.call("POST /fhir/Consent", self.patient, content)
        assert made.status == 201, made.body
        self.consents.append(str(made.json["id"]))
        return self.consents[-1]

    def end(self, name: str) -> None:
        """Revoke a consent."""
        assert self.world.call(f"DELETE /fhir/Consent/{name}", self.patient).status == 204

    def reference(self, name: str) -> str:
        """`Type/id` of an item."""
        return f"{self.items[name].type}/{self.items[name].id}"

    def standing(self) -> Standing:
        """What is in force."""
        door = DynamoRecords(self.world.vault, *self.world.tables.values()).enter(
            self.id, self.patient
        )
        assert isinstance(door, Door)
        return door.standing

    def change_standing(self, change: Callable[[Standing], Standing]) -> None:
        """Put another standing in force, as an operator with the keys could."""
        memory, table = memory_of(self.world), self.world.tables["RECORDS_TABLE"]
        standing = change(self.standing())
        row, guard = (table, self.id, "STANDING"), (table, self.id, "GUARD")
        store = DynamoRecords(self.world.vault, *self.world.tables.values())
        door: Any = store.enter(self.id, self.patient)
        sealed = door.ring.seal("record", "STANDING", standing.to_bytes())
        items, version = memory.engine.items, {"N": str(standing.version)}
        items[row] = {**items[row], "b": {"B": sealed}, "pv": version}
        items[guard] = {**items[guard], "pv": version}

    def write(self, name: str, caller: Caller, content: dict[str, Any]) -> Item:
        """An item through its door, known to the oracle under the name."""
        kind = content["resourceType"]
        made = self.world.call(f"POST /fhir/{kind}", caller, content)
        assert made.status == 201, made.body
        self.items[name] = self.known(kind, str(made.json["id"]), caller, content)
        return self.items[name]

    def known(self, kind: str, name: str, caller: Caller, content: dict[str, Any]) -> Item:
        """The item as the oracle is told of it."""
        writers: tuple[str, ...] = ()
        if caller.kind == "practitioner":
            ids = f"Practitioner/{caller.practitioner_id}", f"Organization/{caller.organization_id}"
            writers = (caller.practitioner or "", *ids)
        codes = tuple(label["code"] for label in content.get("meta", {}).get("security", ()))
        encounter = content.get("encounter", {}).get("reference", "")
        related = tuple(sorted(set(_references(content))))
        date = content.get("effectiveDateTime", content.get("date", content.get("issued", "")))
        return Item(
            kind, name, caller.organization or "patient", encounter, date, codes, related, writers
        )


def scene(world: World, policy: Policy = "deny") -> Scene:
    """A record with one of each item; nothing is in force but the policy."""
    for practitioner, organization in PLACES.items():
        world.put_role(practitioner, organization, active=practitioner != RETIRED)
        world.put_row(f"client#app-{organization}", active={"BOOL": True})
    patient = world.open_record(policy)
    made = Scene(world, patient, patient.patient or "")
    made.items["patient"] = Item("Patient", made.id, "patient")
    granted = [made.consent(), made.consent(BENNIS)]
    _fill(made)
    for one in granted:
        made.end(one)
    made.consents = []
    return made


def doctor(world: World, practitioner: str, **changes: Any) -> Caller:
    """Any of the practitioners, at work where they work."""
    organization = PLACES[practitioner]
    own = {
        "client_id": f"app-{organization}", "practitioner": practitioner,
        "organization": organization, "practitioner_id": f"p{practitioner}",
        "organization_id": f"o{organization}", "practitioner_name": NAMES.get(practitioner, ""),
        "organization_name": NAMES.get(organization, ""),
    }  # fmt: skip
    return replace(world.doctor(), **{**own, **changes})


def observation(scene_: Scene, name: str, **changes: Any) -> dict[str, Any]:
    """A result with the item's mark."""
    return {
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "subject": {"reference": f"Patient/{scene_.id}"},
        "effectiveDateTime": "2026-11-20T09:30:00+01:00",
        "note": [{"text": mark(name)}],
        **changes,
    }  # fmt: skip


def _fill(made: Scene) -> None:
    subject = {"reference": f"Patient/{made.id}"}
    clinic, hospital = doctor(made.world, AMRANI), doctor(made.world, BENNIS)
    made.write("encounter", clinic, {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": subject, "reasonCode": [{"text": mark("encounter")}],
    })  # fmt: skip
    within = {"encounter": {"reference": made.reference("encounter")}}
    made.write("lab", clinic, observation(made, "lab", category=[LAB], **within))
    made.write("psy", clinic, observation(made, "psy", meta={"security": [PSY]}))
    made.write("own", made.patient, observation(made, "own"))
    made.write("condition", hospital, {
        "resourceType": "Condition", "subject": subject, "note": [{"text": mark("condition")}],
        "code": {"text": "asthme"},
        "clinicalStatus": {"coding": [{"system":
            "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    })  # fmt: skip
    made.write("report", clinic, {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "bilan"},
        "subject": subject, "conclusion": mark("report"),
        "result": [{"reference": made.reference("lab")}],
    })  # fmt: skip
    made.write("composition", clinic, {
        "resourceType": "Composition", "status": "final", "type": {"text": "compte rendu"},
        "subject": subject, "date": "2026-11-21", "title": mark("composition"),
        "author": [{"display": "Dr Amrani"}],
        "section": [{"title": "bilan", "entry": [{"reference": made.reference("report")}]}],
    })  # fmt: skip


def _references(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(content.get("reference"), str):
            yield content["reference"]
        for member in content.values():
            yield from _references(member)
    elif isinstance(content, list):
        for member in content:
            yield from _references(member)


@dataclass(frozen=True)
class Guest:
    """Who asks. `reaches(letter, type, item)` is what their scopes are about, said once more."""

    name: str
    caller: Caller
    reaches: Callable[[str, str, str], bool] = lambda *_: True
    dead: bool = False
    strong: bool = True


def guests(the: Scene) -> list[Guest]:
    """Everybody who may come to the doors of the record."""
    world, own = the.world, the.patient
    world.put_row(f"credential#{the.id}", known={"BOOL": True})
    session: dict[str, Any] = {"active": {"BOOL": True}, "expires": {"N": str(SOON)},
                               "patient": {"S": the.id}}  # fmt: skip
    world.put_row(f"session#{own.session}", **session, strong_until={"N": str(SOON)})
    world.put_row("session#weak", **session)
    world.put_row("session#over", **{**session, "active": {"BOOL": False}})
    world.put_row("client#suspended", active={"BOOL": False})
    world.put_row("ended#revoked", active={"BOOL": True})
    app = {**session, "client": {"S": "app-x"}}
    world.put_row("app#a1", **app)
    world.put_row("client#app-x", active={"BOOL": True})
    amrani = doctor(world, AMRANI)
    other = world.open_record()
    guardian = world.open_record()
    the.change_standing(lambda s: _delegated(s, other, guardian))
    lab_only = ("user/Observation.rs?category=laboratory",)
    btg = {"purpose": "BTG"}
    return [
        Guest("owner", own),
        Guest("owner-weak", replace(own, session="weak"), strong=False),
        Guest("owner-signed-out", replace(own, session="over"), dead=True),
        Guest("owner-app", replace(own, client_id="app-x", app="a1", session=own.session,
                                   scopes=("patient/Observation.rs",)),
              lambda letter, kind, _: letter in "rs" and kind == "Observation"),
        Guest("delegate", other),
        Guest("guardian", guardian),
        Guest("other-patient", world.open_record()),
        Guest("practitioner", amrani),
        Guest("practitioner-read-scope", replace(amrani, scopes=("user/*.rs",)),
              lambda letter, *_: letter in "rs"),
        Guest("practitioner-write-scope", replace(amrani, scopes=("user/*.cud",)),
              lambda letter, *_: letter in "cud"),
        Guest("practitioner-condition-scope", replace(amrani, scopes=("user/Condition.cruds",)),
              lambda _, kind, __: kind == "Condition"),
        Guest("practitioner-laboratory-scope", replace(amrani, scopes=lab_only),
              lambda letter, _, name: letter in "rs" and name in ("lab", "*Observation")),
        Guest("practitioner-operations", replace(amrani, purpose="HOPERAT")),
        Guest("practitioner-btg", replace(amrani, **btg)),
        Guest("colleague", doctor(world, COLLEAGUE)),
        Guest("colleague-btg", doctor(world, COLLEAGUE, **btg)),
        Guest("author-elsewhere", doctor(world, BENNIS)),
        Guest("stranger", doctor(world, STRANGER)),
        Guest("auditor", doctor(world, STRANGER, role="auditor")),
        Guest("retired", doctor(world, RETIRED), dead=True),
        Guest("suspended-client", replace(amrani, client_id="suspended"), dead=True),
        Guest("revoked-token", replace(amrani, token_id="revoked"), dead=True),
        Guest("expired-token", replace(amrani, expires=NINE // 1000), dead=True),
    ]  # fmt: skip


def _delegated(standing: Standing, other: Caller, guardian: Caller) -> Standing:
    acting = Delegate(other.patient or "", ("read",), related="r1")
    whole = Delegate(
        guardian.patient or "", ("read", "write", "consent", "journal"), kind="guardian",
        related="r2",
    )  # fmt: skip
    return standing.with_delegates("r1", [acting]).with_delegates("r2", [whole])
