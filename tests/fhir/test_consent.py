"""Consents on IHE PCF compile to provisions; what breaches PCF, or is not served, says where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmp.domain.consent import Actor, Data, Provision
from dmp.domain.directory import ACT_REASON
from dmp.domain.refusals import Invalid
from dmp.fhir.consent import DIRECTION, GRANT, TYPE, compile_consent
from dmp.fhir.consent_references import ROLE as ROLES
from tests.fhir import examples
from tests.world import AMRANI, consent

AT = "2026-11-22T10:00:00.000Z"
ME = Actor("practitioner", AMRANI)
ANYONE = Actor("anyone")
TREATMENT = ("HOPERAT", "HPAYMT", "TREAT")
ROLE = consent("p")["provision"]["actor"][0]["role"]


def compiled(**provision: Any) -> tuple[Provision, ...]:
    return compile_consent(consent("p", **provision), "c", AT)


def actor(**reference: Any) -> dict[str, Any]:
    return {"role": ROLE, "reference": reference}


def inpe(value: str, kind: str | None = None) -> dict[str, Any]:
    typed = {"type": kind} if kind else {}
    return actor(identifier={"system": "urn:ma:inpe", "value": value}, **typed)


def test_a_basic_consent_is_one_provision() -> None:
    assert compiled() == (Provision("c", AT, "permit", (ME,)),)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (inpe("9"), (Actor("practitioner", "9"), Actor("organization", "9"))),
        (inpe("9", "Organization"), (Actor("organization", "9"),)),
        (actor(reference="Practitioner/x"), (Actor("practitioner", "x"),)),
        (actor(reference="Organization/x"), (Actor("organization", "x"),)),
        (actor(reference="CareTeam/t.u"), (Actor("care-team", "t.u"),)),
        (actor(reference="RelatedPerson/r"), (Actor("related-person", "r"),)),
        (
            actor(type="PractitionerRole", identifier={"system": ROLES, "value": "nurse"}),
            (Actor("role", "nurse"),),
        ),
        (actor(identifier={"system": ROLES, "value": "nurse"}), (Actor("role", "nurse"),)),
    ],
)
def test_actors_are_named_by_inpe_or_id(given: dict[str, Any], expected: tuple[Actor, ...]) -> None:
    assert compiled(actor=[given])[0].actors == expected


def test_without_actors_it_is_for_anyone() -> None:
    assert compiled(actor=[])[0].actors == (ANYONE,)


def test_purposes_directions_and_period_are_taken_over() -> None:
    made = compiled(
        purpose=[{"code": "TREAT"}, {"code": "ETREAT"}, {"code": "TREAT"}],
        period={"start": "2026-11-22T10:00:00+01:00", "end": "2026-11-30"},
        extension=[{"url": DIRECTION, "valueCode": "read"}],
    )[0]

    assert made.purposes == ("ETREAT", "TREAT")
    assert made.directions == ("read",)
    assert made.starts == "2026-11-22T09:00:00.000Z"
    assert made.ends == "2026-12-01T00:00:00.000Z"


def test_a_consent_may_never_end() -> None:
    assert compiled(period={"end": "9999-12-31"})[0].ends == "9999-12-31T23:59:59.999Z"


def test_data_labels_and_dates_narrow_it() -> None:
    made = compiled(
        data=[
            {"meaning": "instance", "reference": {"reference": "Observation/a"}},
            {"meaning": "related", "reference": {"reference": "Encounter/e"}},
            {
                "meaning": "authoredby",
                "reference": {
                    "type": "Organization",
                    "identifier": {"system": "urn:ma:inpe", "value": "100000001"},
                },
            },
        ],
        securityLabel=[{"code": "PSY"}],
        dataPeriod={"start": "2025", "end": "2026-06-30T23:00:00Z"},
    )[0]

    assert made.data == Data(
        ("Observation/a",), ("Encounter/e",), ("100000001",), (), ("PSY",), ("2025", "2026-06-30")
    )


def test_an_exception_has_what_its_root_narrowed() -> None:
    root, nested = compiled(
        type="deny",
        actor=[],
        data=[{"meaning": "instance", "reference": {"reference": "Observation/a"}}],
        purpose=[{"code": "TREAT"}],
        period={"start": "2026", "end": "2027"},
        provision=[{"type": "permit", "actor": [inpe(AMRANI, "Practitioner")],
                    "period": {"start": "2025", "end": "2026-11"}}],
    )  # fmt: skip

    assert (root.effect, root.actors, root.nested) == ("deny", (ANYONE,), False)
    assert (nested.effect, nested.actors, nested.nested) == ("permit", (ME,), True)
    assert nested.data == root.data
    assert nested.purposes == ("TREAT",)
    assert (nested.starts, nested.ends) == (root.starts, "2026-12-01T00:00:00.000Z")


@pytest.mark.parametrize(
    "status", ["draft", "proposed", "rejected", "inactive", "entered-in-error"]
)
def test_only_an_active_consent_is_in_force(status: str) -> None:
    assert compile_consent({**consent("p"), "status": status}, "c", AT) == ()


Breach = Callable[[dict[str, Any]], object]


def at(*path: str | int, to: object) -> Breach:
    """Set one element; None takes it away."""

    def change(content: dict[str, Any]) -> None:
        held: Any = content
        for step in path[:-1]:
            held = held[step]
        held[path[-1]] = to

    return change


def provision(**members: Any) -> Breach:
    return lambda content: content["provision"].update(members)


def data(meaning: str, **reference: Any) -> Breach:
    return provision(data=[{"meaning": meaning, "reference": reference}])


NESTED = {"type": "permit", "actor": [inpe(AMRANI)]}
BREACHES: list[tuple[Breach, str]] = [
    (at("scope", "coding", 0, "code", to="research"), "Consent.scope"),
    (at("category", 0, "coding", 0, "code", to="57016-8"), "Consent.category"),
    (at("patient", to=None), "Consent.patient"),
    (at("dateTime", to=None), "Consent.dateTime"),
    (at("performer", to=[]), "Consent.performer"),
    (at("organization", to=[]), "Consent.organization"),
    (at("sourceAttachment", to=None), "Consent.source[x]"),
    (at("policy", to=[{"authority": "urn:x"}]), "Consent.policy.uri"),
    (at("verification", to=[{"verified": True}]), "Consent.verification"),
    (at("provision", to={}), "Consent.provision"),
    (at("provision", "type", to=None), "Consent.provision.type"),
    (provision(action=[{"text": "x"}]), "Consent.provision.action"),
    (provision(**{"class": [{"code": "Observation"}]}), "Consent.provision.class"),
    (provision(code=[{"text": "x"}]), "Consent.provision.code"),
    (at("provision", "actor", 0, "role", to={}), "Consent.provision.actor[0].role"),
    (provision(provision=[NESTED, {}]), "Consent.provision.provision[1].type"),
    (
        provision(provision=[{**NESTED, "provision": [NESTED]}]),
        "Consent.provision.provision[0].provision[0]",
    ),
    (
        provision(extension=[{"url": DIRECTION, "valueCode": "delete"}]),
        "Consent.provision.extension",
    ),
    (provision(extension=[{"url": DIRECTION}]), "Consent.provision.extension"),
    (provision(modifierExtension=[{"url": "urn:x"}]), "Consent.provision.modifierExtension"),
    (at("modifierExtension", to=[{"url": "urn:x"}]), "Consent.modifierExtension"),
    (provision(purpose=[{"system": "urn:x"}]), "Consent.provision.purpose[0].code"),
    (provision(securityLabel=[{"display": "x"}]), "Consent.provision.securityLabel[0].code"),
    (provision(actor=[actor(reference="Group/g")]), "Consent.provision.actor[0].reference"),
    (provision(actor=[actor(display="x")]), "Consent.provision.actor[0].reference"),
    (
        provision(actor=[actor(identifier={"system": "urn:ma:cin", "value": "1"})]),
        "Consent.provision.actor[0].reference",
    ),
    (provision(provision=[{"type": "permit", "actor": [actor(reference="Group/g")]}]),
     "Consent.provision.provision[0].actor[0].reference"),
    (data("dependents", reference="Observation/a"), "Consent.provision.data[0].meaning"),
    (data("instance", display="x"), "Consent.provision.data[0].reference"),
    (data("instance", reference="https://dmp.test/fhir/Observation/a"),
     "Consent.provision.data[0].reference"),
    (data("instance", reference="Observation/a/_history/1"), "Consent.provision.data[0].reference"),
    (data("related", reference="urn:uuid:x/y"), "Consent.provision.data[0].reference"),
    (data("related", reference="Observation/a"), "Consent.provision.data[0].reference"),
    (data("authoredby", reference="Device/x"), "Consent.provision.data[0].reference"),
    (data("authoredby", type="Device", identifier={"system": "urn:ma:inpe", "value": "2"}),
     "Consent.provision.data[0].reference"),
    (data("authoredby", identifier={"system": "urn:ma:cin", "value": "2"}),
     "Consent.provision.data[0].reference"),
    (provision(actor=[actor(type="Device", identifier={"system": "urn:ma:inpe", "value": "2"})]),
     "Consent.provision.actor[0].reference"),
    (provision(actor=[actor(type="Practitioner", identifier={"system": ROLES, "value": "nurse"})]),
     "Consent.provision.actor[0].reference"),
    (provision(extension=[{"url": TYPE, "valueCode": "Bundle"}]), "Consent.provision.extension"),
    (at("extension", to=[{"url": GRANT, "valueCode": "all"}]), "Consent.extension"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("breach", "expression"), BREACHES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_a_breach_names_its_element(breach: Breach, expression: str) -> None:
    content = consent("p")
    breach(content)

    with pytest.raises(Invalid) as refused:
        compile_consent(content, "c", AT)

    assert expression in {issue.expression for issue in refused.value.issues}


def test_the_focused_label_is_for_its_practitioner_alone() -> None:
    name = "Consent-ex-consent-advanced-normal-focused-psy.json"
    content = examples.resource(examples.folder("ihe-pcf") / name)

    root, focused = compile_consent(content, "c", AT)

    assert (root.data.labels, root.actors) == (("N",), (ANYONE,))
    assert focused.data.labels == ("PSY",)
    assert focused.actors == (Actor("practitioner", "ex-practitioner"),)


def test_a_type_is_named_by_our_extension() -> None:
    kinds = [{"url": TYPE, "valueCode": kind} for kind in ("Observation", "Condition")]

    assert compiled(extension=kinds)[0].data == Data(types=("Observation", "Condition"))


@pytest.mark.parametrize(
    ("reference", "author"),
    [
        ({"reference": "Practitioner/x"}, "Practitioner/x"),
        ({"reference": "Organization/x"}, "Organization/x"),
        ({"reference": "Patient/p"}, "patient"),
        ({"identifier": {"system": "urn:ma:inpe", "value": "9"}}, "9"),
        ({"type": "Practitioner", "identifier": {"system": "urn:ma:inpe", "value": "9"}}, "9"),
    ],
)
def test_an_author_is_who_wrote_it(reference: dict[str, Any], author: str) -> None:
    made = compiled(data=[{"meaning": "authoredby", "reference": reference}])

    assert made[0].data == Data(authors=(author,))


def test_another_systems_purpose_is_another_purpose() -> None:
    purposes = [{"system": "urn:x", "code": "TREAT"}, {"system": ACT_REASON, "code": "BTG"}]

    assert compiled(purpose=purposes)[0].purposes == ("BTG", "urn:x|TREAT")


def test_an_exception_that_permits_stays_within_its_root() -> None:
    inside = {"type": "permit", "securityLabel": [{"code": "PSY"}]}
    _, nested = compiled(
        dataPeriod={"start": "2026"}, securityLabel=[{"code": "N"}], provision=[inside]
    )

    assert nested.data == Data(labels=("PSY",), period=("2026", ""))
    denied = compiled(dataPeriod={"start": "2026"}, provision=[{**inside, "type": "deny"}])[1]
    assert denied.data == Data(labels=("PSY",))
    assert compiled(dataPeriod={"start": "2026"}, provision=[{"type": "deny"}])[1].data == Data(
        period=("2026", "")
    )


@pytest.mark.parametrize("grant", ["request", "break-glass"])
def test_what_the_server_granted_is_marked(grant: str) -> None:
    extension = [{"url": GRANT, "valueCode": grant}]
    content = consent("p", provision=[{"type": "permit"}]) | {"extension": extension}

    assert [p.grant for p in compile_consent(content, "c", AT)] == [grant, grant]
