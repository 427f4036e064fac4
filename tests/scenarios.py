"""What may be in force, one scenario for each rule of a decision and some for each way to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dmp.domain.consent import Actor, Policy, Provision, Standing
from tests.scenes import COLLEAGUE, PSY, Scene
from tests.world import AMRANI, BENNIS, CLINIC, HOSPITAL

DIRECTION, TYPE = "urn:dmp:consent-direction", "urn:dmp:resource-type"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
NOBODY = "299999999"
DAY = "2026-11-{:02}T00:00:00Z"


def consented(the: Scene) -> None:
    """The doctor, their organisation's others, and the author of another hospital are let in."""
    the.consent()
    the.consent(actor=[organization(CLINIC)])
    the.consent(BENNIS)


def organization(inpe: str) -> dict[str, Any]:
    """An organisation as an actor."""
    return actor("Organization", inpe)


def actor(kind: str, inpe: str) -> dict[str, Any]:
    """Somebody by INPE."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    named = {"type": kind, "identifier": {"system": "urn:ma:inpe", "value": inpe}}
    return {"role": {"coding": [{"system": system, "code": "IRCP"}]}, "reference": named}


def sealed(the: Scene, name: str, **changes: Any) -> str:
    """An item is sealed."""
    return the.consent(type="deny", actor=None, data=[about(the, "instance", name)], **changes)


def about(the: Scene, meaning: str, name: str) -> dict[str, Any]:
    """Data of a provision."""
    return {"meaning": meaning, "reference": {"reference": the.reference(name)}}


def coded(url: str, code: str) -> dict[str, Any]:
    """One of our extensions."""
    return {"extension": [{"url": url, "valueCode": code}]}


def purpose(code: str) -> dict[str, Any]:
    """A purpose of use."""
    return {"purpose": [{"system": REASON, "code": code}]}


def _policy(policy: Policy) -> Callable[[Scene], None]:
    return lambda the: the.change_standing(lambda s: s.with_policy(policy))


def _seal_by(**provision: Any) -> Callable[[Scene], None]:
    def act(the: Scene) -> None:
        consented(the)
        the.consent(type="deny", actor=None, **provision)

    return act


def _seal_item(the: Scene) -> None:
    consented(the)
    sealed(the, "lab")


def _seal_with_exception(the: Scene) -> None:
    consented(the)
    inside = {"type": "permit", "actor": [actor("Practitioner", AMRANI)]}
    sealed(the, "lab", provision=[inside])


def _seal_related(the: Scene) -> None:
    consented(the)
    the.consent(type="deny", actor=None, data=[about(the, "related", "encounter")])


def _seal_even_in_emergency(the: Scene) -> None:
    sealed(the, "lab", **purpose("BTG"))
    _glass_broken(the)


def _block(the: Scene) -> None:
    consented(the)
    the.consent(type="deny")


def _block_lifted(the: Scene) -> None:
    consented(the)
    the.consent(type="deny", actor=[organization(CLINIC)])
    the.consent()


def _denied_narrowly(the: Scene) -> None:
    consented(the)
    the.consent(type="deny", data=[about(the, "instance", "lab")])
    the.consent(COLLEAGUE, data=[about(the, "instance", "psy")])


def _only(**provision: Any) -> Callable[[Scene], None]:
    def act(the: Scene) -> None:
        for practitioner in (AMRANI, BENNIS):
            the.consent(practitioner, **provision)

    return act


def _revoked(the: Scene) -> None:
    consented(the)
    for name in the.consents[1:]:
        the.end(name)


def _authored(the: Scene) -> None:
    named = {"type": "Organization", "identifier": {"system": "urn:ma:inpe", "value": HOSPITAL}}
    data = [{"meaning": "authoredby", "reference": named}]
    the.consent(data=data)


def _glass(the: Scene, practitioner: str, place: str, standing: Standing) -> Standing:
    broken = Provision(
        "glass", DAY.format(22), "permit",
        (Actor("practitioner", practitioner), Actor("organization", place)),
        purposes=("BTG",), starts=DAY.format(22), ends=DAY.format(23), grant="break-glass",
    )  # fmt: skip
    return standing.with_consent("glass", [broken])


def _glass_broken(the: Scene) -> None:
    sealed(the, "psy")
    the.change_standing(lambda s: _glass(the, AMRANI, CLINIC, s))


def _glass_over(the: Scene) -> None:
    def ended(standing: Standing) -> Standing:
        made = _glass(the, AMRANI, CLINIC, standing)
        (glass,) = (p for p in made.provisions if p.consent == "glass")
        over = replace(glass, ends="2026-11-22T08:00:00.000Z")
        return made.with_consent("glass", [over])

    the.change_standing(ended)


def _forbidden(the: Scene) -> None:
    _glass_broken(the)
    the.consent(type="deny", actor=None, **purpose("BTG"))


def _blocked_in_emergency(the: Scene) -> None:
    _glass_broken(the)
    the.consent(type="deny")


SCENARIOS: dict[str, Callable[[Scene], None]] = {
    "policy-deny": lambda _: None,
    "policy-all-normal": _policy("all-normal"),
    "policy-basic-normal": _policy("basic-normal"),
    "policy-break-glass-only": _policy("break-glass-only"),
    "consent-permit": consented,
    "consent-permit-organization": lambda the: the.consent(actor=[organization(CLINIC)]) and None,
    "consent-permit-read": _only(**coded(DIRECTION, "read")),
    "consent-permit-write": _only(**coded(DIRECTION, "write")),
    "consent-permit-purpose": _only(**purpose("HOPERAT")),
    "consent-permit-period": _only(dataPeriod={"start": "2026-11-20", "end": "2026-11-20"}),
    "consent-permit-authored": _authored,
    "consent-permit-type": _only(**coded(TYPE, "Observation")),
    "consent-deny-narrow": _denied_narrowly,
    "consent-expired": _only(period={"start": "2026-01-01", "end": "2026-11-21"}),
    "consent-to-come": _only(period={"start": "2026-12-01"}),
    "consent-revoked": _revoked,
    "seal-item": _seal_item,
    "seal-label": _seal_by(securityLabel=[PSY]),
    "seal-type": _seal_by(**coded(TYPE, "Condition")),
    "seal-related": _seal_related,
    "seal-with-exception": _seal_with_exception,
    "seal-even-in-emergency": _seal_even_in_emergency,
    "block": _block,
    "block-lifted": _block_lifted,
    "break-glass": _glass_broken,
    "break-glass-over": _glass_over,
    "break-glass-forbidden": _forbidden,
    "break-glass-blocked": _blocked_in_emergency,
}
