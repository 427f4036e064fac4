"""Every door to a record, as a request and as what the oracle lets it show.

A door names the route of dmp.fhir.routes that it goes through: tests/use_cases/test_matrix.py fails
for a route that has no door and no reason in ELSEWHERE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dmp.domain.decision import Item
from tests.scenes import LAB, Scene, mark, observation
from tests.views import View

MARKS = {
    "consent": "Consentement du patient",
    "journal": '"AuditEvent"',
    "leaf": '"salt"',
    "usage": '"usages":[{',
}
CONDITIONS = "Observation?patient={id}&category=laboratory"
OBSERVATIONS = ("lab", "psy", "own")


Shown = Callable[[View], Iterable[str]]
Sent = Callable[[Scene], object]


@dataclass(frozen=True)
class Door:
    """`shows` what an answer shows at most and at least; `changes` whether the record changes.

    `at_most`: less is sound too, for what else the door asks. None of `changes` is not judged.
    `open` doors answer whoever has a token: they read no record, or their entries answer alone.
    """

    name: str
    route: str
    request: str
    shows: Shown = lambda _: ()
    body: Sent | None = None
    headers: dict[str, str] = field(default_factory=dict)
    changes: Callable[[View], bool] | None = lambda _: False
    at_most: bool = False
    open: bool = False


def _reads() -> list[Door]:
    made = []
    instance = "/fhir/{type}/{id}"
    shapes = [
        ("read", f"get {instance}", "GET /fhir/{ref}"),
        ("vread", f"get {instance}/_history/{{vid}}", "GET /fhir/{ref}/_history/1"),
        ("history", f"get {instance}/_history", "GET /fhir/{ref}/_history"),
    ]
    for item in ("patient", "encounter", *OBSERVATIONS, "condition", "report", "composition"):
        for name, route, request in shapes:
            url = request.replace("ref}", item + "}")
            made.append(Door(f"{name} {item}", route, url, lambda v, i=item: v.shows("r", i)))
    made += [
        Door("$meta", f"get {instance}/$meta", "GET /fhir/{lab}/$meta"),
        Door("$meta by form", f"post {instance}/$meta", "POST /fhir/{lab}/$meta",
             body=lambda _: "", headers={"Content_Type": "application/x-www-form-urlencoded"}),
    ]  # fmt: skip
    return made


def _joined(v: View, first: str, *then: str) -> Iterable[str]:
    """A match, and each companion whose predecessor is there."""
    shown = [*v.shows("s", first)]
    for name in then:
        if len(shown) != then.index(name) + 1:
            break
        shown += v.shows("r", name)
    return shown


def _both(v: View, first: str, other: str) -> Iterable[str]:
    """A match that hangs on another item."""
    return v.shows("s", first) if v.shows("s", other) else ()


FORM = {"Content_Type": "application/x-www-form-urlencoded"}
JSON_PATCH = {"Content_Type": "application/json-patch+json"}
_TYPE = "/fhir/{type}"


def _search(name: str, query: str, shows: Shown) -> Door:
    return Door(name, f"get {_TYPE}", f"GET /fhir/{query}", shows)


def _searches() -> list[Door]:
    everything = (
        "patient", "encounter", *OBSERVATIONS, "condition", "report", "composition", "consent",
    )  # fmt: skip
    patient = "/fhir/Patient/{id}/$everything"

    def whole(v: View) -> Iterable[str]:
        return v.shows("r", *everything) if v.guest.reaches("r", "Patient", "patient") else ()

    def document(v: View) -> Iterable[str]:
        own = v.shows("r", "composition")
        return own and {*own, *v.shows("r", "report", "patient")}

    def every(v: View) -> Iterable[str]:
        return v.shows("s", *OBSERVATIONS)

    return [
        _search("search", "Observation?patient={id}", every),
        _search("search by code", "Observation?patient={id}&code=2339-0", every),
        _search("search by label", "Observation?patient={id}&_security=PSY",
                lambda v: v.shows("s", "psy")),
        _search("search conditions", "Condition?patient={id}", lambda v: v.shows("s", "condition")),
        _search("search the patient", "Patient?_id={id}", lambda v: v.shows("s", "patient")),
        _search("count", "Observation?patient={id}&_summary=count", lambda _: ()),
        _search("sorted", "Observation?patient={id}&_sort=-date&_count=3", every),
        _search("elements", "Observation?patient={id}&_elements=note", every),
        _search("chained", "Observation?patient={id}&encounter.status=finished",
                lambda v: _both(v, "lab", "encounter")),
        _search("reverse chained", "Encounter?patient={id}&_has:Observation:encounter:code=2339-0",
                lambda v: _both(v, "encounter", "lab")),
        _search("included", "DiagnosticReport?patient={id}&_include=DiagnosticReport:result",
                lambda v: _joined(v, "report", "lab")),
        _search("included in reverse", "Encounter?patient={id}&_revinclude=Observation:encounter",
                lambda v: _joined(v, "encounter", "lab")),
        _search("included on", "Composition?patient={id}&_include=Composition:entry"
                "&_include:iterate=DiagnosticReport:result",
                lambda v: _joined(v, "composition", "report", "lab")),
        Door("search by form", f"post {_TYPE}/_search", "POST /fhir/Observation/_search", every,
             body=lambda s: f"patient={s.id}", headers=FORM),
        Door("type history", f"get {_TYPE}/_history", "GET /fhir/Observation/_history?patient={id}",
             every),
        Door("$lastn", "get /fhir/Observation/$lastn",
             "GET /fhir/Observation/$lastn?patient={id}&code=2339-0&max=9", every),
        Door("$everything", f"get {patient}", "GET /fhir/Patient/{id}/$everything", whole),
        Door("$everything by form", f"post {patient}", "POST /fhir/Patient/{id}/$everything",
             whole, body=lambda _: "_count=100", headers=FORM),
        Door("$document", "get /fhir/Composition/{id}/$document",
             "GET /fhir/{composition}/$document", document),
        Door("$document by form", "post /fhir/Composition/{id}/$document",
             "POST /fhir/{composition}/$document", document,
             body=lambda _: "persist=false", headers=FORM),
        Door("by identifier", f"get {_TYPE}", "GET /fhir/Patient?identifier=urn:ma:cin|AB12345"),
    ]  # fmt: skip


def _changed(name: str) -> Sent:
    def body(scene: Scene) -> object:
        within = {"encounter": {"reference": scene.reference("encounter")}}
        content = observation(scene, "new", category=[LAB], **within)
        return {**content, "id": scene.items[name].id}

    return body


def _updated(v: View) -> bool:
    return v.changes("u", "lab") and v.refers("encounter")


def _amended(_: Scene) -> object:
    return [{"op": "replace", "path": "/status", "value": "amended"}]


def _patched(v: View) -> Iterable[str]:
    return v.told("lab") if v.changes("u", "lab") else ()


def _found(v: View) -> bool:
    """Whether criteria find the laboratory result: they need no scope but the change's own."""
    return "lab" in v.seen


