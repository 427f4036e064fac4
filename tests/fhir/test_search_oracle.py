"""Search against brute force on made-up records: what is found, counted, included, and its order.

Each answer is also compared, byte for byte, with that of a record in which nothing of what is
hidden was ever written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from hypothesis import event, given, note
from hypothesis import strategies as st

from tests.brute import Brute, name_of, ordered
from tests.shelf import BASE, PID, Json, Made, Shelf, parsed, records

Pairs = list[tuple[str, str]]
PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"])
DATES = st.sampled_from(["2024", "2024-02", "2024-02-29", "2025-01-01", "2024-12-31T23:00:00Z"])
NUMBERS = st.sampled_from(["1", "1.0", "0.8", "80", "80.5", "176.37", "0.005", "12", "10.67"])
UNITS = st.sampled_from(["mg/dL", "g/L", "ug/mL", "kg", "g", "[lb_av]", "mm[Hg]", "kPa"])
QUANTITIES = st.one_of(
    st.builds(str.__add__, PREFIXES, NUMBERS),
    st.builds(lambda p, n, u: f"{p}{n}|http://unitsofmeasure.org|{u}", PREFIXES, NUMBERS, UNITS),
    st.builds(lambda p, n, u: f"{p}{n}||{u}", PREFIXES, NUMBERS, UNITS),
)
CODES = st.sampled_from(
    ["8480-6", "2339-0", "http://loinc.org|8480-6", "|x", "http://loinc.org|", "urn:t|a", "b", "a",
     "x,2339-0", "R", "final", "finished", "http://hl7.org/fhir/observation-status|amended"]
)  # fmt: skip
WORDS = st.sampled_from(["al", "Alaoui", "ALA", "elan", "ben", "li", "Ben,zaki"])
ENCOUNTERED = ["encounter", "encounter:Encounter"]


def _named(names: Sequence[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Pairs]:
    return st.tuples(st.sampled_from(names), values).map(lambda pair: [pair])


MISSING = st.sampled_from(["true", "false"])
OBSERVATIONS = st.one_of(
    _named(["code", "category", "status", "status:not", "code:not", "_tag", "_tag:not",
            "_security"], CODES),
    _named(["code:text", "category:text", "identifier:text"],
           st.sampled_from(["the", "CODE x", "num"])),
    _named(["identifier:of-type"], st.sampled_from(["urn:k|MR|7", "urn:k|XX|7", "urn:k|MR|8"])),
    _named(["value-quantity"], QUANTITIES),
    st.tuples(CODES.filter(lambda c: "," not in c), QUANTITIES).map(
        lambda p: [("code-value-quantity", "$".join(p))]
    ),
    _named(["date", "_lastUpdated"], st.builds(str.__add__, PREFIXES, DATES)),
    _named(["value-string", "value-string:exact", "value-string:contains"], WORDS),
    _named(["value-string:missing", "encounter:missing", "date:missing", "code:missing",
            "code-value-quantity:missing"], MISSING).filter(lambda p: "$" not in p[0][0]),
    _named(["_profile"], st.sampled_from(["http://example.org/p", "http://example.org/"])),
    _named(["encounter", "encounter:Encounter"],
           st.sampled_from(["nowhere", "@Encounter", "Encounter/@Encounter", "x,@Encounter"])),
    _named(["derived-from", "has-member", "encounter._has:Observation:encounter:_id"],
           st.sampled_from(["nowhere", "@Observation"])),
    _named(["performer", "performer:Practitioner"],
           st.sampled_from(["nowhere", "Practitioner/@Practitioner", "@Practitioner"])),
    _named(["performer:identifier", "encounter:identifier"],
           st.sampled_from(["urn:ma:inpe|1", "1", "urn:ma:inpe|2"])),
    _named([f"{e}.status" for e in ENCOUNTERED], CODES),
    _named([f"{e}.service-provider.name" for e in ENCOUNTERED], WORDS),
    _named(["encounter.service-provider.partof.name:contains",
            "encounter.part-of.service-provider.name",
            "performer.name", "performer:Organization.name", "performer:Practitioner.family",
            "subject.family", "patient.family:exact", "derived-from.performer.family"], WORDS),
    _named(["derived-from.value-quantity", "has-member.derived-from.value-quantity"], QUANTITIES),
    _named(["encounter.date", "encounter.part-of.date"], st.builds(str.__add__, PREFIXES, DATES)),
    _named(["_has:Observation:derived-from:code", "_has:Observation:has-member:status:not",
            "encounter._has:Observation:encounter:code", "encounter._tag",
            "_has:Observation:has-member:_has:Observation:derived-from:code"], CODES),
    _named(["_has:Provenance:target:agent.family",
            "_has:Observation:derived-from:encounter.service-provider.name"], WORDS),
)  # fmt: skip
OTHERS = {
    "Encounter": st.one_of(
        _named(["_has:Observation:encounter:code", "status", "class"], CODES),
        _named(["date"], st.builds(str.__add__, PREFIXES, DATES)),
        _named(["service-provider.name", "service-provider.partof.name"], WORDS),
        _named(["_has:Observation:encounter:value-quantity"], QUANTITIES),
    ),
    "Patient": st.one_of(
        _named(["_has:Observation:subject:code", "_has:Encounter:patient:status"], CODES),
        _named(["family", "family:exact", "family:contains"], WORDS),
    ),
    "RiskAssessment": _named(["probability"], st.builds(str.__add__, PREFIXES, NUMBERS)),
    "MedicationRequest": _named(["medication.code", "medication:Medication.code"], CODES),
    "Organization": _named(
        ["name", "partof.name", "_has:Encounter:service-provider:status"], WORDS
    ),
}
INCLUDES = st.sampled_from(
    [("_include", "Observation:encounter"), ("_include", "Observation:performer:Practitioner"),
     ("_include:iterate", "Encounter:service-provider"), ("_include:iterate", "Encounter:part-of"),
     ("_include:iterate", "Observation:derived-from"), ("_include", "Observation:subject"),
     ("_revinclude", "Provenance:target"), ("_revinclude", "Observation:derived-from"),
     ("_revinclude:iterate", "Provenance:target"), ("_include:iterate", "Provenance:agent"),
     ("_revinclude:iterate", "Observation:encounter"),
     ("_revinclude:iterate", "Observation:has-member")]
)  # fmt: skip
SORTS = st.sampled_from(
    ["", "date", "-date", "value-quantity", "-value-quantity,code", "code,-date",
     "status,-value-string", "encounter,_id", "-_id", "-_lastUpdated",
     "performer,-code,value-quantity"]
)  # fmt: skip


def pages(shelf: Shelf, kind: str, asked: Pairs) -> list[bytes]:
    """Every page, following the links."""
    found = [shelf.ask(kind, asked)]
    while link := {x["relation"]: x["url"] for x in parsed(found[-1])["link"]}.get("next"):
        split = urlsplit(link)
        assert f"https://{split.netloc}{split.path}" == f"{BASE}/{kind}"
        found.append(shelf.ask(kind, parse_qsl(split.query)))
        assert len(found) < 100
    return found


def entries(bundle: Json, mode: str) -> list[str]:
    return [name_of(e["resource"]) for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def compare(made: Made, kind: str, criteria: Pairs, rules: Pairs, shape: tuple[str, int]) -> None:
    """The doctor's pages with the brute force over what the doctor may see, and the two worlds."""
    note(json.dumps([made.resources, made.sealed, sorted(made.deleted)], default=str))
    sort, count = shape
    criteria = [(name, _placed(made, value)) for name, value in criteria]
    brute = Brute(made.visible())
    about = [("_id" if kind == "Patient" else "patient", PID)]
    own = [] if kind == "Organization" else about  # which only names the record
    expected = ordered(brute.search(kind, [*own, *criteria]), sort)
    asked = [
        *about,
        *criteria,
        *rules,
        *([("_sort", sort)] if sort else []),
        ("_count", str(count)),
    ]

    got = pages(made.whole(), kind, asked)

    assert got == pages(made.without(), kind, asked)
    bundles = [parsed(body) for body in got]
    assert [n for b in bundles for n in entries(b, "match")] == [name_of(r) for r in expected]
    assert {b["total"] for b in bundles} == {len(expected)}
    for i, bundle in enumerate(bundles):
        matched = expected[i * count : (i + 1) * count]
        assert len(entries(bundle, "match")) == len(matched)
        included = entries(bundle, "include")
        assert len(included) == len(set(included))
        assert set(included) == brute.include(matched, rules)
    event(f"matches: {min(len(expected), 2)}")
    event(f"pages: {min(len(bundles), 3)}")
    event(f"includes: {any(entries(b, 'include') for b in bundles)}")


