"""Search as a client meets it: subsets, totals, leniency, companions, scopes and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from dmp.domain.consent import Data, Provision, Standing
from dmp.domain.identifiers import commit_id
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, NotFound, ScopeMissing
from dmp.fhir import capability, compartment
from dmp.fhir.search_parameters import parameters_of
from dmp.fhir.validator import validate
from dmp.use_cases.access_queries import Request
from dmp.use_cases.listings import PAGE_BYTES_MAX
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.shelf import BASE, DOCTOR, NOW, PID, Json, Shelf, parsed, version_of
from tests.world import World

OPEN = Standing(7, "basic-normal", (), owner=PID)
SUBJECT = {"reference": f"Patient/{PID}"}
TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
Pairs = list[tuple[str, str]]


def name(at: int) -> str:
    return f"{PID}.{commit_id(NOW - 3_600_000 + at, at)}.0000"


def placed(kind: str, at: int, **members: object) -> Version:
    own = PID if kind == "Patient" else name(at)
    resource = {"resourceType": kind, "id": own, "meta": {"versionId": "1"}, **members}
    return version_of(resource, commit_id(NOW - 3_600_000 + at, at))


def result(at: int, **members: object) -> Version:
    code = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}
    told = {"status": "final", "code": code, "subject": SUBJECT, **members}
    return placed("Observation", at, **told)


def shelf(*versions: Version) -> Shelf:
    return Shelf([placed("Patient", 0, name=[{"family": "Alaoui"}]), *versions], OPEN)


def ask(record: Shelf, query: str, kind: str = "Observation", *, lenient: bool = False) -> Json:
    pairs = parse_qsl(query, keep_blank_values=True)
    return parsed(record.ask(kind, [("patient", PID), *pairs], lenient=lenient))


def shown(bundle: Json, mode: str = "match") -> list[Json]:
    return [e["resource"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def links(bundle: Json) -> dict[str, str]:
    return {x["relation"]: x["url"] for x in bundle["link"]}


def onward(record: Shelf, bundle: Json, kind: str = "Observation") -> Json:
    return parsed(record.ask(kind, parse_qsl(urlsplit(links(bundle)["next"]).query)))


def test_subsets_keep_what_gives_meaning_and_say_that_they_are_subsets() -> None:
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    note = [{"text": "n"}]
    record = shelf(result(1, text=narrative, note=note, valueInteger=5, language="fr"))

    def keys(query: str) -> set[str]:
        (one,) = shown(ask(record, query))
        assert TAG in one["meta"]["tag"]
        assert validate(one) == []
        return set(one) - {"resourceType", "id", "meta"}

    assert keys("_summary=true") == {"status", "code", "subject", "valueInteger"}
    assert keys("_summary=text") == {"status", "code", "text"}
    assert keys("_summary=data") == {
        "status",
        "code",
        "subject",
        "note",
        "valueInteger",
        "language",
    }
    assert keys("_elements=value,note") == {"status", "code", "valueInteger", "note"}
    assert keys("_elements=valueInteger") == {"status", "code", "valueInteger"}
    (whole,) = shown(ask(record, "_summary=false"))
    assert "tag" not in whole["meta"]


def test_modifier_elements_stay_in_every_subset() -> None:
    allergy = placed("AllergyIntolerance", 1, patient=SUBJECT,
                     verificationStatus={"coding": [{"code": "entered-in-error"}]})  # fmt: skip
    (one,) = shown(ask(shelf(allergy), "_elements=note", "AllergyIntolerance"))
    assert "verificationStatus" in one


def test_decimals_of_a_subset_keep_their_precision() -> None:
    body = result(1).body.replace(b'"status"', b'"valueQuantity":{"value":72.50},"status"')
    record = shelf(result(1)._replace(body=body))
    assert b'"value":72.50' in record.ask("Observation", [("patient", PID), ("_summary", "data")])


@pytest.mark.parametrize("query", ["_summary=count", "_count=0", "_summary=count&_elements=id"])
def test_a_count_shows_nothing_else(query: str) -> None:
    found = ask(shelf(result(1), result(2)), query)
    assert found["total"] == 2
    assert "entry" not in found


def test_totals_are_given_unless_none_is_wanted() -> None:
    record = shelf(result(1), result(2))
    assert ask(record, "_total=accurate")["total"] == 2
    assert ask(record, "_total=estimate&_count=1")["total"] == 2
    assert "total" not in ask(record, "_total=none")


def test_strict_refuses_by_name_and_lenient_warns() -> None:
    record = shelf(result(1))
    with pytest.raises(BadParameter) as refused:
        ask(record, "colour=red")
    assert refused.value.issues[0].expression == "colour"

    found = ask(record, "colour=red&subject.shoe=42&code=2339-0", lenient=True)

    assert found["total"] == 1
    (outcome,) = shown(found, "outcome")
    assert [i["severity"] for i in outcome["issue"]] == ["warning"] * 2
    assert [i["expression"] for i in outcome["issue"]] == [["colour"], ["subject.shoe"]]
    assert "colour" not in links(found)["self"]
    assert "code=2339-0" in links(found)["self"]
    assert validate(found) == []
    for query in ("code:foo=1", "date=x", "_sort=x", "_include=x"):
        with pytest.raises(BadParameter):
            ask(record, query, lenient=True)


def test_iteration_goes_on_and_plain_includes_do_not() -> None:
    base = result(1, encounter={"reference": f"Encounter/{name(5)}"})
    derived = result(2, derivedFrom=[{"reference": f"Observation/{name(1)}"}], status="amended")
    inner = placed("Encounter", 5, status="finished", partOf={"reference": f"Encounter/{name(6)}"})
    record = shelf(base, derived, inner, placed("Encounter", 6, status="planned"))

    def along(query: str) -> list[str]:
        return [r["id"] for r in shown(ask(record, "status=amended&" + query), "include")]

    assert along("_include=Observation:derived-from") == [name(1)]
    once = "_include=Observation:derived-from&_include=Observation:encounter"
    assert along(once) == [name(1)]
    far = "_include=Observation:derived-from&_include:iterate=Observation:encounter"
    assert along(far) == [name(1), name(5)]
    assert along(far + "&_include:iterate=Encounter:part-of") == [name(1), name(5), name(6)]
    assert along("_include=*") == [PID, name(1)] or along("_include=*") == [name(1), PID]
    assert along("_include=Observation:*&_include:iterate=*")[0] in (PID, name(1))


def test_scopes_bound_what_is_joined_and_included() -> None:
    record = shelf(result(1))
    narrow = replace(DOCTOR, scopes=("user/Observation.rs", "user/Patient.r"))

    def search(query: str) -> Json:
        request = Request(narrow, "r", "q")
        pairs = [("patient", PID), *parse_qsl(query)]
        return parsed(record.queries().search(request, "Observation", pairs))

    assert [r["id"] for r in shown(search("_include=Observation:subject"), "include")] == [PID]
    with pytest.raises(ScopeMissing, match="search on Patient"):
        search("subject:Patient.family=a")
    with pytest.raises(ScopeMissing, match="search on Provenance"):
        search("_has:Provenance:target:recorded=2026")
    narrow = replace(DOCTOR, scopes=("user/Observation.rs",))
    assert shown(search("_include=Observation:subject"), "include") == []


def test_what_only_the_patient_may_read_is_never_along() -> None:
    consent = placed("Consent", 3, status="active", patient=SUBJECT)
    found = parsed(
        shelf(consent).ask("Patient", [("_id", PID), ("_revinclude", "Consent:patient")])
    )
    assert (found["total"], shown(found, "include")) == (1, [])
    chained = [("_id", PID), ("_has:Consent:patient:status", "active")]
    assert parsed(shelf(consent).ask("Patient", chained))["total"] == 0


def test_companions_that_do_not_fit_follow_on_the_next_pages() -> None:
    heavy = [result(i, note=[{"text": "x" * 900_000}]) for i in range(1, 9)]
    record = shelf(*heavy)
    pairs = [("_id", PID), ("_revinclude", "Observation:subject")]
    bundle = parsed(record.ask("Patient", pairs))
    seen = [bundle]
    while "next" in links(seen[-1]):
        seen.append(onward(record, seen[-1], "Patient"))

    assert [len(shown(b)) for b in seen] == [1] + [0] * (len(seen) - 1)
    assert [r["id"] for b in seen for r in shown(b, "include")] == [v.id for v in heavy]
    assert all(sum(len(str(e)) for e in b["entry"]) < PAGE_BYTES_MAX + 10_000 for b in seen)


class Later(Shelf):
    """A record that others write to between two pages."""

    def commit(self, *versions: Version) -> None:
        self.versions += versions


def test_page_two_continues_what_page_one_saw() -> None:
    young = [result(i)._replace(commit=commit_id(NOW - 1000 + i, i)) for i in range(1, 5)]
    record = Later([placed("Patient", 0), *young], OPEN)
    first = ask(record, "_count=2&_sort=status")
    late = result(0)._replace(id=name(9), commit=commit_id(NOW - 20_000, 1))  # seen late
    changed = young[2]._replace(version=2, commit=commit_id(NOW + 5, 5), deleted=True)
    record.commit(late, changed, result(8)._replace(commit=commit_id(NOW + 9, 9)))

    second = onward(record, first)

    assert [r["id"] for r in [*shown(first), *shown(second)]] == [v.id for v in young]
    assert second["total"] == 4
    assert ask(record, "_summary=count")["total"] == 5


def test_a_seal_between_two_pages_skips_nothing_else() -> None:
    record = shelf(*(result(i) for i in range(1, 6)))
    first = ask(record, "_count=2")
    seal = Provision("c", "", "deny", (), Data(items=(f"Observation/{name(2)}",)))
    record.standing = replace(OPEN, version=8, provisions=(seal,))

    second = onward(record, first)

    assert [r["id"] for r in shown(second)] == [name(3), name(4)]
    assert second["total"] == 4


def test_the_marks_of_a_busy_minute_fit_a_link() -> None:
    young = [result(i)._replace(commit=commit_id(NOW - 29_000 + i, i)) for i in range(1, 900)]
    bundle = ask(shelf(*young), "_count=100")
    assert len(links(bundle)["next"]) < 4000
    assert State().fold(young, young[3].commit, also=None).newest == young[3].commit


def test_every_type_is_searched_by_each_of_its_parameters() -> None:
    values = {"token": "a", "string": "a", "reference": "a", "date": "2026", "number": "1",
              "quantity": "1", "uri": "a", "special": "34|-6.8|5|km"}  # fmt: skip
    record = shelf(
        *(placed(k, i) for i, k in enumerate(sorted(compartment.served() - {"Patient"})))
    )
    for kind in sorted(compartment.served()):
        told = {r["type"]: r for r in _rest()["resource"]}[kind]
        assert {p["name"] for p in told["searchParam"]} == set(parameters_of(kind))
        for code in (p["name"] for p in told["searchParam"]):
            if parameters_of(kind)[code]["type"] in values:
                pairs = [*_about(kind), (code, values[parameters_of(kind)[code]["type"]])]
                if code not in ("patient", "subject", "_id"):
                    record.ask(kind, pairs)
            record.ask(kind, [*_about(kind), (f"{code}:missing", "true")])
    with pytest.raises(NotFound):
        record.ask("Group", [("patient", PID)])


def test_every_include_that_is_told_is_served() -> None:
    record = shelf(result(1))
    for told in _rest()["resource"]:
        kind = told["type"]
        if kind not in compartment.served():
            assert "searchInclude" not in told
            continue
        for values, code in ((told.get("searchInclude", []), "_include"),
                             (told.get("searchRevInclude", []), "_revinclude")):  # fmt: skip
            for at in range(0, len(values), 50):
                record.ask(kind, [*_about(kind), *((code, v) for v in values[at : at + 50])])


def _rest() -> Json:
    rest: Json = capability.capability_statement("https://dmp.test")["rest"][0]
    return rest


def _about(kind: str) -> Pairs:
    return [("_id" if kind == "Patient" else "patient", PID)]


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def test_a_form_finds_what_a_query_finds_in_four_calls(clinic: Clinic) -> None:
    clinic.observe()
    query = (
        f"patient={clinic.id}&subject:Patient.family=el&_sort=-date&_include=Observation:subject"
    )
    form = {"Content_Type": "application/x-www-form-urlencoded"}

    with counted() as calls:
        got = clinic.world.call(f"GET /fhir/Observation?{query}", clinic.doctor)
    posted = clinic.world.call("POST /fhir/Observation/_search", clinic.doctor, query, **form)

    assert got.status == posted.status == 200, got.body
    assert {**got.json, "meta": 0} == {**posted.json, "meta": 0}
    assert [e["search"]["mode"] for e in got.json["entry"]] == ["match", "include"]
    assert len([c for c in calls if c != "Decrypt"]) == 4


def test_the_preference_is_read_from_its_header(clinic: Clinic) -> None:
    request = f"GET /fhir/Observation?patient={clinic.id}&colour=red"
    strict = clinic.world.call(request, clinic.doctor, Prefer="handling=strict")
    assert strict.status == 400
    assert strict.json["issue"][0]["expression"] == ["colour"]
    lenient = clinic.world.call(request, clinic.doctor, Prefer="return=minimal; handling=lenient")
    assert lenient.status == 200
    assert lenient.json["entry"][-1]["search"]["mode"] == "outcome"
    assert BASE not in lenient.body
