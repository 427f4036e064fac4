"""PATCH bodies applied: JSON Patch (RFC 6902) and FHIRPath Patch (R4, section 3.1.0.11.2).

Of FHIRPath a patch may use names, indexes and `where(name='value')`, and no more: a client's
expression is never evaluated by a general engine.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonpatch

from dmp.domain.refusals import Invalid
from dmp.fhir.definitions import Element, Json, type_of
from dmp.fhir.validator import validate

OPERATIONS_MAX = 100
_STEP = re.compile(
    r"where\((?P<key>[A-Za-z][A-Za-z0-9.]*)\s*=\s*'(?P<value>[^'\\]{0,200})'\)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*)(?:\[(?P<index>\d{1,4})\])?"
)
_KEPT = ("resourceType", "id")


def apply_json_patch(resource: Json, operations: object) -> Json:
    """The resource after every operation; Invalid when one cannot be, or a `test` fails."""
    if not isinstance(operations, list) or not 0 < len(operations) <= OPERATIONS_MAX:
        raise Invalid(f"a JSON Patch is an array of 1 to {OPERATIONS_MAX} operations", "$this")
    try:
        made = jsonpatch.JsonPatch(operations).apply(copy.deepcopy(resource))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise Invalid(f"the patch does not apply ({type(error).__name__})", "$this") from None
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Invalid("not a JSON Patch (RFC 6902)", "$this") from None
    return _same(resource, made)


def apply_fhirpath_patch(resource: Json, parameters: Json) -> Json:
    """The resource after every `operation` of a Parameters resource, itself valid or refused."""
    if issues := validate(parameters):
        raise Invalid(issues)
    operations = [p for p in parameters.get("parameter", ()) if p.get("name") == "operation"]
    if not operations or len(operations) > OPERATIONS_MAX:
        raise Invalid(f"1 to {OPERATIONS_MAX} operations are expected", "Parameters.parameter")
    made = copy.deepcopy(resource)
    for i, operation in enumerate(operations):
        _Operation(operation, f"Parameters.parameter[{i}]").apply(made)
    return _same(resource, made)


def _same(before: Json, after: object) -> Json:
    if not isinstance(after, dict) or any(after.get(k) != before.get(k) for k in _KEPT):
        raise Invalid("a patch changes neither resourceType nor id", "$this")
    return after


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: `holder[key]`, and what R4 says of the element there."""

    holder: Any
    key: str | int
    element: Element

    @property
    def value(self) -> Any:
        """What is there."""
        return self.holder[self.key]