def _placed(made: Made, value: str) -> str:
    """The value with `@Type` replaced by the id of the first of the type, hidden or not."""
    before, mark, kind = value.rpartition("@")
    ids = [r["id"] for r in made.resources if mark and r["resourceType"] == kind]
    return before + ids[0] if ids else value


def several(one: st.SearchStrategy[Pairs]) -> st.SearchStrategy[Pairs]:
    return st.lists(one, max_size=2).map(lambda all_: [pair for pairs in all_ for pair in pairs])


@given(
    records(),
    st.lists(several(OBSERVATIONS), min_size=5, max_size=8),
    st.lists(INCLUDES, max_size=6, unique=True),
    st.lists(SORTS, min_size=5, max_size=8),
    st.integers(1, 5),
)
def test_observations_are_what_brute_force_finds(
    made: Made, queries: list[Pairs], rules: Pairs, sorts: list[str], count: int
) -> None:
    for criteria, sort in zip(queries, sorts, strict=False):
        compare(made, "Observation", criteria, rules, (sort, count))


@given(records(), st.lists(OBSERVATIONS, min_size=8, max_size=16))
def test_each_criterion_alone(made: Made, queries: list[Pairs]) -> None:
    for criteria in queries:
        compare(made, "Observation", criteria, [], ("", 50))


@given(records(), st.data())
def test_other_types_are_what_brute_force_finds(made: Made, data: st.DataObject) -> None:
    for kind, strategy in OTHERS.items():
        compare(made, kind, data.draw(several(strategy)), [], ("", 3))
