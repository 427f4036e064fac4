"""FHIR R4 Consent on the IHE PCF profiles, compiled to provisions (PCF 1.1, volume 3, 5.6).

Read and write are told apart by the extension `urn:dmp:consent-direction` on a provision, because
PCF forbids `provision.action`; without it a provision is about both. `urn:dmp:resource-type` there
names a type of resources, because PCF forbids `provision.class`. `urn:dmp:grant` marks a
Consent that the server itself made, `request` at the point of care or `break-glass`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, get_args

from dmp.domain.consent import Actor, Data, Direction, Effect, Grant, Provision
from dmp.domain.directory import ACT_REASON
from dmp.domain.instants import in_utc
from dmp.domain.refusals import Invalid, Issue
from dmp.fhir import compartment
from dmp.fhir.consent_references import actors_of, author_of, instance_of, relating_of

T = TypeVar("T")
DIRECTION = "urn:dmp:consent-direction"
GRANT = "urn:dmp:grant"
POLICY = "urn:dmp:policy:1"
TYPE = "urn:dmp:resource-type"
_SCOPE = ("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
_CATEGORY = ("http://loinc.org", "59284-0")
_RECIPIENT = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
_FORBIDDEN = ("action", "class", "code")
_MODIFIED = "what changes the meaning of the rest and is not known is refused"
_MEANINGS = {
    "instance": ("items", instance_of),
    "related": ("related", relating_of),
    "authoredby": ("authors", author_of),
}


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
        actors=_actors(provision, path) or (Actor("anyone"),),
        data=_data(provision, path),
        purposes=tuple(sorted({_purpose(coding) for coding in provision.get("purpose", ())})),
        directions=_directions(provision, path),
        starts=in_utc(period["start"]) if "start" in period else "",
        ends=in_utc(period["end"], end=True) if "end" in period else "",
    )


def _actors(provision: Mapping[str, Any], path: str) -> tuple[Actor, ...]:
    return tuple(
        named
        for i, actor in enumerate(provision.get("actor", ()))
        for named in actors_of(actor.get("reference", {}), f"{path}.actor[{i}].reference")
    )


def _inherited(nested: Provision, root: Provision) -> Provision:
    """An exception inside its root, which restricts it wherever it does not say otherwise.

    A deny inside is not narrowed by the root's data: what it names is denied.
    """
    narrowed = nested.effect == "permit" or nested.data.is_everything()
    return replace(
        nested,
        actors=nested.actors if nested.actors != (Actor("anyone"),) else root.actors,
        data=_narrowed(nested.data, root.data) if narrowed else nested.data,
        purposes=nested.purposes or root.purposes,
        directions=nested.directions or root.directions,
        starts=max(nested.starts, root.starts),
        ends=min(filter(None, (nested.ends, root.ends)), default=""),
        nested=True,
    )


def _narrowed(data: Data, root: Data) -> Data:
    return Data(
        items=data.items or root.items,
        related=data.related or root.related,
        authors=data.authors or root.authors,
        types=data.types or root.types,
        labels=data.labels or root.labels,
        period=data.period if data.period != ("", "") else root.period,
    )


def _directions(provision: Mapping[str, Any], path: str) -> tuple[Direction, ...]:
    directions: tuple[Direction, ...] = get_args(Direction)
    return _coded_by(provision, DIRECTION, directions, f"{path}.extension")


def _coded_by(
    provision: Mapping[str, Any], url: str, known: Collection[T], path: str
) -> tuple[T, ...]:
    """The codes of our extension of that name; each is one of the known."""
    values = [e.get("valueCode") for e in provision.get("extension", ()) if e.get("url") == url]
    for value in values:
        if value not in known:
            accepted = " or ".join(sorted(map(str, known))) if len(known) < 10 else "a type served"
            raise Invalid(f"valueCode is {accepted}", path)
    return tuple(values)


def _purpose(coding: Mapping[str, Any]) -> str:
    """The code alone is v3 ActReason's; another system's purpose is nobody's here."""
    system = coding.get("system", ACT_REASON)
    return str(coding["code"]) if system == ACT_REASON else f"{system}|{coding['code']}"


def _data(provision: Mapping[str, Any], path: str) -> Data:
    found: dict[str, list[str]] = {"items": [], "related": [], "authors": []}
    for i, data in enumerate(provision.get("data", ())):
        where = f"{path}.data[{i}]"
        meaning = _MEANINGS.get(data.get("meaning"))
        if meaning is None:
            raise Invalid("instance, related or authoredby", f"{where}.meaning")
        member, read = meaning
        found[member].append(read(data.get("reference", {}), f"{where}.reference"))
    period = provision.get("dataPeriod", {})
    return Data(
        items=tuple(found["items"]),
        related=tuple(found["related"]),
        authors=tuple(found["authors"]),
        types=_coded_by(provision, TYPE, compartment.served(), f"{path}.extension"),
        labels=tuple(label["code"] for label in provision.get("securityLabel", ())),
        period=(period.get("start", "")[:10], period.get("end", "")[:10]),
    )
