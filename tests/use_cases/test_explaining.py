"""`$explain` and `$simulate`: what they say is what then happens."""

from __future__ import annotations

import string
from collections.abc import Iterator
from io import BytesIO
from typing import Any, get_args

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from dmp.adapters.explanations import SENTENCES, Explanations
from dmp.adapters.texts import LOCALES
from dmp.domain.contact import LANGUAGES
from dmp.domain.decision import Rule
from dmp.fhir.validator import validate
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.use_cases.test_break_glass import opened
from tests.world import AMRANI, BENNIS, CLINIC, Reply, World, consent, observation


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def asked(clinic: Clinic, operation: str, caller: Any = None, **given: Any) -> Reply:
    parameters = [{"name": name, **value} for name, value in given.items()]
    body = {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
    return clinic.world.call(f"POST /fhir/Consent/{operation}", caller or clinic.patient, body)


def about(reference: str) -> dict[str, Any]:
    return {"valueReference": {"reference": reference}}


def parts(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter's parts by name; what comes often is a list."""
    found: dict[str, Any] = {}
    for part in parameter["part"]:
        (content,) = [v for k, v in part.items() if k.startswith("value")]
        plain = content.get("reference", content) if isinstance(content, dict) else content
        if part["name"] in ("opened", "closed", "reference"):
            found.setdefault(part["name"], []).append(plain)
        else:
            found[part["name"]] = plain
    return found


def told(reply: Reply) -> list[dict[str, Any]]:
    assert reply.status == 200, reply.body
    assert validate(reply.json) == []
    return [parts(p) for p in reply.json.get("parameter", ()) if p["name"] == "actor"]


def whom(actors: list[dict[str, Any]], kind: str, inpe: str = "") -> dict[str, Any]:
    (one,) = [
        a
        for a in actors
        if a["kind"] == kind and inpe in str(a.get("practitioner")) + str(a.get("organization"))
    ]
    return one


def test_who_could_read_the_record_is_who_can(clinic: Clinic) -> None:
    clinic.observe()
    clinic.world.call(f"GET /fhir/Patient/{clinic.id}", clinic.world.doctor(BENNIS))  # refused
    blocked = clinic.grant(practitioner="200000009", type="deny")

    actors = told(asked(clinic, "$explain"))

    doctor, other = whom(actors, "practitioner", AMRANI), whom(actors, "practitioner", BENNIS)
    assert (doctor["decision"], doctor["rule"]) == ("permit", "consent-permit")
    assert doctor["consent"] == f"Consent/{clinic.consent}"
    assert (doctor["readable"], doctor["items"]) == (2, 2)
    assert doctor["organization"]["identifier"]["value"] == CLINIC
    expected = "Dr Salma Amrani, Clinique Atlas peut lire : un de vos consentements le permet."
    assert doctor["text"] == expected
    assert (other["decision"], other["rule"], other["readable"]) == ("refuse", "policy-deny", 0)
    shut = whom(actors, "practitioner", "200000009")
    assert (shut["rule"], shut["consent"]) == ("block", f"Consent/{blocked}")
    assert whom(actors, "anyone")["text"].startswith("N'importe quel praticien ne peut pas")
    urgent = whom(actors, "break-glass")
    assert (urgent["decision"], urgent["readable"]) == ("permit", 2)


def test_one_items_rule_is_told(clinic: Clinic) -> None:
    name = clinic.observe()
    seal = clinic.seal(f"Observation/{name}", purpose=[{"code": c} for c in ("TREAT", "BTG")])

    actors = told(asked(clinic, "$explain", item=about(f"Observation/{name}")))

    doctor, urgent = whom(actors, "practitioner", AMRANI), whom(actors, "break-glass")
    assert (doctor["rule"], doctor["consent"], doctor["readable"]) == ("seal", f"Consent/{seal}", 0)
    assert (urgent["rule"], urgent["decision"]) == ("seal", "refuse")
    assert urgent["text"] == "Il reste scellé même en urgence."
    assert clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor).status == 404


def test_a_break_glass_in_force_is_told(clinic: Clinic) -> None:
    made = opened(clinic).json

    actors = told(asked(clinic, "$explain"))

    one = whom(actors, "practitioner", BENNIS)
    assert (one["rule"], one["consent"]) == ("break-glass", f"Consent/{made['id']}")


@pytest.mark.parametrize("policy", ["all-normal", "basic-normal"])
def test_a_policy_lets_anyone_in(world: World, policy: Any) -> None:
    clinic = Clinic(world, granted=False, policy=policy)

    one = whom(told(asked(clinic, "$explain")), "anyone")

    assert (one["decision"], one["rule"]) == ("permit", "policy-permit")
    forget(clinic.id)


def test_a_consent_is_tried_before_it_is_given(clinic: Clinic) -> None:
    name = clinic.observe()
    kept = clinic.rows("K#"), clinic.rows("STANDING")

    simulated = asked(clinic, "$simulate", consent={"resource": consent(clinic.id, BENNIS)})

    (one,) = told(simulated)
    assert (one["practitioner"]["identifier"]["value"], one["closed-count"]) == (BENNIS, 0)
    assert one["opened"] == [f"Observation/{name}", f"Patient/{clinic.id}"]
    assert (clinic.rows("K#"), clinic.rows("STANDING")) == kept
    clinic.grant(practitioner=BENNIS)
    other = clinic.world.doctor(BENNIS)
    assert clinic.world.call(f"GET /fhir/Observation/{name}", other).status == 200


def test_a_revocation_is_tried(clinic: Clinic) -> None:
    clinic.observe()

    actors = told(asked(clinic, "$simulate", revoke=about(f"Consent/{clinic.consent}")))

    (one,) = actors
    assert (one["closed-count"], one["opened-count"]) == (2, 0)
    assert one["text"].endswith("pourrait lire moins qu'aujourd'hui.")


def test_a_seal_takes_along_what_refers_to_it(clinic: Clinic) -> None:
    name, apart = clinic.observe(), clinic.observe()
    member = clinic.observe(hasMember=[{"reference": f"Observation/{name}"}])

    reply = asked(clinic, "$simulate", seal=about(f"Observation/{name}"))

    (one,) = told(reply)
    both = sorted([f"Observation/{name}", f"Observation/{member}"])
    assert one["closed"] == both
    (along,) = [parts(p) for p in reply.json["parameter"] if p["name"] == "sealed-along"]
    assert along == {"reference-count": 1, "reference": [f"Observation/{member}"]}
    clinic.seal(f"Observation/{name}")
    statuses = {
        n: clinic.world.call(f"GET /fhir/Observation/{n}", clinic.doctor).status
        for n in (name, member, apart)
    }
    assert statuses == {name: 404, member: 404, apart: 200}


def test_what_is_asked_for_is_ones_own_and_is_there(clinic: Clinic) -> None:
    other = Clinic(clinic.world)
    for operation, given in (
        ("$explain", {"item": about("Observation/x")}),
        ("$explain", {"item": about(f"Patient/{other.id}")}),
        ("$simulate", {"seal": about(f"Patient/{other.id}")}),
        ("$simulate", {"revoke": about(f"Consent/{other.consent}")}),
    ):
        assert asked(clinic, operation, **given).status == 404
    forged = {**consent(clinic.id), "extension": [{"url": "urn:dmp:grant", "valueCode": "request"}]}
    for given in (
        {},
        {"seal": about("Patient/x"), "revoke": about("Consent/x")},
        {"consent": {"resource": consent(other.id)}},
        {"consent": {"resource": observation(clinic.id)}},
        {"consent": {"resource": forged}},
        {"consent": {"resource": consent(clinic.id, type="allow")}},
    ):
        assert asked(clinic, "$simulate", **given).status == 422
    for operation in ("$explain", "$simulate"):
        assert asked(clinic, operation, clinic.doctor, seal=about("Patient/x")).status in (403, 422)


def test_it_is_journalled_and_costs_five_calls_and_one_for_the_language(clinic: Clinic) -> None:
    asked(clinic, "$explain")

    with counted() as calls:
        asked(clinic, "$explain")

    assert calls == ["BatchGetItem", "Query", "Query", "GetItem", "PutItem", "GetItem"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_rule_has_a_sentence_in_each_language(language: str) -> None:
    folder = LOCALES / language / "LC_MESSAGES"
    source = read_po(BytesIO((folder / "explanations.po").read_bytes()), locale=language)
    compiled = read_mo(BytesIO((folder / "explanations.mo").read_bytes()))
    texts = {str(m.id): str(m.string) for m in source if m.id}

    assert set(texts) == set(SENTENCES.values())
    assert {str(m.id): str(m.string) for m in compiled if m.id} == texts
    fields = string.Formatter().parse
    for text, translated in texts.items():
        assert {f for _, f, _, _ in fields(text)} == {f for _, f, _, _ in fields(translated)}
    say = Explanations().say(language)
    for rule in set(get_args(Rule)) - {"patient-own"}:
        assert say(rule, "Dr X")
    emergency = [rule for rule in SENTENCES if rule.startswith("emergency-")]
    assert len(emergency) == 6
