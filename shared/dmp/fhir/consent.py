"""FHIR R4 Consent on the IHE PCF profiles, compiled to provisions (PCF 1.1, volume 3, 5.6).

Read and write are told apart by the extension `urn:dmp:consent-direction` on a provision, because
PCF forbids `provision.action`; without it a provision is about both. `urn:dmp:grant` marks a
Consent that the server itself made, `request` at the point of care or `break-glass`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from dmp.domain.consent import Actor, ActorKind, Data, Direction, Effect, Grant, Provision
from dmp.domain.identifiers import INPE
from dmp.domain.instants import in_utc
from dmp.domain.refusals import Invalid, Issue

DIRECTION = "urn:dmp:consent-direction"
GRANT = "urn:dmp:grant"
_SCOPE = ("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
_CATEGORY = ("http://loinc.org", "59284-0")
_RECIPIENT = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
_FORBIDDEN = ("action", "class", "code")
_MODIFIED = "what changes the meaning of the rest and is not known is refused"
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}\Z")
_MEANINGS = {"instance": "items", "related": "related", "authoredby": "authors"}
_KINDS: Mapping[str, ActorKind] = {"Practitioner": "practitioner", "Organization": "organization"}


def compile_consent(consent: Mapping[str, Any], name: str, recorded: str) -> tuple[Provision, ...]:
    """The provisions that an active consent puts in force; none for any other status.

    `name` is its id and `recorded` the server's record time. Invalid tells every breach of PCF.
    """
    issues = [*_basics(consent), *_shape(consent.get("provision", {}), "Consent.provision", 0)]
    if issues:
        raise Invalid(issues)
    grant = grant_of(consent)
    root = _provision(consent["provision"], name, recorded, "Consent.provision")
    if consent["status"] != "active":
        return ()
    nested = [
        _inherited(_provision(p, name, recorded, f"Consent.provision.provision[{i}]"), root)
        for i, p in enumerate(consent["provision"].get("provision", ()))
    ]
    return tuple(replace(provision, grant=grant) for provision in (root, *nested))


def grant_of(consent: Mapping[str, Any]) -> Grant:
    """What the server made it for; empty for a patient's own."""
    for extension in consent.get("extension", ()):
        if extension.get("url") == GRANT:
            value: Grant = extension.get("valueCode")
            if value not in ("request", "break-glass"):
                raise Invalid("valueCode is request or break-glass", "Consent.extension")
            return value
    return ""


def _basics(consent: Mapping[str, Any]) -> Iterator[Issue]:
    """What PCF requires above the provision, and the parts it forbids."""
    if not _coded([consent.get("scope", {})], _SCOPE):
        yield Issue("scope must be consentscope#patient-privacy", "Consent.scope", "value")
    if not _coded(consent.get("category", ()), _CATEGORY):
        yield Issue("category must hold LOINC 59284-0", "Consent.category", "value")
    for element in ("patient", "dateTime", "performer", "organization", "provision"):
        if not consent.get(element):
            yield Issue("PCF requires it", f"Consent.{element}", "required")
    if not (consent.get("sourceAttachment") or consent.get("sourceReference")):
        yield Issue("PCF requires it", "Consent.source[x]", "required")
    if not any(policy.get("uri") for policy in consent.get("policy", ())):
        yield Issue("PCF requires it", "Consent.policy.uri", "required")
    if consent.get("modifierExtension"):
        yield Issue(_MODIFIED, "Consent.modifierExtension", "extension")
    if consent.get("verification"):
        yield Issue("PCF forbids it", "Consent.verification", "structure")


def _shape(provision: Mapping[str, Any], path: str, level: int) -> Iterator[Issue]:
    if provision.get("type") not in get_args(Effect):
        yield Issue("permit or deny", f"{path}.type", "required")
    for element in _FORBIDDEN:
        if provision.get(element):
            yield Issue("PCF forbids it", f"{path}.{element}", "structure")
    if provision.get("modifierExtension"):
        yield Issue(_MODIFIED, f"{path}.modifierExtension", "extension")
    yield from _codeless(provision, path)
    for i, actor in enumerate(provision.get("actor", ())):
        if not _coded([actor.get("role", {})], _RECIPIENT):
            yield Issue("role must be IRCP", f"{path}.actor[{i}].role", "value")
    for i, nested in enumerate(provision.get("provision", ())):
        if level:
            yield Issue("PCF has one nested level", f"{path}.provision[{i}]", "structure")
        else:
            yield from _shape(nested, f"{path}.provision[{i}]", level + 1)


