"""The whole directory at one load: what stands in it, and what a load would make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dmp.domain.directory import Organization, Practitioner, Role

# Each code of `PractitionerRole`, as people call it.
ROLES: Mapping[str, str] = {
    "physician": "Médecin",
    "dentist": "Médecin-dentiste",
    "pharmacist": "Pharmacien",
    "biologist": "Biologiste",
    "radiologist": "Radiologue",
    "nurse": "Infirmier",
    "midwife": "Sage-femme",
    "physiotherapist": "Kinésithérapeute",
    "psychologist": "Psychologue",
    "technician": "Technicien de santé",
    "secretary": "Secrétaire médical",
    "administrator": "Administrateur de l'établissement",
    "auditor": "Auditeur de la région",
    "registrar": "Agent d'ouverture des dossiers",
}
Listed = Organization | Practitioner | Role


def key_of(entry: Listed) -> str:
    """What the entry is known by: the key of its row in the registry."""
    match entry:
        case Role():
            return f"role#{entry.practitioner}#{entry.organization}"
        case Organization():
            return f"organization#{entry.inpe}"
        case Practitioner():
            return f"practitioner#{entry.inpe}"


def role_id(role: Role) -> str:
    """The FHIR id of a role, which has no number of its own."""
    return f"{role.practitioner}-{role.organization}"


def is_open(entry: Listed, day: str) -> bool:
    """Whether it has not ended by the day (YYYY-MM-DD), its last day included."""
    return entry.active and (entry.ends is None or day <= entry.ends)


def outlasts(entry: Listed, before: Listed) -> bool:
    """Whether the entry is good for as long as it was before, or longer."""
    if before.active and not entry.active:
        return False
    return entry.ends is None or (before.ends is not None and entry.ends >= before.ends)


@dataclass(frozen=True, slots=True)
class Differences:
    """What a load does: entries that are new, those that change, and those that end sooner."""

    added: tuple[Listed, ...] = ()
    changed: tuple[Listed, ...] = ()
    ended: tuple[Listed, ...] = ()

    @property
    def entries(self) -> tuple[Listed, ...]:
        """All of them."""
        return (*self.added, *self.changed, *self.ended)


@dataclass(frozen=True, slots=True)
class Book:
    """Every entry by `key_of`, roles under the names and ids of those that they bind."""

    entries: Mapping[str, Listed] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Listed]:
        return iter(self.entries.values())

    def organization(self, inpe: str) -> Organization | None:
        """By its number."""
        found = self.entries.get(f"organization#{inpe}")
        return found if isinstance(found, Organization) else None

    def practitioner(self, inpe: str) -> Practitioner | None:
        """By their number."""
        found = self.entries.get(f"practitioner#{inpe}")
        return found if isinstance(found, Practitioner) else None

    def with_entries(self, entries: Iterable[Listed]) -> Book:
        """The directory once these stand in it; what they do not name stays as it is."""
        merged = Book({**self.entries, **{key_of(entry): entry for entry in entries}})
        return Book({key_of(entry): merged.named(entry) for entry in merged})

    def named(self, entry: Listed) -> Listed:
        """A role under today's names and ids; any other entry as it is."""
        if not isinstance(entry, Role):
            return entry
        practitioner = self.practitioner(entry.practitioner)
        organization = self.organization(entry.organization)
        if practitioner is None or organization is None:
            raise LookupError("a role binds two that are in the directory")
        return replace(
            entry,
            practitioner_id=practitioner.id,
            organization_id=organization.id,
            practitioner_name=practitioner.name,
            organization_name=organization.name,
        )

    def differences(self, before: Book) -> Differences:
        """What became of `before`; nothing is ever taken out of a directory."""
        added: list[Listed] = []
        changed: list[Listed] = []
        ended: list[Listed] = []
        for key, entry in self.entries.items():
            earlier = before.entries.get(key)
            if earlier is None:
                added.append(entry)
            elif entry != earlier:
                (changed if outlasts(entry, earlier) else ended).append(entry)
        return Differences(tuple(added), tuple(changed), tuple(ended))
