"""A record with a doctor who may read and write it, driven through the real handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.domain.caller import Caller
from dmp.domain.consent import Policy
from dmp.domain.journal import Entry
from dmp.domain.record import Version
from dmp.use_cases.ports import Door
from tests.world import World, consent, observation


class Clinic:
    """One patient, the consent that lets Dr Amrani in, and what the tables hold of both."""

    def __init__(self, world: World, *, granted: bool = True, policy: Policy = "deny") -> None:
        self.world = world
        self.patient: Caller = world.open_record(policy)
        self.id = self.patient.patient or ""
        self.doctor = world.doctor()
        self.store = DynamoRecords(world.vault, *world.tables.values())
        self.consent = self.grant() if granted else ""

    def grant(self, **changes: Any) -> str:
        """A consent of the patient's, `actor=None` for anyone; its id."""
        content = consent(self.id, **changes)
        content["provision"] = {k: v for k, v in content["provision"].items() if v is not None}
        made = self.world.call("POST /fhir/Consent", self.patient, content)
        assert made.status == 201, made.body
        return str(made.json["id"])

    def seal(self, *references: str, **provision: Any) -> str:
        """A consent that hides what it names from everyone; its id."""
        data = [{"meaning": "instance", "reference": {"reference": r}} for r in references]
        given = {"data": data} if data else {}
        return self.grant(type="deny", actor=None, **given, **provision)

    def revoke(self) -> None:
        """The consent is over."""
        done = self.world.call(f"DELETE /fhir/Consent/{self.consent}", self.patient)
        assert done.status == 204, done.body

    def observe(self, **changes: Any) -> str:
        """An Observation by the doctor; its id."""
        content = {**observation(self.id), **changes}
        made = self.world.call("POST /fhir/Observation", self.doctor, content)
        assert made.status == 201, made.body
        return str(made.json["id"])

    def rows(self, prefix: str) -> list[Mapping[str, Any]]:
        """Items of the record whose sort key begins so."""
        return list(self.store.items(self.id, prefix, f"{prefix}~"))

    def log(self) -> list[Version]:
        """Every version of every resource."""
        door = self.store.enter(self.id, self.patient)
        assert isinstance(door, Door)
        return self.store.log(door)

    def entries(self) -> list[Entry]:
        """The journal, oldest first, without the opening and what the patient did."""
        door = self.store.enter(self.id, self.patient)
        assert isinstance(door, Door)
        every = reversed(self.store.entries(door, "", 200))
        return [e for e in every if e.who["kind"] != "patient"]

    def told(self) -> list[tuple[str, str, str]]:
        """Action, outcome and rule of what the doctors did, oldest first."""
        return [(e.action, e.outcome, e.rule) for e in self.entries()]