def _codeless(provision: Mapping[str, Any], path: str) -> Iterator[Issue]:
    """Codings that narrow a provision must say to what."""
    for element in ("purpose", "securityLabel"):
        for i, coding in enumerate(provision.get(element, ())):
            if not coding.get("code"):
                yield Issue(
                    "without a code it says nothing", f"{path}.{element}[{i}].code", "required"
                )


def _coded(concepts: Any, wanted: tuple[str, str]) -> bool:
    return any(
        (coding.get("system"), coding.get("code")) == wanted
        for concept in concepts
        for coding in concept.get("coding", ())
    )


def _provision(provision: Mapping[str, Any], name: str, recorded: str, path: str) -> Provision:
    period = provision.get("period", {})
    return Provision(
        consent=name,
        recorded=recorded,
        effect=provision["type"],
        actors=tuple(_actors(provision, path)) or (Actor("anyone"),),
        data=_data(provision, path),
        purposes=tuple(sorted({coding["code"] for coding in provision.get("purpose", ())})),
        directions=tuple(_directions(provision, path)),
        starts=in_utc(period["start"]) if "start" in period else "",
        ends=in_utc(period["end"], end=True) if "end" in period else "",
    )


def _inherited(nested: Provision, root: Provision) -> Provision:
    """An exception inside its root: what it does not narrow itself, the root has narrowed."""
    return Provision(
        consent=nested.consent,
        recorded=nested.recorded,
        effect=nested.effect,
        actors=nested.actors if nested.actors != (Actor("anyone"),) else root.actors,
        data=root.data if nested.data.is_everything() else nested.data,
        purposes=nested.purposes or root.purposes,
        directions=nested.directions or root.directions,
        starts=max(nested.starts, root.starts),
        ends=min(filter(None, (nested.ends, root.ends)), default=""),
        nested=True,
    )


def _directions(provision: Mapping[str, Any], path: str) -> Iterator[Direction]:
    for extension in provision.get("extension", ()):
        if extension.get("url") == DIRECTION:
            value = extension.get("valueCode")
            if value not in get_args(Direction):
                raise Invalid("valueCode is read or write", f"{path}.extension")
            yield value


def _actors(provision: Mapping[str, Any], path: str) -> Iterator[Actor]:
    for i, actor in enumerate(provision.get("actor", ())):
        yield from _actor(actor.get("reference", {}), f"{path}.actor[{i}].reference")


def _actor(reference: Mapping[str, Any], path: str) -> Iterator[Actor]:
    """A reference to a practitioner or organisation, by id or by INPE number."""
    kind, _, own = reference.get("reference", "").partition("/")
    if kind in _KINDS and own:
        yield Actor(_KINDS[kind], own)
        return
    identifier = reference.get("identifier", {})
    if identifier.get("system") != INPE or not identifier.get("value"):
        text = "an actor is a Practitioner or Organization, by reference or urn:ma:inpe identifier"
        raise Invalid(text, path)
    # An INPE number is one person's or one establishment's: untyped, it can only mean that one.
    kinds = [_KINDS[reference["type"]]] if reference.get("type") in _KINDS else _KINDS.values()
    for named in kinds:
        yield Actor(named, identifier["value"])


def _author(reference: Mapping[str, Any], path: str) -> str:
    """The organisation that wrote version 1 is known by its INPE number alone."""
    identifier = reference.get("identifier", {})
    named = identifier.get("system") == INPE and identifier.get("value")
    if not named or reference.get("type", "Organization") != "Organization":
        raise Invalid("an author is an Organization, by its urn:ma:inpe identifier", path)
    return str(named)


def _data(provision: Mapping[str, Any], path: str) -> Data:
    found: dict[str, list[str]] = {"items": [], "related": [], "authors": []}
    for i, data in enumerate(provision.get("data", ())):
        where = f"{path}.data[{i}]"
        member = _MEANINGS.get(data.get("meaning"))
        if member is None:
            raise Invalid("instance, related or authoredby", f"{where}.meaning")
        reference = data.get("reference", {})
        if member == "authors":
            found[member].append(_author(reference, f"{where}.reference"))
        elif not _RELATIVE.match(reference.get("reference", "")):
            raise Invalid("a reference of the form Type/id", f"{where}.reference")
        else:
            found[member].append(reference["reference"])
    period = provision.get("dataPeriod", {})
    return Data(
        items=tuple(found["items"]),
        related=tuple(found["related"]),
        authors=tuple(found["authors"]),
        labels=tuple(label["code"] for label in provision.get("securityLabel", ())),
        period=(period.get("start", "")[:10], period.get("end", "")[:10]),
    )
