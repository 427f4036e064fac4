"""Every case of IHE PCF with its effect: what it permits and refuses to whom, under Policy-deny.

Where the profile publishes the Consent it is taken as it is; of the others only the narrative is
published, and their provision is built from it. Left out, for no case is told otherwise:
- the two break-glass cases name a Group of privileged users: who may break the glass is the
  region's setting here, so their exception names nobody, and the glass is broken by a grant;
- the ink signature and the infant's guardian differ from the treatment case in source and
  performer alone, and are decided as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from dmp.domain.access import Asking, Item, Permit, decide
from dmp.domain.consent import Actor, Provision, Standing
from dmp.fhir import compartment
from dmp.fhir.consent import compile_consent
from tests.fhir import examples
from tests.world import consent

NOW = "2026-11-22T10:00:00.000Z"
TPO = [{"code": code} for code in ("TREAT", "HPAYMT", "HOPERAT")]
PERSON = {"reference": "Practitioner/ex-practitioner"}
ENCOUNTER = {"meaning": "related", "reference": {"reference": "Encounter/ex-encounter"}}
AUTHOR = {"meaning": "authoredby", "reference": PERSON}
INSTANCES = [
    {"meaning": "instance", "reference": {"reference": f"Observation/{name}"}}
    for name in ("ex-weight", "ex-bloodPressure")
]
IN_2020 = {"start": "2020-01", "end": "2020-12"}
ROLE = consent("p")["provision"]["actor"][0]["role"]
RESEARCHER = [{"role": ROLE, "reference": {"reference": "Organization/ex-org-researcher"}}]
FOOBAR = {"system": "http://example.org/policies/purposeOfUse", "code": "FooBar"}


def labels(*codes: str) -> list[dict[str, str]]:
    return [{"code": code} for code in codes]


BUILT: dict[str, dict[str, Any]] = {
    "basic-treat": {"type": "permit"},
    "intermediate-timeframe": {"type": "permit", "dataPeriod": IN_2020},
    "intermediate-not-timeframe": {
        "type": "permit", "provision": [{"type": "deny", "dataPeriod": IN_2020}],
    },
    "intermediate-data": {"type": "permit", "data": INSTANCES},
    "intermediate-not-data": {
        "type": "permit", "provision": [{"type": "deny", "data": INSTANCES[:1]}],
    },
    "intermediate-not-authoredby": {
        "type": "permit", "provision": [{"type": "deny", "data": [AUTHOR]}],
    },
    "intermediate-encounter": {"type": "permit", "data": [ENCOUNTER]},
    "intermediate-not-encounter": {
        "type": "permit", "provision": [{"type": "deny", "data": [ENCOUNTER]}],
    },
    "intermediate-purpose": {"type": "permit", "purpose": [FOOBAR], "actor": RESEARCHER},
    "advanced-normal": {"type": "permit", "securityLabel": labels("N")},
    "advanced-normal-not-restricted": {
        "type": "permit", "securityLabel": labels("N"),
        "provision": [{"type": "deny", "securityLabel": labels("R")}],
    },
    "advanced-normal-focused-psy-or-sdv": {
        "type": "permit", "securityLabel": labels("N"),
        "provision": [{"type": "permit", "securityLabel": labels("PSY", "SDV"),
                       "actor": [{"role": ROLE, "reference": PERSON}]}],
    },
    "advanced-normal-break-glass-restricted": {"type": "permit", "securityLabel": labels("N")},
    "dissent-intermediate-break-glass": {"type": "deny", "purpose": []},
}  # fmt: skip


def observation(name: str) -> Item:
    """One of PCF's own Observations, written by ex-author."""
    content = examples.resource(examples.folder("ihe-pcf") / f"Observation-ex-{name}.json")
    return Item(
        type="Observation",
        id=content["id"],
        encounter=compartment.encounter(content),
        date=compartment.clinical_date(content),
        labels=compartment.labels(content),
        related=tuple(compartment.references(content)),
        writers=("Practitioner/ex-author",),
    )


def item(name: str) -> Item:
    weight = observation("weight")
    made = {
        "of 2004": weight,
        "pressure": observation("bloodPressure"),
        "of 2020": observation("bloodSugar"),
        "restricted": replace(weight, id="r", labels=("R",)),
        "psy": replace(weight, id="m", labels=("PSY", "N")),
        "sdv": replace(weight, id="s", labels=("SDV",)),
        "own": replace(weight, id="o", writers=("Practitioner/ex-practitioner",)),
        "elsewhere": replace(weight, id="e", encounter="", related=()),
    }
    return made[name]


def provisions_of(name: str) -> tuple[Provision, ...]:
    if name in BUILT:
        content = consent("p", **{"actor": [], "purpose": TPO, **BUILT[name]})
    else:
        path = examples.folder("ihe-pcf") / f"Consent-ex-consent-{name}.json"
        content = examples.resource(path)
    return compile_consent(content, "c", "2022-06-13T00:00:00.000Z")


