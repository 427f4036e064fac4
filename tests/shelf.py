"""A record in memory for the reading doors, and records made up by Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from dmp.domain.caller import Caller
from dmp.domain.consent import Data, Provision, Standing
from dmp.domain.identifiers import base32hex, commit_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.record import State, Version
from dmp.fhir import compartment, json_reader
from dmp.use_cases.access_queries import AccessQueries, Request
from dmp.use_cases.ports import Door

Json = dict[str, Any]
NOW = 1_795_000_000_000
PID = "p" * 20
BASE = "https://dmp.test/fhir"
UCUM = "http://unitsofmeasure.org"
DOCTOR = Caller(
    "practitioner", "app", ("user/*.cruds",), "TREAT", NOW, "t", practitioner="200000001",
    organization="100000001", practitioner_id="pr", organization_id="or",
)  # fmt: skip


class Still:
    """A clock that stands still."""

    def now_ms(self) -> int:
        return NOW

    def random_bits(self, bits: int) -> int:
        return 1 << bits - 1


@dataclass
class Shelf:
    """Records, page links and journal of one patient; links are told apart by what they hold."""

    versions: list[Version]
    standing: Standing
    entries: list[Entry] = field(default_factory=list)

    def enter(self, *_: object) -> Door:
        rows = {key: {"active": True} for key in DOCTOR.registry_keys()[:-1]}
        return Door(PID, active=True, standing=self.standing, rows=rows, access_until=NOW)

    def state(self, _: Door, until: str = "", also: Container[str] | None = None) -> State:
        return State().fold(self.versions, until, also)

    def journal(self, _: Door, entry: Entry) -> None:
        self.entries.append(entry)

    def refuse(self, _: Door, entry: Entry, *_counted: object) -> None:
        self.entries.append(entry)

    def policy(self, _: str) -> int:
        return self.standing.version

    def seal_page(self, _: Door, plaintext: bytes) -> bytes:
        return plaintext

    def open_page(self, _: Door, token: bytes) -> bytes:
        return token

    def queries(self) -> AccessQueries:
        return AccessQueries(self, self, Still(), BASE)  # type: ignore[arg-type]  # what reads need

    def ask(self, kind: str, pairs: Sequence[tuple[str, str]], **changes: Any) -> bytes:
        """The bytes of one page, as the doctor gets them."""
        request = Request(DOCTOR, "r", "q", **changes)
        return self.queries().search(request, kind, pairs)


def version_of(resource: Mapping[str, Any], commit: str, number: int = 1) -> Version:
    """The resource as a commit holds it."""
    body = json_reader.write(resource)
    return Version(
        resource["resourceType"], resource["id"], number, instant(NOW), commit, "100000009",
        "100000009", body, labels=compartment.labels(resource),
        references=tuple(sorted(set(compartment.references(resource)))),
    )  # fmt: skip


def _referred(value: Any) -> list[str]:
    """What a resource refers to, at any depth."""
    if isinstance(value, list):
        return [text for item in value for text in _referred(item)]
    if not isinstance(value, dict):
        return []
    below = [text for item in value.values() for text in _referred(item)]
    return [*below, *([value["reference"]] if isinstance(value.get("reference"), str) else [])]


def standing_of(sealed: Sequence[str]) -> Standing:
    """Everything normal is open; the named items, and what is restricted, are not."""
    seal = Provision("c", "", "deny", (), Data(items=tuple(sealed)))
    return Standing(7, "basic-normal", (seal,) if sealed else (), owner=PID)


WORDS = st.sampled_from(["Alaoui", "alami", "Élan", "Benali", "ben", "Zaki"])
CODES = ["8480-6", "2339-0", "x"]
DATES = st.sampled_from(
    ["2024", "2024-02", "2024-02-29", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00+01:00",
     "2025-01-01", "2025-06-01T12:00:00.500Z"]
)  # fmt: skip
AMOUNTS = st.sampled_from(["1", "1.0", "5", "80", "80.5", "0.05", "120"])
UNITS = ["mg/dL", "g/L", "kg", "g", "[lb_av]", "mm[Hg]", "kPa"]


def _concept(code: str, system: str) -> Json:
    coding: Json = {"code": code, "display": f"Code {code}"}
    return {"coding": [{"system": system, **coding} if system else coding], "text": f"the {code}"}


CONCEPTS = st.builds(_concept, st.sampled_from(CODES), st.sampled_from(["http://loinc.org", ""]))


def _quantity(amount: str, unit: str, known: bool) -> Json:
    number = json_reader.reread(b'{"value":%b}' % amount.encode())
    return {**number, "unit": unit, **({"system": UCUM, "code": unit} if known else {})}


QUANTITIES = st.builds(_quantity, AMOUNTS, st.sampled_from(UNITS), st.booleans())
PERIODS = st.fixed_dictionaries({}, optional={"start": DATES, "end": DATES})
KINDS = ["Observation", "Encounter", "Practitioner", "Organization", "Provenance",
         "MedicationRequest", "Medication", "RiskAssessment"]  # fmt: skip
ALWAYS = [*["Observation"] * 5, *["Encounter"] * 2, "Organization", "Practitioner", "Provenance"]
FATES = st.sampled_from(["", "", "", "", "", "deleted", "changed"])


@dataclass
class Made:
    """A record: every resource's versions in the order written, and which items are sealed."""

    resources: list[Json]
    versions: list[Version]
    sealed: list[str]
    deleted: set[str]

    def __repr__(self) -> str:
        return f"{len(self.resources)} resources"

    def hidden(self, resource: Json) -> bool:
        """Whether the doctor may not see it, told without asking `decide`."""
        labels = {c["code"] for c in resource["meta"].get("security", ())}
        own = f"{resource['resourceType']}/{resource['id']}"
        return "R" in labels or not {own, *_referred(resource)}.isdisjoint(self.sealed)

    def visible(self) -> list[Json]:
        """What is there to be found."""
        return [r for r in self.resources if r["id"] not in self.deleted and not self.hidden(r)]

    def whole(self) -> Shelf:
        """The record as it is."""
        return Shelf(self.versions, standing_of(self.sealed))

    def without(self) -> Shelf:
        """The record in which nothing of what is hidden was ever written."""
        gone = {r["id"] for r in self.resources if self.hidden(r)}
        return Shelf([v for v in self.versions if v.id not in gone], standing_of(self.sealed))