def _writes() -> list[Door]:
    one, new = "/fhir/{type}/{id}", lambda s: observation(s, "new")
    return [
        Door("create", f"post {_TYPE}", "POST /fhir/Observation", body=new,
             changes=lambda v: v.creates()),
        Door("create unless", f"post {_TYPE}", "POST /fhir/Observation",
             lambda v: v.told("lab") if v.guest.reaches("c", "Observation", "new") else (),
             new, {"If_None_Exist": "patient={id}&category=laboratory"}, None, at_most=True),
        Door("update", f"put {one}", "PUT /fhir/{lab}", body=_changed("lab"),
             changes=_updated),
        Door("update own", f"put {one}", "PUT /fhir/{own}",
             body=lambda s: {**observation(s, "new"), "id": s.items["own"].id},
             changes=lambda v: v.changes("u", "own")),
        Door("update another's", f"put {one}", "PUT /fhir/{psy}", body=_changed("psy"),
             headers={"If_Match": 'W/"9"'}),
        Door("patch", f"patch {one}", "PATCH /fhir/{lab}", _patched, _amended, JSON_PATCH,
             lambda v: v.changes("u", "lab")),
        Door("delete", f"delete {one}", "DELETE /fhir/{lab}",
             changes=lambda v: v.changes("d", "lab")),
        Door("conditional update", f"put {_TYPE}", "PUT /fhir/" + CONDITIONS,
             body=lambda s: observation(s, "new", category=[LAB]), changes=None),
        Door("conditional patch", f"patch {_TYPE}", "PATCH /fhir/" + CONDITIONS,
             lambda v: _patched(v) if _found(v) else (), _amended, JSON_PATCH,
             lambda v: _found(v) and v.changes("u", "lab")),
        Door("conditional delete", f"delete {_TYPE}", "DELETE /fhir/" + CONDITIONS,
             changes=lambda v: _found(v) and v.changes("d", "lab")),
        Door("validate", f"post {_TYPE}/$validate", "POST /fhir/Observation/$validate",
             body=lambda s: {**observation(s, "new"), "id": s.items["lab"].id}, open=True),
        Door("batch of reads", "post /fhir", "POST /fhir",
             lambda v: v.shows("r", "lab") | v.shows("s", *OBSERVATIONS), _batch("batch"),
             open=True),
        Door("transaction of reads", "post /fhir", "POST /fhir",
             lambda v: v.shows("r", "lab") | v.shows("s", *OBSERVATIONS), _batch("transaction"),
             open=True),
        Door("transaction", "post /fhir", "POST /fhir", body=_transaction,
             changes=lambda v: v.creates() and _updated(v)),
    ]  # fmt: skip


