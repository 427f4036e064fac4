"""Rules of single datatypes that the tables do not express."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from dmp.fhir.definitions import ValueSet, codes_of, resource_types
from dmp.fhir.faults import Fault, Faults, Link, prefixed, wrong_target
from dmp.fhir.morocco import broken
from dmp.fhir.primitives import Check
from dmp.fhir.scope import sound

R4_SYSTEMS = "http://hl7.org/fhir/"  # closed with R4, unlike terminology.hl7.org's
Rule = Callable[[dict[str, Any]], Faults | None]


def reference(targets: tuple[str, ...], check: Check, value: object) -> Faults | None:
    """A Reference whose target, as far as its text tells, must be of one of the types.

    `#id` and urn references come back as links, for the resource or Bundle around to settle.
    """
    faults = check(value) or []
    if value.__class__ is not dict:
        return faults
    assert isinstance(value, dict)
    literal = value.get("reference")
    if isinstance(literal, str) and literal:
        if literal[0] == "#" or literal.startswith("urn:"):
            faults += prefixed([Link(literal, targets)], "reference")
        elif fault := _misled(literal, targets):
            faults += prefixed([fault], "reference")
    stated = value.get("type")
    known = isinstance(stated, str) and stated in resource_types()
    if targets and known and stated not in targets:
        faults += prefixed([Fault("invalid", wrong_target(targets))], "type")
    return faults or None


def _misled(literal: str, targets: tuple[str, ...]) -> Fault | None:
    """A relative reference to a type that R4 has not, or any to one that the element does not take.

    What an absolute one leads to on another server may have any form.
    """
    found = type_in(literal)
    if found is None and "/" in literal and ":" not in literal.partition("/")[0]:
        return Fault("invalid", "a relative reference begins with a resource type of R4")
    if found and targets and found not in targets:
        return Fault("invalid", wrong_target(targets))
    return None


def type_in(literal: str) -> str | None:
    """The resource type that a literal or conditional reference names, if it names one."""
    head, conditional, _ = literal.partition("?")
    parts = head.split("/")
    if conditional:
        name = parts[-1]
    else:
        if len(parts) > 3 and parts[-2] == "_history":
            parts = parts[:-2]
        name = parts[-2] if len(parts) > 1 else ""
    return name if name in resource_types() else None


def concept(value_set: ValueSet, check: Check, value: object) -> Faults | None:
    """A CodeableConcept of which one coding at least must be in the value set."""
    faults = check(value) or []
    if not isinstance(value, dict) or not sound(faults):
        return faults
    known = "coding" not in value and "extension" in value
    for one in value.get("coding", ()):
        if one.get("code") in value_set.codes.get(one.get("system"), ()):
            known = True
    if not known:
        faults.append(Fault("code-invalid", f"no coding is in the value set {value_set.url}"))
    return faults or None


def coding(value_set: ValueSet, check: Check, value: object) -> Faults | None:
    """A Coding that must be in the value set."""
    faults = check(value) or []
    if not isinstance(value, dict) or not sound(faults):
        return faults
    if "code" in value and value["code"] not in value_set.codes.get(value.get("system", ""), ()):
        fault = Fault("code-invalid", f"the code is not in the value set {value_set.url}")
        faults += prefixed([fault], "code")
    return faults or None


def _extension(value: dict[str, Any]) -> Faults | None:
    valued = any(key.startswith(("value", "_value")) for key in value)
    if valued == ("extension" in value):
        return [Fault("invariant", "an extension has either a value or extensions (ext-1)")]
    return None


def _attachment(value: dict[str, Any]) -> Faults | None:
    data, size, digest = (value.get(name) for name in ("data", "size", "hash"))
    if not isinstance(data, str) or (size is None and digest is None):
        return None
    content = binascii.a2b_base64(data)
    if size is not None and size != len(content):
        return prefixed([Fault("invariant", "not the size of the data")], "size")
    # SHA-1 is what the standard says, for this element alone
    made = hashlib.sha1(content, usedforsecurity=False).digest()
    if isinstance(digest, str) and binascii.a2b_base64(digest) != made:
        return prefixed([Fault("invariant", "not the SHA-1 of the data")], "hash")
    return None


def _coding(value: dict[str, Any]) -> Faults | None:
    system = value.get("system")
    if not isinstance(system, str) or not system.startswith(R4_SYSTEMS):
        return None
    codes = codes_of(system)
    if codes is None or value.get("code", "") in codes or "code" not in value:
        return None
    return prefixed([Fault("code-invalid", "R4's own code system has no such code")], "code")


def _identifier(value: dict[str, Any]) -> Faults | None:
    numbering = broken(value)
    if numbering is None or numbering.severity != "error":
        return None
    return prefixed([Fault("value", f"{numbering.told} (ma-{numbering.name})")], "value")


def rule_of(name: str) -> Rule | None:
    """The rule that every value of the type must keep, if there is one."""
    return _RULES.get(name)


_RULES: Mapping[str, Rule] = {
    "Attachment": _attachment,
    "Coding": _coding,
    "Extension": _extension,
    "Identifier": _identifier,
}