@st.composite
def records(draw: st.DrawFn, most: int = 10) -> Made:
    """Some resources that refer to each other; some changed, deleted, labelled or sealed."""
    more = draw(st.lists(st.sampled_from(KINDS), max_size=most))
    kinds = ["Patient", *draw(st.permutations([*ALWAYS, *more]))]
    # the last ones are as young as the half minute before now
    commits = [commit_id(NOW - (len(kinds) - i) * 4000, i) for i in range(2 * len(kinds))]
    names: dict[str, list[str]] = {}
    for i, kind in enumerate(kinds):
        own = PID if kind == "Patient" else f"{PID}.{commits[i]}.{base32hex(i, 4)}"
        names.setdefault(kind, []).append(own)
    left = {kind: list(own) for kind, own in names.items()}
    made = Made([], [], [], set())
    for i, kind in enumerate(kinds):
        resource = {"resourceType": kind, "id": left[kind].pop(0), **draw(_content(kind, names))}
        resource["meta"] = {"lastUpdated": instant(NOW + i), **draw(_meta())}
        _put(made, resource, commits[i], draw(FATES))
        if kind != "Patient" and draw(st.sampled_from([False] * 7 + [True])):
            made.sealed.append(f"{kind}/{resource['id']}")
    return made


def _put(made: Made, resource: Json, commit: str, fate: str) -> None:
    later = commit[:-1] + "v"
    first = {**resource, "language": "fr"} if fate == "changed" else resource
    made.resources.append(resource)
    made.versions.append(version_of(first, commit))
    if fate == "changed":
        made.versions.append(version_of(resource, later, 2))
    elif fate == "deleted" and resource["resourceType"] != "Patient":
        was = version_of(resource, later, 2)
        made.versions.append(
            Version(was.type, was.id, 2, was.at, later, was.author, was.origin, deleted=True,
                    labels=was.labels, references=was.references)
        )  # fmt: skip
        made.deleted.add(resource["id"])