def _batch(kind: str) -> Sent:
    def body(scene: Scene) -> object:
        urls = scene.reference("lab"), f"Observation?patient={scene.id}"
        entries = [{"request": {"method": "GET", "url": url}} for url in urls]
        return {"resourceType": "Bundle", "type": kind, "entry": entries}

    return body


def _transaction(scene: Scene) -> object:
    lab = scene.reference("lab")
    pairs = [
        ("POST", "Observation", observation(scene, "new")),
        ("PUT", lab, _changed("lab")(scene)),
    ]
    entries = [{"resource": r, "request": {"method": m, "url": u}} for m, u, r in pairs]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _parameters(*members: tuple[str, str]) -> Sent:
    def body(scene: Scene) -> object:
        values: list[dict[str, Any]] = [
            {"name": "patient", "valueReference": {"reference": f"Patient/{scene.id}"}}
        ]
        values += [{"name": name.split()[0], name.split()[1]: value} for name, value in members]
        return {"resourceType": "Parameters", "parameter": values}

    return body


def _consent_doors() -> list[Door]:
    at, one = "/fhir/Consent", "/fhir/Consent/{id}"

    def shown(v: View) -> Iterable[str]:
        return v.shows("r", "consent")

    def found(v: View) -> Iterable[str]:
        return v.shows("s", "consent")

    words = ("text valueString", "Trouvé inconscient sur la voie publique")
    return [
        Door("consents", f"get {at}", "GET /fhir/Consent?patient={id}", found),
        Door("consents by form", f"post {at}/_search", "POST /fhir/Consent/_search", found,
             body=lambda s: f"patient={s.id}", headers=FORM),
        Door("consent", f"get {one}", "GET /fhir/Consent/{kept}", shown),
        Door("consent's history", f"get {one}/_history", "GET /fhir/Consent/{kept}/_history",
             shown),
        Door("consent's version", f"get {one}/_history/{{vid}}",
             "GET /fhir/Consent/{kept}/_history/1", shown),
        Door("$validate a consent", f"post {at}/$validate", "POST /fhir/Consent/$validate",
             body=lambda s: {"resourceType": "Consent", "id": s.consents[0]}, open=True),
        Door("revoke", f"delete {one}", "DELETE /fhir/Consent/{kept}", changes=lambda v: (
            v.may("write", Item("Consent", "c", "patient"))
            and v.guest.reaches("d", "Consent", "consent"))),
        Door("$request", f"post {at}/$request", "POST /fhir/Consent/$request",
             body=_parameters()),
        Door("$grant", f"post {at}/$grant", "POST /fhir/Consent/$grant",
             body=_parameters(("code valueString", "000000"))),
        Door("$break-glass", f"post {at}/$break-glass", "POST /fhir/Consent/$break-glass",
             body=_parameters(("reason valueCode", "UNCONSCIOUS"), words), changes=None),
        Door("$explain", f"post {at}/$explain", "POST /fhir/Consent/$explain",
             body=lambda _: {"resourceType": "Parameters"}),
        Door("$simulate", f"post {at}/$simulate", "POST /fhir/Consent/$simulate",
             body=lambda s: {"resourceType": "Parameters", "parameter": [
                 {"name": "seal", "valueReference": {"reference": s.reference("lab")}}]}),
        Door("$contest", f"post {one}/$contest", "POST /fhir/Consent/{kept}/$contest",
             body=lambda _: {"resourceType": "Parameters", "parameter": [
                 {"name": "text", "valueString": words[1]}]}),
    ]  # fmt: skip


