"""The truth table for engineers is itself the test: each of its rows is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dmp.domain.access import Asking, Item, Permit, decide
from dmp.domain.consent import POWERS, Actor, Data, Delegate, Provision, Standing

TABLE = Path(__file__).with_name("truth_table.md")
NOW, PAST = "2026-11-22T10:00:00.000Z", "2026-11-22T09:00:00.000Z"
CLINIC, HOSPITAL = "100000001", "100000002"
DOCTOR, COLLEAGUE, OTHER = "200000001", "200000002", "200000003"
OWNER, DAUGHTER, GUARDIAN, STRANGER = (digit * 20 for digit in "0123")
DELEGATES = (
    Delegate(DAUGHTER, POWERS, ends="2027-01-01T00:00:00.000Z", related="daughter"),
    Delegate(GUARDIAN, POWERS, ends="2027-01-01T00:00:00.000Z", kind="guardian", related="g"),
)


def at_work(practitioner: str, organization: str, role: str) -> Asking:
    known = frozenset({practitioner}), frozenset({organization})
    return Asking("read", "TREAT", NOW, None, *known, role)


WHO = {
    "doctor": at_work(DOCTOR, CLINIC, "physician"),
    "colleague": at_work(COLLEAGUE, CLINIC, "nurse"),
    "other": at_work(OTHER, HOSPITAL, "physician"),
    "patient": Asking("read", "PATRQT", NOW, OWNER),
    "daughter": Asking("read", "PATRQT", NOW, DAUGHTER),
    "guardian": Asking("read", "PATRQT", NOW, GUARDIAN),
    "stranger": Asking("read", "PATRQT", NOW, STRANGER),
}
RESULT = Item("Observation", "a", CLINIC, "Encounter/e", "2026-11-20")
ITEMS = {
    "result": RESULT,
    "report": Item("DiagnosticReport", "b", CLINIC, date="2026-11-20", related=("Observation/a",)),
    "hiv": replace(RESULT, id="h", labels=("HIV",)),
    "undated": replace(RESULT, id="u", date=""),
    "entry": replace(RESULT, id="p", author="patient"),
    "consent": Item("Consent", "c", "patient"),
    "journal": Item("AuditEvent", "j"),
}
ACTORS = {
    "doctor": Actor("practitioner", DOCTOR),
    "other": Actor("practitioner", OTHER),
    "clinic": Actor("organization", CLINIC),
    "hospital": Actor("organization", HOSPITAL),
    "nurses": Actor("role", "nurse"),
    "daughter": Actor("related-person", "daughter"),
    "anyone": Actor("anyone"),
}
DATA = {
    "result": Data(items=("Observation/a",)),
    "HIV": Data(labels=("HIV",)),
    "normal": Data(labels=("N",)),
    "Condition": Data(types=("Condition",)),
    "Observation": Data(types=("Observation",)),
    "clinic's": Data(authors=(CLINIC,)),
    "patient's": Data(authors=("patient",)),
    "2025": Data(period=("2025", "2025")),
    "2026": Data(period=("2026", "2026")),
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    number: str
    who: str
    purpose: str
    does: str
    item: str
    in_force: str
    answer: str
    rule: str


def rows() -> list[Row]:
    lines = TABLE.read_text("utf-8").splitlines()
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line[:2] == "| "]
    return [Row(*row) for row in cells if row[0].isdigit()]


def standing_of(in_force: str) -> Standing:
    standing = Standing(1, "deny", (), OWNER, DELEGATES)
    for number, text in enumerate(s.strip() for s in in_force.split(";")):
        if text.startswith("policy "):
            standing = replace(standing, policy=text.removeprefix("policy "))  # type: ignore[arg-type]
        elif text:
            made = provision(text.split(), f"c{number:02}", standing.provisions)
            standing = replace(standing, provisions=(*standing.provisions, made))
    return standing


def provision(words: list[str], consent: str, before: tuple[Provision, ...]) -> Provision:
    verb, *rest = words
    made = Provision(consent, "1", "deny" if verb == "deny" else "permit", ())
    if verb in ("granted", "emergency"):
        made = replace(made, grant="request" if verb == "granted" else "break-glass")
    while rest:
        word = rest.pop(0)
        if word == "of":
            made = replace(made, data=DATA[rest.pop(0)])
        elif word == "for":
            made = replace(made, purposes=(rest.pop(0),))
        elif word == "later":
            made = replace(made, recorded="2")
        elif word == "inside":
            made = replace(made, nested=True, consent=before[-1].consent)
        elif word == "ended":
            made = replace(made, ends=PAST)
        elif word == "reading":
            made = replace(made, directions=("read",))
        else:
            made = replace(made, actors=(*made.actors, ACTORS[word]))
    return made


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.number)
def test_the_row_is_true(row: Row) -> None:
    who, *weak = row.who.split()
    asking = replace(
        WHO[who],
        purpose=row.purpose,
        direction=row.does,  # type: ignore[arg-type]
        strong=weak != ["weak"],
    )

    decision = decide(asking, standing_of(row.in_force), ITEMS[row.item])

    assert (isinstance(decision, Permit), decision.rule) == (row.answer == "yes", row.rule)


def test_every_rule_has_a_row() -> None:
    told = {row.rule for row in rows()}

    assert told == {
        "patient-own", "stronger-sign-in", "delegate", "guardian", "not-the-patient",
        "patient-only", "seal", "block", "consent-permit", "consent-deny", "policy-permit",
        "policy-deny", "break-glass", "break-glass-forbidden", "break-glass-needed",
    }  # fmt: skip
    assert [row.number for row in rows()] == [str(n + 1) for n in range(len(rows()))]
