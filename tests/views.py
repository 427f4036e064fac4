"""What one caller may see and change of a record, as the oracle has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dmp.domain.consent import Direction, Standing
from dmp.domain.decision import Asking, Item
from dmp.domain.instants import instant
from tests.domain import oracle
from tests.scenes import NINE, Guest, Scene, observation


@dataclass
class View:
    """What one guest may do, as the oracle has it."""

    scene: Scene
    guest: Guest
    standing: Standing

    def asking(self, direction: Direction) -> Asking:
        """The guest, put by hand in the words of a decision."""
        caller, patient = self.guest.caller, None
        if caller.kind == "patient":
            patient = caller.patient
        names = (caller.practitioner, caller.practitioner_id)
        places = (caller.organization, caller.organization_id)
        return Asking(
            direction, caller.purpose, instant(NINE + 3_600_000), patient,
            frozenset(filter(None, names)), frozenset(filter(None, places)), caller.role or "",
            self.guest.strong,
        )  # fmt: skip

    def may(self, direction: Direction, item: Item) -> bool:
        """Whether the oracle permits it."""
        return oracle.answer(self.asking(direction), self.standing, item)[0] == "permit"

    @cached_property
    def seen(self) -> frozenset[str]:
        """The items that may be read."""
        items = {
            **self.scene.items,
            "consent": Item("Consent", "c", "patient"),
            "journal": Item("AuditEvent", "e"),
            "leaf": Item("AuditEvent", "e"),
        }
        return frozenset(name for name, item in items.items() if self.may("read", item))

    def shows(self, letter: str, *names: str) -> frozenset[str]:
        """Those that may be read, within the scopes."""
        kinds = {"consent": "Consent", "journal": "AuditEvent", "leaf": "AuditEvent"}
        return frozenset(
            name
            for name in names
            if name in self.seen
            and self.guest.reaches(letter, kinds.get(name) or self.scene.items[name].type, name)
        )

    def told(self, name: str) -> frozenset[str]:
        """What a change may tell of it: with the scope to read, or to search."""
        return self.shows("r", name) | self.shows("s", name)

    def owns(self, name: str) -> bool:
        """Whether the guest's organisation, or the patient, wrote it."""
        own = self.guest.caller.organization or "patient"
        return self.scene.items[name].author == own

    def changes(self, letter: str, name: str) -> bool:
        """Whether the item may be changed: by its author, whom the policy lets write it."""
        item = self.scene.items[name]
        reached = self.guest.reaches(letter, item.type, name)
        return reached and self.owns(name) and self.may("write", item)

    def refers(self, name: str) -> bool:
        """Whether a change may refer to it: what is neither seen nor their own is not there."""
        own = self.owns(name) and self.may("write", self.scene.items[name])
        return own or name in self.seen

    def creates(self) -> bool:
        """Whether a new result may be written."""
        content = observation(self.scene, "new")
        item = self.scene.known("Observation", "new", self.guest.caller, content)
        return self.guest.reaches("c", "Observation", "new") and self.may("write", item)