PRACTITIONER = Asking(
    "read", "TREAT", NOW, None, frozenset({"ex-practitioner"}), frozenset({"ex-organization"})
)
ASKINGS = {
    "practitioner": PRACTITIONER,
    "somebody": replace(PRACTITIONER, practitioner=frozenset({"another"})),
    "billing": replace(PRACTITIONER, purpose="HPAYMT"),
    "research": replace(PRACTITIONER, purpose="HRESCH"),
    "emergency": replace(PRACTITIONER, purpose="BTG"),
    "in 2022": replace(PRACTITIONER, now="2022-12-31T23:59:59.999Z"),
    "in 2023": replace(PRACTITIONER, now="2023-01-01T00:00:00.000Z"),
    "project": replace(
        PRACTITIONER,
        purpose="http://example.org/policies/purposeOfUse|FooBar",
        organization=frozenset({"ex-org-researcher"}),
    ),
}
# The case, who asks, and all that they see of EVERY.
TABLE = """
basic-treat | somebody | all
basic-treat | billing | all
basic-treat | research |
basic-treat | emergency |
basic-ink | somebody | all
basic-treat-infant | somebody | all
basic-reject | somebody |
basic-reject | research |
basic-research | research | all
basic-research | somebody |
expired-treat | in 2022 | all
expired-treat | in 2023 |
intermediate-timeframe | somebody | of 2020
intermediate-timeframe | research |
intermediate-not-timeframe | somebody | all but of 2020
intermediate-data | somebody | of 2004, pressure
intermediate-not-data | somebody | all but of 2004
intermediate-authoredby | somebody | own
intermediate-authoredby | research |
intermediate-not-authoredby | somebody | all but own
intermediate-encounter | somebody | all but elsewhere
intermediate-not-encounter | somebody | elsewhere
intermediate-purpose | project | all
intermediate-purpose | research |
intermediate-purpose | somebody |
advanced-normal | somebody | all but restricted, psy, sdv
advanced-normal | research |
advanced-normal-restricted | somebody | all
advanced-normal-not-restricted | somebody | all but restricted, psy, sdv
advanced-normal-focused-restricted | somebody | all but restricted, psy, sdv
advanced-normal-focused-restricted | practitioner | all
advanced-normal-focused-psy | somebody | all but restricted, psy, sdv
advanced-normal-focused-psy | practitioner | all but restricted, sdv
advanced-normal-focused-psy-or-sdv | somebody | all but restricted, psy, sdv
advanced-normal-focused-psy-or-sdv | practitioner | all but restricted
advanced-normal-break-glass-restricted | somebody | all but restricted, psy, sdv
advanced-normal-break-glass-restricted | emergency |
dissent-intermediate-break-glass | somebody |
dissent-intermediate-break-glass | practitioner |
dissent-intermediate-break-glass | emergency |
"""
EVERY = ("of 2004", "of 2020", "pressure", "restricted", "psy", "sdv", "own", "elsewhere")


@dataclass(frozen=True)
class Row:
    """Who asks under a case, and all that they see."""

    case: str
    who: str
    sees: frozenset[str]


def rows() -> list[Row]:
    split = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
    return [Row(case, who, _seen(text)) for case, who, text in split]


def _seen(text: str) -> frozenset[str]:
    word, _, but = text.partition(" but ")
    named = frozenset(name.strip() for name in (but if word == "all" else text).split(",") if name)
    return frozenset(EVERY) - named if word == "all" else named


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.case} {row.who}")
def test_the_case_permits_this_and_no_more(row: Row) -> None:
    standing = Standing(1, "deny", provisions_of(row.case), "p")

    seen = {n for n in EVERY if isinstance(decide(ASKINGS[row.who], standing, item(n)), Permit)}

    assert seen == row.sees


@pytest.mark.parametrize("case", [row.case for row in rows() if row.who == "emergency"])
def test_a_broken_glass_opens_what_the_case_keeps_closed(case: str) -> None:
    both = (Actor("practitioner", "ex-practitioner"), Actor("organization", "ex-organization"))
    grant = Provision("g", NOW, "permit", both, purposes=("BTG",), grant="break-glass")
    standing = Standing(1, "deny", (*provisions_of(case), grant), "p")

    assert decide(ASKINGS["emergency"], standing, item("restricted")) == Permit("break-glass", "g")
    assert not isinstance(decide(ASKINGS["somebody"], standing, item("restricted")), Permit) or (
        case == "basic-treat"
    )


def test_every_published_case_has_a_row() -> None:
    published = {
        path.stem.partition("ex-")[2].removeprefix("consent-").removesuffix("-notes")
        for path in examples.folder("ihe-pcf").rglob("Consent-*")
    }

    assert published <= {row.case for row in rows()}
