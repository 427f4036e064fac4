"""UCUM's essence reduced to base units: the table that dmp.fhir.units reads.

Each unit is `[factor, dimensions, may take a prefix, zero]`, numbers as exact fractions in text;
a prefixed unit of a scale with another zero keeps that zero, as UCUM's functions do.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

from dmp.fhir.units import ONE, Unit, parsed

SOURCE = "UCUM 2.2 essence, (c) 1999-2024 Regenstrief Institute, Inc., https://ucum.org/license"
_NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"
# The only scales that are linear; every other function is a dimension of its own.
_ZEROS = {
    "Cel": Fraction("273.15"),
    "degF": Fraction("459.67") * 5 / 9,
    "degRe": Fraction("273.15"),
}
Row = list[object]


class Essence:
    """The definitions of ucum-essence.xml, reduced as they are asked for."""

    def __init__(self, path: Path) -> None:
        root = ET.parse(path).getroot()  # noqa: S314  the published file, kept beside the project
        self.prefixes = {p.attrib["Code"]: _value(p)[0] for p in root.iter(_NAMESPACE + "prefix")}
        self._bases = [b.attrib["Code"] for b in root.iter(_NAMESPACE + "base-unit")]
        self._units = {u.attrib["Code"]: u for u in root.iter(_NAMESPACE + "unit")}
        self._made: dict[str, Unit] = {
            name: Unit(Fraction(1), ((name, 1),)) for name in self._bases
        }

    def rows(self) -> dict[str, Row]:
        """Every unit by code, base units first."""
        rows: dict[str, Row] = {name: ["1", {name: 1}, 1] for name in self._bases}
        for name, element in self._units.items():
            made = self._unit(name)
            row: Row = [str(made.factor), dict(made.dimensions)]
            row.append(int(element.attrib["isMetric"] == "yes"))
            rows[name] = row + ([str(made.zero)] if made.zero else [])
        return rows

    def _unit(self, name: str) -> Unit:
        if name not in self._made:
            self._made[name] = self._reduced(self._units[name])
        return self._made[name]

    def _reduced(self, element: ET.Element) -> Unit:
        own = Unit(Fraction(1), ((element.attrib["Code"], 1),))
        value = element.find(_NAMESPACE + "value")
        assert value is not None
        function = value.find(_NAMESPACE + "function")
        if function is not None:
            if function.attrib["name"] not in _ZEROS:
                return own
            scale = self._spelled(function.attrib["Unit"])
            factor = scale.factor * Fraction(function.attrib["value"])
            return Unit(factor, scale.dimensions, _ZEROS[function.attrib["name"]])
        number, code = _value(element)
        if element.attrib.get("isArbitrary") == "yes" and code == "1":
            return own
        base = self._spelled(code)
        return Unit(base.factor * Fraction(number), base.dimensions)

    def _spelled(self, code: str) -> Unit:
        made = parsed(code, self._atom)
        if made is None:
            raise ValueError(f"not reducible: {code}")
        return made

    def _atom(self, name: str) -> Unit | None:
        if name in self._units or name in self._made:
            return self._unit(name)
        for length in (2, 1):
            prefix, rest = self.prefixes.get(name[:length]), name[length:]
            if prefix is not None and (rest in self._units or rest in self._made):
                return Unit(Fraction(prefix)).times(self._unit(rest))
        return ONE if name == "1" else None


def _value(element: ET.Element) -> tuple[str, str]:
    value = element.find(_NAMESPACE + "value")
    assert value is not None
    return str(Fraction(value.attrib["value"])), value.attrib.get("Unit", "1")


def unit_table(path: Path) -> dict[str, object]:
    """Prefixes and units by code."""
    essence = Essence(path)
    return {"source": SOURCE, "prefixes": essence.prefixes, "units": essence.rows()}
