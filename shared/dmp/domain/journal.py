"""A journal entry, its canonical bytes and its leaf hash (RFC 6962 section 2.1).

The canonical form is RFC 8785 JSON: every member name is ASCII and every value a string, an int,
a list or an object, for which sorted compact JSON is exactly that (tests compare with a library).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from dmp.domain.caller import Caller
from dmp.domain.consent import Delegate

Action = Literal[
    "read", "vread", "history", "search", "operation", "create", "update", "delete",
    "transaction", "consent", "activation", "sign-in", "authorization", "preferences", "contact",
    "credentials", "export",
]  # fmt: skip
Outcome = Literal["permit", "refuse", "withheld"]
NAMED_MAX = 20
# What is written by functions that cannot open the record; no other act is believed of them.
NOTICE_SIDE: frozenset[Action] = frozenset(
    {"sign-in", "authorization", "preferences", "contact", "credentials"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to whose record, by which rule, and what left.

    `id` is `<patient>.<entry>`; `at` an instant in UTC with milliseconds; `what` up to 20
    `Type/id/_history/version`; beyond them `disclosed` counts and digests all. `reason` has the
    `code` and `text` that a person gave; `consent` is the id of the one whose rule decided.
    """

    id: str
    at: str
    action: Action
    outcome: Outcome
    rule: str
    who: dict[str, str]
    purpose: str
    salt: str
    request: str = ""
    client: str = ""
    query: str = ""
    what: tuple[str, ...] = ()
    disclosed: dict[str, object] = field(default_factory=dict)
    reason: dict[str, str] = field(default_factory=dict)
    consent: str = ""

    @property
    def patient(self) -> str:
        """The pseudonym of the record's patient."""
        return self.id.partition(".")[0]

    @property
    def entry(self) -> str:
        """The part of the id that is the entry's own."""
        return self.id.partition(".")[2]

    def canonical(self) -> bytes:
        """The leaf's exact bytes, as `GET /journal/entry/{id}` gives them."""
        members: dict[str, object] = {
            "v": 1, "id": self.id, "at": self.at, "action": self.action,
            "outcome": self.outcome, "rule": self.rule, "who": self.who,
            "purpose": self.purpose, "salt": self.salt, "request": self.request,
            "client": self.client, "query": self.query, "what": list(self.what),
            "disclosed": self.disclosed, "reason": self.reason, "consent": self.consent,
        }  # fmt: skip
        full = {name: value for name, value in members.items() if value not in ("", [], {})}
        return canonical(full)


def canonical(members: dict[str, object]) -> bytes:
    """RFC 8785 for objects of ASCII names, strings and ints."""
    text = json.dumps(members, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def entry_of(leaf: bytes) -> Entry:
    """The inverse of `Entry.canonical`."""
    members = json.loads(leaf)
    del members["v"]
    members["what"] = tuple(members.get("what", ()))
    return Entry(**members)


def metadata_of(entry: Entry) -> Entry:
    """What an auditor sees: who, when, by which rule; neither what was asked for nor what left."""
    reason = {name: text for name, text in entry.reason.items() if name == "code"}
    return replace(entry, query="", what=(), disclosed={}, reason=reason)


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 over 0x00 and the leaf's bytes."""
    return hashlib.sha256(b"\0" + leaf).digest()


def who_of(caller: Caller, patient: str, delegate: Delegate | None = None) -> dict[str, str]:
    """The caller as an entry of that patient's journal names them.

    `patient` in it is the pseudonym of a person's own record, whomever they act for.
    """
    if caller.kind == "patient":
        own = caller.patient or ""
        if delegate is not None:
            about = {"related": delegate.related, "name": delegate.name}
            return {"kind": delegate.kind, "patient": own, **about}
        return {"kind": "patient" if own == patient else "person", "patient": own}
    members = {
        "kind": "practitioner",
        "inpe": caller.practitioner or "",
        "id": caller.practitioner_id or "",
        "name": caller.practitioner_name,
        "role": caller.role or "",
        "organization": caller.organization or "",
        "organization_id": caller.organization_id or "",
        "organization_name": caller.organization_name,
    }
    return {name: value for name, value in members.items() if value}


def disclosure(
    names: Iterable[str], newest: str, policy: int
) -> tuple[tuple[str, ...], dict[str, object]]:
    """The first 20 names, and a digest of all when there are more.

    The digest is SHA-256 over the sorted names, each followed by a line feed, so that it can be
    computed again from the record as it was at `newest`, the newest commit seen.
    """
    every = sorted(names)
    if len(every) <= NAMED_MAX:
        return tuple(every), {}
    digest = hashlib.sha256("".join(name + "\n" for name in every).encode()).hexdigest()
    members: dict[str, object] = {
        "count": len(every), "newest": newest, "policy": policy, "sha256": digest,
    }  # fmt: skip
    return tuple(every[:NAMED_MAX]), members