def _meta() -> st.SearchStrategy[Json]:
    coding = st.lists(st.sampled_from([{"system": "urn:t", "code": "a"}, {"code": "b"}]),
                      min_size=1, max_size=2)  # fmt: skip
    label = st.sampled_from([[{"system": "urn:l", "code": c}] for c in "NNNNNNR"])
    profile = st.just(["http://example.org/p"])
    return st.fixed_dictionaries(
        {}, optional={"tag": coding, "security": label, "profile": profile}
    )


def _reference(names: Mapping[str, list[str]], *kinds: str) -> st.SearchStrategy[Json]:
    known = [f"{kind}/{own}" for kind in kinds for own in names.get(kind, ())]
    known.append(f"{kinds[0]}/nowhere")
    literal = st.sampled_from(known).map(lambda text: {"reference": text})
    logical = st.just({"identifier": {"system": "urn:ma:inpe", "value": "1"}, "display": "Dr"})
    return st.one_of(literal, literal, literal, logical)


def _content(kind: str, names: Mapping[str, list[str]]) -> st.SearchStrategy[Json]:
    def to(*kinds: str) -> st.SearchStrategy[Json]:
        return _reference(names, *kinds)

    def some(*kinds: str) -> st.SearchStrategy[list[Json]]:
        return st.lists(to(*kinds), min_size=1, max_size=2)

    subject = st.just({"reference": f"Patient/{PID}"})
    status = st.sampled_from(["final", "amended"])
    number = {"system": "urn:lab", "value": "7",
              "type": {"coding": [{"system": "urn:k", "code": "MR"}],
                       "text": "Numéro"}}  # fmt: skip
    person = st.fixed_dictionaries({"name": WORDS.map(lambda w: [{"family": w}])})
    inside = st.tuples(CONCEPTS, to("Medication"), st.booleans()).map(_prescribed)
    contents: dict[str, st.SearchStrategy[Json]] = {
        "Observation": st.fixed_dictionaries(
            {"status": status, "code": CONCEPTS, "subject": subject},
            optional={
                "category": CONCEPTS.map(lambda c: [c]), "effectiveDateTime": DATES,
                "encounter": to("Encounter"), "performer": some("Practitioner", "Organization"),
                "valueQuantity": QUANTITIES, "valueString": WORDS, "identifier": st.just([number]),
                "derivedFrom": some("Observation"), "hasMember": some("Observation"),
            },
        ),
        "Encounter": st.fixed_dictionaries(
            {"status": st.sampled_from(["finished", "planned"]), "subject": subject,
             "class": st.just({"system": "urn:c", "code": "AMB"})},
            optional={"period": PERIODS, "partOf": to("Encounter"),
                      "serviceProvider": to("Organization")},
        ),
        "Patient": st.fixed_dictionaries(
            {"name": WORDS.map(lambda w: [{"family": w}]), "birthDate": st.just("1980-05-01")}
        ),
        "Practitioner": person,
        "Organization": st.fixed_dictionaries(
            {"name": WORDS}, optional={"partOf": to("Organization")}
        ),
        "Provenance": st.fixed_dictionaries(
            {"target": some("Observation", "Encounter"),
             "agent": some("Practitioner").map(lambda all_: [{"who": one} for one in all_])}
        ),
        "MedicationRequest": st.tuples(inside, subject).map(lambda p: {**p[0], "subject": p[1]}),
        "Medication": st.fixed_dictionaries({"code": CONCEPTS}),
        "RiskAssessment": AMOUNTS.map(_predicted),
    }  # fmt: skip
    return contents[kind]


def _predicted(amount: str) -> Json:
    number = b'{"prediction":[{"probabilityDecimal":%b}]}' % amount.encode()
    return {**json_reader.reread(number), "subject": {"reference": f"Patient/{PID}"}}


def _prescribed(parts: tuple[Json, Json, bool]) -> Json:
    code, reference, inside = parts
    status: Json = {"status": "active"}
    if not inside:
        return {**status, "medicationReference": reference}
    medication = {"resourceType": "Medication", "id": "m", "code": code}
    return {**status, "contained": [medication], "medicationReference": {"reference": "#m"}}


def parsed(body: bytes) -> Json:
    """A Bundle as a client reads it."""
    bundle: Json = json.loads(body)
    return bundle