def _journal_doors() -> list[Door]:
    audit = "/fhir/AuditEvent"
    return [
        Door("journal", f"get {audit}", "GET /fhir/AuditEvent?patient={id}",
             lambda v: v.shows("s", "journal")),
        Door("journal by form", f"post {audit}/_search", "POST /fhir/AuditEvent/_search",
             lambda v: v.shows("s", "journal"), body=lambda s: f"patient={s.id}", headers=FORM),
        Door("journal entry", f"get {audit}/{{id}}", "GET /fhir/AuditEvent/{entry}",
             lambda v: v.shows("r", "journal")),
        Door("leaf", "get /journal/entry/{id}", "GET /journal/entry/{entry}",
             lambda v: v.shows("r", "leaf")),
        Door("usage", "get /journal/usage", "GET /journal/usage?patient={id}",
             lambda v: ["usage"] if v.shows("s", "journal") else ()),
        Door("export", "get /journal/export", "GET /journal/export?patient={id}",
             lambda v: v.shows("s", "journal")),
        Door("proof", "get /journal/proof/{id}", "GET /journal/proof/{entry}"),
        Door("reviews", "get /reviews", "GET /reviews"),
        Door("review", "get /reviews/{id}", "GET /reviews/{kept}"),
        Door("answer to a review", "put /reviews/{id}", "PUT /reviews/{kept}",
             body=lambda _: {"outcome": "justified", "answer": "Rien à redire"},
             headers={"If_Match": '"open"', "Content_Type": "application/json"}),
    ]  # fmt: skip


DOORS = (*_reads(), *_searches(), *_writes(), *_consent_doors(), *_journal_doors())
_PLACES = "tests/use_cases/test_preferences.py: tells the session its own contact and rhythm"
_APPS = "tests/functions/test_apps.py: tells the person which apps they let in, nothing of a record"
_OWN = "tests/functions/test_passkeys.py: the session's own credentials, nothing of a record"
_CREDENTIALS = {
    "get": ("passkeys",), "delete": ("passkeys/{id}", "pin"), "put": ("passkeys/{id}", "pin"),
    "post": ("passkeys", "passkeys/challenge", "passkeys/proof", "passkeys/registration", "pin",
             "recovery-codes", "recovery-codes/proof"),
}  # fmt: skip
ELSEWHERE = {
    **{f"{method} /oauth2/{at}": _OWN for method, paths in _CREDENTIALS.items() for at in paths},
    "get /preferences": _PLACES,
    "put /preferences": _PLACES,
    "post /preferences/contact": _PLACES,
    "post /preferences/contact/confirmation": _PLACES,
    "post /contacts/{id}": "tests/use_cases/test_contact_changes.py: tells nothing of a record",
    "post /launches": _APPS,
    "get /apps": _APPS,
    "delete /apps/{id}": _APPS,
    "put /fhir/Consent/{id}": "tests/use_cases/test_consent_changes.py: as create and revoke",
    "post /fhir/Consent": "tests/use_cases/test_consent_changes.py: needs strength besides",
}


def sent(door: Door, scene: Scene, entry: str) -> tuple[str, object, dict[str, str]]:
    """The request as it goes out: URL, body and headers filled in."""
    names: dict[str, str] = {name: scene.reference(name) for name in scene.items}
    names |= {"id": scene.id, "kept": scene.consents[0], "entry": entry}
    body = door.body(scene) if door.body else None
    if isinstance(body, list):
        body = json.dumps(body)
    headers = {name: value.format_map(names) for name, value in door.headers.items()}
    return door.request.format_map(names), body, headers


def shown_in(text: str, scene: Scene) -> frozenset[str]:
    """The items whose mark stands in the answer."""
    marks = {**{name: mark(name) for name in scene.items}, **MARKS}
    return frozenset(name for name, sign in marks.items() if sign in text)
