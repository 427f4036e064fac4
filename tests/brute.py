"""Search by brute force, written from the standard's text and sharing nothing with the code.

It looks at lists of plain resources, knows each parameter by hand, converts units by a table of its
own and follows references by trying every resource.
"""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
UCUM = "http://unitsofmeasure.org"
# What one of each is, in the unit named beside it.
UNITS = {
    "mg/dL": (Fraction(10), "g/m3"), "g/L": (Fraction(1000), "g/m3"),
    "ug/mL": (Fraction(1), "g/m3"),
    "kg": (Fraction(1000), "g"), "g": (Fraction(1), "g"), "[lb_av]": (Fraction("453.59237"), "g"),
    "mm[Hg]": (Fraction(133322), "mPa"), "kPa": (Fraction(1_000_000), "mPa"),
}  # fmt: skip


def name_of(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def plain(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in apart if not unicodedata.combining(c))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _deep(resource: Json, path: str) -> list[Any]:
    found: list[Any] = [resource]
    for step in path.split("."):
        found = [x for one in found for x in _list(one.get(step))]
    return found


Extract = tuple[str, str]
EXTRACTS: dict[str, dict[str, Extract]] = {
    "Observation": {
        "code": ("token", "code"), "category": ("token", "category"), "status": ("code", "status"),
        "identifier": ("token", "identifier"), "value-quantity": ("quantity", "valueQuantity"),
        "value-string": ("string", "valueString"), "date": ("date", "effectiveDateTime"),
        "subject": ("reference", "subject"), "patient": ("reference", "subject"),
        "encounter": ("reference", "encounter"), "performer": ("reference", "performer"),
        "derived-from": ("reference", "derivedFrom"), "has-member": ("reference", "hasMember"),
        "code-value-quantity": ("composite", "code$value-quantity"),
    },
    "Encounter": {
        "status": ("code", "status"), "date": ("date", "period"),
        "part-of": ("reference", "partOf"),
        "subject": ("reference", "subject"), "patient": ("reference", "subject"),
        "service-provider": ("reference", "serviceProvider"), "class": ("token", "class"),
    },
    "Patient": {"family": ("string", "name.family"), "birthdate": ("date", "birthDate")},
    "Practitioner": {"family": ("string", "name.family"), "name": ("string", "name.family")},
    "Organization": {"name": ("string", "name"), "partof": ("reference", "partOf")},
    "Provenance": {"target": ("reference", "target"), "agent": ("reference", "agent.who")},
    "MedicationRequest": {
        "medication": ("reference", "medicationReference"), "status": ("code", "status"),
        "subject": ("reference", "subject"), "patient": ("reference", "subject"),
    },
    "Medication": {"code": ("token", "code")},
    "RiskAssessment": {
        "patient": ("reference", "subject"),
        "probability": ("number", "prediction.probabilityDecimal"),
    },
}  # fmt: skip
EVERY: dict[str, Extract] = {
    "_id": ("code", "id"), "_tag": ("token", "meta.tag"), "_security": ("token", "meta.security"),
    "_profile": ("uri", "meta.profile"), "_lastUpdated": ("date", "meta.lastUpdated"),
}  # fmt: skip
SYSTEMS = {
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
    ("MedicationRequest", "status"): "http://hl7.org/fhir/CodeSystem/medicationrequest-status",
}


def extract(resource: Json, name: str) -> tuple[str, list[Any]]:
    kind, path = {**EVERY, **EXTRACTS[resource["resourceType"]]}[name]
    if kind == "composite":
        return kind, [path]
    return kind, _deep(resource, path)


class Brute:
    """The resources that a caller may see, and what a search over them should give."""

    def __init__(self, resources: Sequence[Json]) -> None:
        self.resources = resources
        self.names = {name_of(r): r for r in resources}

    def search(self, kind: str, criteria: Pairs) -> list[Json]:
        """In the order in which they were written."""
        every = [r for r in self.resources if r["resourceType"] == kind]
        return [r for r in every if all(self.holds(r, n, v) for n, v in criteria)]

    def holds(self, resource: Json, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, kind, back, rest = name.split(":", 3)
            others = [r for r in self.resources if r["resourceType"] == kind]
            return any(
                any(ref.get("reference") == name_of(resource) for ref in extract(o, back)[1])
                and self.holds(o, rest, value)
                for o in others
            )
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return any(
                self.holds(t, rest, value) for t in self._led(resource, code, modifier, rest)
            )
        kind, found = extract(resource, code)
        if modifier == "missing":
            return (not found) is (value == "true")
        if modifier == "not":
            return not self.holds(resource, code, value)
        return any(self._one(resource, code, modifier, v, kind, found) for v in value.split(","))

    def _led(self, resource: Json, code: str, modifier: str, rest: str) -> list[Json]:
        targets = []
        for reference in extract(resource, code)[1]:
            text = reference.get("reference", "")
            inside = [c for c in resource.get("contained", []) if text == "#" + c["id"]]
            targets += inside or [self.names[text]] if inside or text in self.names else []
        first = rest.partition(".")[0].partition(":")[0]
        return [
            t
            for t in targets
            if modifier in ("", t["resourceType"])
            and (first in EVERY or first in EXTRACTS[t["resourceType"]] or first == "_has")
        ]

    def _one(
        self, resource: Json, code: str, modifier: str, value: str, kind: str, found: list[Any]
    ) -> bool:
        if kind == "composite":
            names, values = found[0].split("$"), value.split("$")
            return all(self.holds(resource, n, v) for n, v in zip(names, values, strict=True))
        if kind == "code":
            system = SYSTEMS.get((resource["resourceType"], code))
            found = [{"system": system, "code": x} for x in found]
        test = _TESTS["token" if kind == "code" else kind]
        return any(test(x, value, modifier) for x in found)

    def include(self, matches: Iterable[Json], rules: Pairs) -> set[str]:
        """Names of what goes along with the matches, by trying every pair until nothing is new."""
        matched = {name_of(r) for r in matches}
        added: set[str] = set()
        while True:
            new = {
                name_of(other)
                for name, value in rules
                for at in (matched | added if ":iterate" in name else matched)
                for other in self.resources
                if _linked(name, value, self.names[at], other)
            } - added
            if not new:
                return added - matched
            added |= new


def _linked(name: str, value: str, here: Json, other: Json) -> bool:
    kind, code, *target = value.split(":")
    source, aim = (other, here) if name.startswith("_rev") else (here, other)
    if source["resourceType"] != kind or (target and aim["resourceType"] != target[0]):
        return False
    return any(r.get("reference") == name_of(aim) for r in extract(source, code)[1])


def _token(held: Json, value: str, modifier: str) -> bool:
    if modifier == "of-type":
        system, code, number = value.split("|")
        kinds = held.get("type", {}).get("coding", [])
        right = any(k.get("system") == system and k.get("code") == code for k in kinds)
        return right and held.get("value") == number
    if modifier == "text":
        texts = [held.get("text"), held.get("display"), held.get("type", {}).get("text")]
        texts += [c.get("display") for c in held.get("coding", [])]
        return any(plain(t).startswith(plain(value)) for t in texts if t)
    system, bar, code = value.rpartition("|")
    return any(
        (not code or code == c.get("code", c.get("value")))
        and (not bar or system == (c.get("system") or ""))
        for c in held.get("coding", [held])
    )


def _string(held: str, value: str, modifier: str) -> bool:
    if modifier == "exact":
        return held == value
    if modifier == "contains":
        return plain(value) in plain(held)
    return plain(held).startswith(plain(value))


def _reference(held: Json, value: str, modifier: str) -> bool:
    if modifier == "identifier":
        return "identifier" in held and _token(held["identifier"], value, "")
    text = held.get("reference", "")
    if modifier:
        value = f"{modifier}/{value.rpartition('/')[2]}"
    return text == value or (not text.startswith("#") and text.endswith("/" + value))


def span(text: str) -> tuple[datetime, datetime]:
    """From the first instant to the first one after."""
    if len(text) > 10:
        start = datetime.fromisoformat(text)
        return start, start + (timedelta(milliseconds=1) if "." in text else timedelta(seconds=1))
    year, month, day = (int(p) for p in (text + "-01-01")[:10].split("-"))
    start = datetime(year, month, day, tzinfo=UTC)
    if len(text) == 10:
        return start, start + timedelta(days=1)
    if len(text) == 7:
        return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start, datetime(year + 1, 1, 1, tzinfo=UTC)


def held_span(held: Any) -> tuple[datetime, datetime]:
    if isinstance(held, str):
        return span(held)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    start, end = held.get("start"), held.get("end")
    return (span(start)[0] if start else first), (span(end)[1] if end else last)


def prefixed(value: str) -> tuple[str, str]:
    known = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
    return (value[:2], value[2:]) if value[:2] in known else ("eq", value)


def _range_test(prefix: str, asked: Any, held: Any) -> bool:
    """Both are half-open."""
    (low, high), (first, after) = asked, held
    within = low <= first and after <= high
    tests: dict[str, Callable[[], bool]] = {
        "eq": lambda: within, "ne": lambda: not within, "gt": lambda: after > high,
        "lt": lambda: first < low, "ge": lambda: after > high or within,
        "le": lambda: first < low or within,
        "sa": lambda: first >= high, "eb": lambda: after <= low,
    }  # fmt: skip
    return tests[prefix]()


def _date(held: Any, value: str, _: str) -> bool:
    prefix, text = prefixed(value)
    return _range_test(prefix, span(text), held_span(held))


def _compared(prefix: str, text: str, held: Fraction, scale: Fraction) -> bool:
    """A number held in base units against one asked for in a unit of that scale."""
    asked = Fraction(text) * scale
    digits = len(text.partition(".")[2])
    half = Fraction(5, 10 ** (digits + 1)) * scale
    if prefix in ("eq", "ne"):
        return (asked - half <= held < asked + half) is (prefix == "eq")
    signs = {"gt": operator.gt, "sa": operator.gt, "lt": operator.lt, "eb": operator.lt,
             "ge": operator.ge, "le": operator.le}  # fmt: skip
    return bool(signs[prefix](held, asked))


def _number(held: Any, value: str, _: str) -> bool:
    return _compared(*prefixed(value), Fraction(str(held)), Fraction(1))


def _quantity(held: Json, value: str, _: str) -> bool:
    number, *unit = value.split("|")
    amount = Fraction(str(held["value"]))
    if not unit:
        return _compared(*prefixed(number), amount, Fraction(1))
    system, code = unit
    if not system:
        same = code in (held.get("code"), held.get("unit"))
        return same and _compared(*prefixed(number), amount, Fraction(1))
    if held.get("system") != UCUM:
        return False
    (ours, base), (theirs, other) = UNITS[held["code"]], UNITS[code]
    return base == other and _compared(*prefixed(number), amount * ours, theirs)


def _uri(held: str, value: str, _: str) -> bool:
    return held == value


_TESTS: dict[str, Callable[[Any, str, str], bool]] = {
    "token": _token, "string": _string, "reference": _reference, "date": _date,
    "number": _number, "quantity": _quantity, "uri": _uri,
}  # fmt: skip


def _sort_keys(resource: Json, code: str) -> list[Any]:
    kind, found = extract(resource, code)
    if kind == "date":
        return [end for held in found for end in held_span(held)]
    if kind == "quantity":
        pairs = [(Fraction(str(q["value"])), q) for q in found]
        return [n * UNITS[q["code"]][0] if q.get("system") == UCUM else n for n, q in pairs]
    if kind == "token":
        codings = [c for held in found for c in held.get("coding", [held])]
        return [c["code"] for c in codings if "code" in c]
    if kind == "reference":
        return [r["reference"] for r in found if "reference" in r]
    return [plain(x) if kind == "string" else x for x in found]


def ordered(found: Sequence[Json], keys: str) -> list[Json]:
    """By each key in turn, the last first, so that earlier ones win; without a value: last."""
    made = list(found)
    for key in reversed(keys.split(",") if keys else []):
        code, down = key.lstrip("-"), key.startswith("-")
        valued = [(r, _sort_keys(r, code)) for r in made]
        best = max if down else min
        placed = [(best(v), -i if down else i, r) for i, (r, v) in enumerate(valued) if v]
        placed.sort(key=lambda row: row[:2], reverse=down)
        made = [r for _, _, r in placed] + [r for r, v in valued if not v]
    return made
