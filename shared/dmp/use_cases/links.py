"""References of a write to what its record holds: found before the door, judged behind it.

What is asked for with the door costs nothing more; only ids that were updated before need a second
batch. A resource that the writer may not know of is answered as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dmp.domain.decision import Permit
from dmp.domain.identifiers import ResourceId, resource_id
from dmp.domain.refusals import Invalid, Issue, TooLarge
from dmp.fhir import compartment, references
from dmp.fhir.definitions import resource_types
from dmp.use_cases.changes import Change
from dmp.use_cases.gate import Visit
from dmp.use_cases.held import Held
from dmp.use_cases.restrictions import known

LINKS_MAX = 200
NAMED_MAX = 20
Links = Mapping[str, tuple[str, ResourceId]]
# Kept in the record as well, but behind doors of their own: whether they exist is not told here.
_ELSEWHERE = frozenset({"AuditEvent", "Consent"})


def outward(changes: Sequence[Change], patient: str, known: Collection[str] = ()) -> Links:
    """What the changes refer to in the record and do not bring themselves, by `Type/id`.

    What is `known` to be there is not asked for.

    422 for an id of another patient's record, and for a type of the record under an id that no
    record gives; 413 when there are too many. What leads elsewhere by an absolute URL, and the
    directory's ids, are left alone.
    """
    brought = brought_by(changes)
    named = {
        text
        for change in changes
        if change.resource is not None
        for text in (
            *compartment.references(change.resource),
            *compartment.addressed(change.resource, patient),
        )
        if "?" not in text
    }
    found: dict[str, tuple[str, ResourceId]] = {}
    stray = set()
    for text in named.difference(brought, known, [f"Patient/{patient}"]):
        kind, _, rest = text.partition("/")
        name = resource_id(rest)
        if name is None:
            if kind == "Patient" or (kind in compartment.writable() and _is_kept(kind)):
                stray.add(text)
        elif name.patient != patient or name.text == patient:
            stray.add(text)
        elif kind in resource_types() and kind not in _ELSEWHERE:
            found[text] = (kind, name)
    _refuse(changes, stray, "the reference leads outside this patient's record")
    if len(found) > LINKS_MAX:
        text = f"at most {LINKS_MAX} resources of the record may be referred to at once"
        raise TooLarge(text, changes[0].path)
    return found


def brought_by(changes: Sequence[Change]) -> set[str]:
    """By what names others in the request may refer to what the changes bring."""
    brought = {at for c in changes for name in c.names for at in (name, compartment.leads_to(name))}
    return brought | {f"{c.type}/{c.id.text}" for c in changes if c.id and c.kind != "delete"}


def require(visit: Visit, links: Links, held: Held, changes: Sequence[Change]) -> None:
    """422 naming the elements that refer to nothing the writer may know of, or to a deleted one."""
    missing = {
        text for text, (kind, name) in links.items() if not _is_there(visit, held, kind, name)
    }
    _refuse(changes, missing, "the record holds no such resource")


def _is_kept(kind: str) -> bool:
    """Whether a resource of the type is always a record's own, never the directory's."""
    return compartment.needs_patient(kind)


def _is_there(visit: Visit, held: Held, kind: str, name: ResourceId) -> bool:
    version = held.current(kind, name)
    if version is None or version.deleted:
        return False
    own = version.origin == visit.ask.caller.organization
    # who may only write refers to what they wrote; what is sealed is not there for them either
    written = own and isinstance(visit.decides(version.item), Permit)
    return (written or visit.sees(version.item)) and known(visit.ask.caller, version)


def _refuse(changes: Sequence[Change], texts: Collection[str], why: str) -> None:
    if texts:
        places = [
            place
            for change in changes
            if change.resource is not None
            for place in references.places(change.resource, change.path, texts)
        ]
        places = places or [change.path for change in changes if _brings(change, texts)]
        raise Invalid([Issue(why, place, "not-found") for place in places[:NAMED_MAX]])


def _brings(change: Change, texts: Collection[str]) -> bool:
    """Whether an address in it that is no reference leads to one of them."""
    patients = {name.patient for text in texts if (name := resource_id(text.partition("/")[2]))}
    return any(
        text in texts
        for patient in patients
        for text in compartment.addressed(change.resource or {}, patient)
    )