class _Operation:
    """One operation: its type, and its other parts by name."""

    def __init__(self, parameter: Json, where: str) -> None:
        self._where = where
        self._parts: dict[str, Any] = {}
        for part in parameter.get("part", ()):
            self._parts[str(part.get("name"))] = part
        self._kinds: Mapping[str, Callable[[Json], None]] = {
            "add": self._add,
            "insert": self._insert,
            "delete": self._delete,
            "replace": self._replace,
            "move": self._move,
        }

    def apply(self, resource: Json) -> None:
        """Change the resource in place."""
        kind = self._text("type")
        if kind not in self._kinds:
            raise self._wrong(f"type is one of {', '.join(self._kinds)}")
        self._kinds[kind](resource)

    def _add(self, resource: Json) -> None:
        holder, owner = self._object(resource)
        name = self._text("name")
        key, element = self._element(owner, name)
        value = self._value()
        if element.many:
            holder.setdefault(key, []).append(value)
            return
        holder[key] = value

    def _insert(self, resource: Json) -> None:
        items = self._list(resource)
        items.insert(self._number("index", len(items)), self._value())

    def _delete(self, resource: Json) -> None:
        places = list(self._places(resource))
        if not places:
            return
        place = self._one(places)
        del place.holder[place.key]
        _drop_empty(resource)

    def _replace(self, resource: Json) -> None:
        place = self._one(list(self._places(resource)))
        key: str | int = place.key
        if place.element.choice and isinstance(key, str):  # the new value may be of another type
            given = next((k for k in self._parts["value"] if k.startswith("value")), "value")
            del place.holder[key]
            key = place.element.choice + given.removeprefix("value")
        place.holder[key] = self._value()

    def _move(self, resource: Json) -> None:
        items = self._list(resource)
        last = len(items) - 1
        moved = items.pop(self._number("source", last))
        items.insert(self._number("destination", last), moved)

    def _object(self, resource: Json) -> tuple[Json, str]:
        """The one object a path leads to, with its type's name."""
        if self._text("path") == resource["resourceType"]:
            return resource, str(resource["resourceType"])
        place = self._one(list(self._places(resource)))
        if not isinstance(place.value, dict):
            raise self._wrong("the path leads to a value, not to an element that has parts")
        return place.value, place.element.type

    def _list(self, resource: Json) -> list[Any]:
        """The one list a path leads to: a repeating element without an index."""
        places = list(self._places(resource, whole=True))
        found = self._one(places).value
        if not isinstance(found, list):
            raise self._wrong("the path does not lead to a list")
        return found

    def _places(self, resource: Json, *, whole: bool = False) -> Iterator[_Place]:
        """Everything the path leads to; `whole`: lists at its end rather than their items."""
        steps = list(self._steps())
        if not steps or steps[0]["name"] != resource["resourceType"] or steps[0]["index"]:
            raise self._wrong("a path begins with the resource's type")
        root = Element(str(resource["resourceType"]), 0, False, None, None, (), False)
        places = [_Place({"$": resource}, "$", root)]
        for i, step in enumerate(steps[1:], 2):
            keep = whole and i == len(steps)
            places = [p for place in places for p in self._walk(place, step, keep)]
        return iter(places)

    def _walk(self, place: _Place, step: re.Match[str], whole: bool) -> Iterator[_Place]:
        value = place.value
        if step["key"]:
            found = value
            for part in step["key"].split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if found == step["value"]:
                yield place
            return
        if not isinstance(value, dict):
            raise self._wrong("the path goes on below a value")
        key, element = self._element(place.element.type, step["name"], value)
        if key not in value:
            return
        if not element.many or whole:
            yield _Place(value, key, element)
            return
        items = value[key]
        wanted = range(len(items)) if step["index"] is None else [int(step["index"])]
        yield from (_Place(items, i, element) for i in wanted if i < len(items))

    def _steps(self) -> Iterator[re.Match[str]]:
        text = self._text("path")
        at = 0
        while at < len(text):
            match = _STEP.match(text, at)
            if match is None:
                raise self._wrong("of FHIRPath: names, [indexes] and where(name='value') only")
            yield match
            at = match.end()
            if at < len(text):
                if text[at] != "." or at + 1 == len(text):
                    raise self._wrong("not a path")
                at += 1

    def _element(self, owner: str, name: str, holder: Json | None = None) -> tuple[str, Element]:
        """The JSON name of an element and its definition; a choice by the type it has or gets."""
        elements = type_of(owner).elements
        if name in elements:
            return name, elements[name]
        choices = [key for key, element in elements.items() if element.choice == name]
        given = next((k for k in self._parts.get("value", {}) if k.startswith("value")), "")
        for key in choices:
            if (holder is not None and key in holder) or key == name + given[5:]:
                return key, elements[key]
        if choices:
            return choices[0], elements[choices[0]]
        raise self._wrong(f"{owner} has no such element")

    def _one(self, places: list[_Place]) -> _Place:
        if len(places) != 1:
            raise self._wrong("the path must lead to exactly one element")
        return places[0]

    def _value(self) -> Any:
        part = self._parts.get("value")
        if part is None:
            raise self._wrong("a value is expected")
        return _value_of(part)

    def _text(self, name: str) -> str:
        part = self._parts.get(name, {})
        for key in ("valueString", "valueCode"):
            if isinstance(part.get(key), str):
                return str(part[key])
        raise self._wrong(f"the part {name} is missing or no string")

    def _number(self, name: str, most: int) -> int:
        value = self._parts.get(name, {}).get("valueInteger")
        if not isinstance(value, int) or not 0 <= value <= most:
            raise self._wrong(f"the part {name} is no position in the list")
        return value

    def _wrong(self, text: str) -> Invalid:
        return Invalid(text, self._where)


def _value_of(part: Json) -> Any:
    """`value[x]`, or the object that nested parts make."""
    for key, value in part.items():
        if key.startswith("value"):
            return value
    made: Json = {}
    for inner in part.get("part", ()):
        name, value = str(inner.get("name")), _value_of(inner)
        if name in made:
            held = made[name]
            made[name] = [*held, value] if isinstance(held, list) else [held, value]
        else:
            made[name] = value
    return made


def _drop_empty(value: Any) -> None:
    """Take out lists and objects that a deletion left empty: FHIR has none."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in items:
        if isinstance(inner, dict | list):
            _drop_empty(inner)
            if not inner and isinstance(value, dict):
                del value[key]
