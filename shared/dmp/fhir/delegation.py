"""RelatedPerson as a delegation: who acts for the patient, with which powers, from when to when.

`urn:dmp:power` at its root, once for each of read, write, consent and journal; without any it is an
ordinary resource. `urn:dmp:guardianship` tells why a registrar made somebody a guardian, and by
which act: its parts are `reason` (valueCode) and `document` (valueString).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from dmp.domain.consent import POWERS, Delegate, Power
from dmp.domain.identifiers import CIN, IDCS, canonical
from dmp.domain.instants import in_utc
from dmp.domain.refusals import Invalid, Issue

POWER = "urn:dmp:power"
GUARDIANSHIP = "urn:dmp:guardianship"
REASONS = ("minor", "incapacity", "court")
NAME_MAX = 100
_SYSTEMS = (CIN, IDCS)


def has_powers(person: Mapping[str, Any]) -> bool:
    """Whether it would let anybody act, or says that it is to."""
    return any(e.get("url") in (POWER, GUARDIANSHIP) for e in person.get("extension", ()))


def place_of(person: Mapping[str, Any], path: str) -> str:
    """The element that gives the first power."""
    urls = [e.get("url") for e in person.get("extension", ())]
    index = next((i for i, url in enumerate(urls) if url in (POWER, GUARDIANSHIP)), 0)
    return f"{path}.extension[{index}]"


def delegate_of(person: Mapping[str, Any], path: str) -> Delegate | None:
    """The powers, period and name; None without powers, or when it is not active.

    Whose they are is told by `identifier_of`. Invalid with every fault.
    """
    if not has_powers(person):
        return None
    powers, issues = _powers(person, path)
    name = _name(person)
    if not 0 < len(name) <= NAME_MAX:
        text = f"who has powers has a name that the patient knows, of at most {NAME_MAX} characters"
        issues.append(Issue(text, f"{path}.name", "required"))
    if len(_identifiers(person)) != 1:
        text = f"who has powers is named by exactly one identifier of {' or '.join(_SYSTEMS)}"
        issues.append(Issue(text, f"{path}.identifier", "required"))
    if issues:
        raise Invalid(issues)
    if person.get("active") is False or not powers:
        return None
    period = person.get("period", {})
    return Delegate(
        person="",
        powers=powers,
        starts=in_utc(period["start"]) if "start" in period else "",
        ends=in_utc(period["end"], end=True) if "end" in period else "",
        name=name,
    )


def identifier_of(person: Mapping[str, Any]) -> tuple[str, str]:
    """System and value of the national identifier."""
    ((system, value),) = _identifiers(person)
    return system, value


def guardianship_of(person: Mapping[str, Any], path: str) -> dict[str, str]:
    """Why and by which act, as the journal keeps it; Invalid when it is not said."""
    found = [e for e in person.get("extension", ()) if e.get("url") == GUARDIANSHIP]
    parts = {p.get("url"): p for p in (found[0].get("extension", ()) if found else ())}
    reason = parts.get("reason", {}).get("valueCode")
    act = " ".join(str(parts.get("document", {}).get("valueString", "")).split())
    if len(found) != 1 or set(parts) != {"reason", "document"}:
        text = f"{GUARDIANSHIP} is needed once, with reason and document"
        raise Invalid(text, f"{path}.extension")
    if reason not in REASONS:
        raise Invalid(f"reason is {', '.join(REASONS)}", f"{path}.extension.extension")
    if not 3 <= len(act) <= NAME_MAX:
        text = f"document is the act's reference, of 3 to {NAME_MAX} characters"
        raise Invalid(text, f"{path}.extension.extension")
    return {"code": reason, "text": act}


def _powers(person: Mapping[str, Any], path: str) -> tuple[tuple[Power, ...], list[Issue]]:
    given: set[str] = set()
    issues = []
    for i, extension in enumerate(person.get("extension", ())):
        if extension.get("url") == POWER:
            value = extension.get("valueCode")
            if value in POWERS:
                given.add(value)
            else:
                text = f"a power is the valueCode {', '.join(POWERS)}"
                issues.append(Issue(text, f"{path}.extension[{i}]"))
    return cast("tuple[Power, ...]", tuple(p for p in POWERS if p in given)), issues


def _identifiers(person: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    pairs = [(i.get("system", ""), str(i.get("value", ""))) for i in person.get("identifier", ())]
    return [(system, value) for system, value in pairs if system in _SYSTEMS and canonical(value)]


def _name(person: Mapping[str, Any]) -> str:
    """The first name, as text or put together."""
    first: Mapping[str, Any] = next(iter(person.get("name", ())), {})
    parts = [*first.get("given", ()), first.get("family", "")]
    text = first.get("text") or " ".join(p for p in parts if p)
    return " ".join(text.split())
