"""What `$explain` and `$simulate` answer: a part for each actor, in the patient's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dmp.domain.access import Permit
from dmp.domain.explaining import SIMULATED, Difference, Finding, Known
from dmp.domain.identifiers import INPE, is_inpe
from dmp.fhir.parameters import Json, given, part, value

NAMED_MAX = 20
Say = Callable[[str, str], str]


class Names:
    """How actors are called, by INPE or FHIR id."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, value: str, name: str) -> None:
        """The first name that is told of somebody stays."""
        if value and name:
            self._names.setdefault(value, name)

    def learn_who(self, who: Mapping[str, str]) -> None:
        """From a journal entry."""
        self.learn(who.get("inpe", ""), who.get("name", ""))
        self.learn(who.get("organization", ""), who.get("organization_name", ""))

    def learn_consent(self, consent: Mapping[str, Any]) -> None:
        """From the actors of a Consent."""
        root = consent.get("provision", {})
        for provision in (root, *root.get("provision", ())):
            for actor in provision.get("actor", ()):
                reference = actor.get("reference", {})
                own = reference.get("reference", "").partition("/")[2]
                inpe = reference.get("identifier", {}).get("value", "")
                self.learn(inpe or own, reference.get("display", ""))

    def of(self, known: Known) -> str:
        """Practitioner and organisation, as far as they are known; a role's code."""
        parts = [self._names.get(v, v) for v in (known.practitioner, known.organization) if v]
        return ", ".join(parts) or known.role


def explanation(findings: Sequence[Finding], names: Names, say: Say) -> bytes:
    """The Parameters of `$explain`. `say` gives the sentence of a rule for somebody's name."""
    parts = []
    for finding in findings:
        decision, known = finding.decision, finding.known
        permitted = isinstance(decision, Permit)
        told = [
            *_who(known, names),
            value("decision", "Code", "permit" if permitted else "refuse"),
            value("rule", "Code", decision.rule),
            value("readable", "Integer", finding.readable),
            value("items", "Integer", finding.items),
            value("text", "String", say(rule_of(known, decision.rule), names.of(known))),
        ]
        if decision.consent and decision.consent != SIMULATED:
            kind = "RelatedPerson" if known.kind == "delegate" and permitted else "Consent"
            told.append(_reference("consent", f"{kind}/{decision.consent}"))
        parts.append(part("actor", told))
    return given(parts)


def simulation(
    differences: Sequence[Difference], along: Sequence[str] | None, names: Names, say: Say
) -> bytes:
    """The Parameters of `$simulate`: those whom it changes something for, and what goes along."""
    parts = []
    for one in differences:
        if not one.opened and not one.closed:
            continue
        rule = "opens" if one.opened and not one.closed else "closes"
        rule = "opens-and-closes" if one.opened and one.closed else rule
        told = [*_who(one.known, names), *_counted("opened", one.opened)]
        told += _counted("closed", one.closed)
        told.append(value("text", "String", say(rule, _called(one.known, names, say))))
        parts.append(part("actor", told))
    if along is not None:
        parts.append(part("sealed-along", _counted("reference", along)))
    return given(parts)


def _who(known: Known, names: Names) -> list[Json]:
    told = [value("kind", "Code", known.kind)]
    for kind, own in (("Practitioner", known.practitioner), ("Organization", known.organization)):
        if own:
            place = {"identifier": {"system": INPE, "value": own}}
            who: Json = place if is_inpe(own) else {"reference": f"{kind}/{own}"}
            name = names.of(Known(known.kind, own))
            told.append(value(kind.lower(), "Reference", {**who, "type": kind, "display": name}))
    if known.role:
        told.append(value("role", "Code", known.role))
    return told


def rule_of(known: Known, rule: str) -> str:
    """An emergency by nobody in particular has sentences of its own."""
    return f"emergency-{rule}" if known.kind == "break-glass" else rule


def _called(known: Known, names: Names, say: Say) -> str:
    return names.of(known) or say(f"kind-{known.kind}", "")


def _counted(name: str, references: Sequence[str]) -> list[Json]:
    """How many, and the first of them."""
    return [
        value(f"{name}-count", "Integer", len(references)),
        *(_reference(name, reference) for reference in references[:NAMED_MAX]),
    ]


def _reference(name: str, reference: str) -> Json:
    return value(name, "Reference", {"reference": reference})
