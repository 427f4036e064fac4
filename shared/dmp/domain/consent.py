"""What is in force for one patient: the implicit policy, every active consent, compiled, delegates.

A consent compiles to provisions (dmp.fhir.consent reads the FHIR); a Standing is sealed at
STANDING and numbered by the policy version that GUARD repeats in clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from dmp.domain.strict_json import LATER, read, written

Effect = Literal["permit", "deny"]
Direction = Literal["read", "write"]
Policy = Literal["deny", "basic-normal", "all-normal", "break-glass-only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
ActorKind = Literal[
    "practitioner", "organization", "role", "care-team", "related-person", "anyone"
]  # fmt: skip
Grant = Literal["", "request", "break-glass"]
Power = Literal["read", "write", "consent", "journal"]
POWERS: tuple[Power, ...] = get_args(Power)
DelegateKind = Literal["delegate", "guardian"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`value`: an INPE or FHIR id, a role's code, the id of a CareTeam or RelatedPerson."""

    kind: ActorKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """What a provision is about; empty means everything.

    `items` and `related` are `Type/id` (an encounter, care plan or episode for `related`),
    `authors` who wrote it (INPE, `Practitioner/id`, `Organization/id` or `patient`), `types`
    resource types, `labels` security-label codes, `period` the clinical dates from and to.
    """

    items: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    period: tuple[str, str] = ("", "")

    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == EVERYTHING


EVERYTHING = Data()


@dataclass(frozen=True, slots=True)
class Provision:
    """One rule. Times are instants in UTC; an empty tuple of purposes or directions means any.

    `nested` marks an exception inside its consent's root provision; `grant` one that the server
    made at the point of care or in an emergency: it is for all its actors at once.
    """

    consent: str
    recorded: str
    effect: Effect
    actors: tuple[Actor, ...]
    data: Data = EVERYTHING
    purposes: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    starts: str = ""
    ends: str = ""
    nested: bool = False
    grant: Grant = ""


@dataclass(frozen=True, slots=True)
class Delegate:
    """A person who acts for the patient, from an instant to another (empty: without bound).

    `person` is the pseudonym of their own record, `related` the id of the RelatedPerson. Who has
    no record yet is known by `identifier`, the MAC of theirs, and nobody until they have one.
    """

    person: str
    powers: tuple[Power, ...]
    starts: str = ""
    ends: str = ""
    kind: DelegateKind = "delegate"
    related: str = ""
    name: str = field(default="", metadata=LATER)
    identifier: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a care team, who is all of the actors at once, from an instant to another."""

    actors: tuple[Actor, ...]
    starts: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class CareTeam:
    """A care team that the patient wrote, as it stands now; its `id` is that of the CareTeam."""

    id: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy in force; `version` grows by one with each change.

    `teams` are the care teams that a provision names, each as its CareTeam stands now.
    """

    version: int
    policy: Policy
    provisions: tuple[Provision, ...] = ()
    owner: str = ""
    delegates: tuple[Delegate, ...] = field(default=(), metadata=LATER)
    teams: tuple[CareTeam, ...] = field(default=(), metadata=LATER)

    def with_consent(
        self, consent: str, provisions: Iterable[Provision], teams: Iterable[CareTeam] = ()
    ) -> Standing:
        """The next version, in which `consent` stands for exactly these provisions (or none).

        `teams` are the care teams they name; one that no provision names any more is forgotten.
        """
        others = tuple(p for p in self.provisions if p.consent != consent)
        return replace(self, provisions=(*others, *provisions)).with_teams(teams)

    def with_policy(self, policy: Policy) -> Standing:
        """The next version, under another implicit policy."""
        return replace(self, version=self.version + 1, policy=policy)

    def with_delegates(self, related: str, delegates: Iterable[Delegate]) -> Standing:
        """The next version, in which that RelatedPerson stands for exactly these (or none)."""
        others = tuple(d for d in self.delegates if d.related != related)
        return replace(self, version=self.version + 1, delegates=(*others, *delegates))

    def with_persons(self, persons: Mapping[str, str]) -> Standing:
        """The same, in which those known by an identifier are the persons who bear it."""
        delegates = tuple(
            replace(d, person=d.person or persons.get(d.identifier, "")) for d in self.delegates
        )
        return replace(self, delegates=delegates)

    def with_teams(self, teams: Iterable[CareTeam]) -> Standing:
        """The next version, in which those care teams, where a provision names them, are so."""
        known = {team.id: team for team in (*self.teams, *teams)}
        actors = (actor for p in self.provisions for actor in p.actors)
        named = sorted({actor.value for actor in actors if actor.kind == "care-team"})
        kept = tuple(known[name] for name in named if name in known)
        return replace(self, version=self.version + 1, teams=kept)

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed at STANDING."""
        return written(self)


def standing_of(plaintext: bytes) -> Standing:
    """The inverse of `Standing.to_bytes`, of every version of it so far.

    What came later and is missing has its default; what is missing otherwise, unknown or unreadable
    raises ValueError, and so permits nothing.
    """
    return read(Standing, plaintext)
