"""What is in force for one patient: the implicit policy and every active consent, compiled.

A consent compiles to provisions (dmp.fhir.consent reads the FHIR); a Standing is sealed at
STANDING and numbered by the policy version that GUARD repeats in clear.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

Effect = Literal["permit", "deny"]
Direction = Literal["read", "write"]
Policy = Literal["deny", "basic-normal", "all-normal", "break-glass-only"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
ActorKind = Literal["practitioner", "organization", "role", "care-team", "anyone"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`value`: INPE or FHIR id of a practitioner or organisation, a role's code, a CareTeam id."""

    kind: ActorKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """What a provision is about; empty means everything.

    `items` and `related` are `Type/id` (an encounter, care plan or episode for `related`),
    `authors` INPE numbers, `types` resource types, `labels` security-label codes, `period` the
    clinical dates from and to.
    """

    items: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    period: tuple[str, str] = ("", "")

    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == Data()


@dataclass(frozen=True, slots=True)
class Provision:
    """One rule. Times are instants in UTC; an empty tuple of purposes or directions means any.

    `nested` marks an exception inside its consent's root provision; `grant` a break-glass or
    point-of-care grant rather than a lasting consent.
    """

    consent: str
    recorded: str
    effect: Effect
    actors: tuple[Actor, ...]
    data: Data = Data()
    purposes: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    starts: str = ""
    ends: str = ""
    nested: bool = False
    grant: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy in force; `version` grows by one with each change."""

    version: int
    policy: Policy
    provisions: tuple[Provision, ...] = ()
    owner: str = ""

    def with_consent(self, consent: str, provisions: Iterable[Provision]) -> Standing:
        """The next version, in which `consent` stands for exactly these provisions (or none)."""
        others = tuple(p for p in self.provisions if p.consent != consent)
        return replace(self, version=self.version + 1, provisions=(*others, *provisions))

    def with_policy(self, policy: Policy) -> Standing:
        """The next version, under another implicit policy."""
        return replace(self, version=self.version + 1, policy=policy)

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed at STANDING."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()


def standing_of(plaintext: bytes) -> Standing:
    """The inverse of `Standing.to_bytes`; anything unreadable raises, and so permits nothing."""
    members = json.loads(plaintext)
    members["provisions"] = tuple(_provision(p) for p in members["provisions"])
    return Standing(**members)


def _provision(members: dict[str, object]) -> Provision:
    data = members["data"]
    actors = members["actors"]
    if not isinstance(data, dict) or not isinstance(actors, list):
        raise TypeError("not a provision")
    return Provision(
        **{  # type: ignore[arg-type]  # the members are what to_bytes wrote
            **{name: tuple(v) if isinstance(v, list) else v for name, v in members.items()},
            "data": Data(**{name: tuple(v) for name, v in data.items()}),
            "actors": tuple(Actor(**actor) for actor in actors),
        }
    )
