"""References inside resources: found with their paths, and rewritten to what they resolve to."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

from dmp.domain.refusals import Issue
from dmp.fhir.compartment import leads_to
from dmp.fhir.definitions import Element, resource_types, type_of

Json = dict[str, Any]
_Path = tuple[Any, ...]
_URIS = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_LINK = re.compile(r"""(\s(?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")
_BROKEN = "the reference leads to no entry of the bundle"


def conditional_references(resources: Iterable[tuple[int, Json]]) -> dict[str, list[str]]:
    """Search-style references (`Practitioner?identifier=sys|val`) and where each is used.

    `resources` come with the index of their entry; places are `Bundle.entry[3].resource.…`.
    """
    uses: dict[str, list[str]] = {}
    for text, path in _found(resources, _is_conditional):
        uses.setdefault(text, []).append(path)
    return uses


def unresolved(resources: Iterable[tuple[int, Json]], known: Collection[str]) -> list[Issue]:
    """An issue for each reference by urn that is neither of an entry nor otherwise known."""
    broken = _found(
        resources, lambda text: text.startswith("urn:") and text.partition("#")[0] not in known
    )
    return [Issue(_BROKEN, path, "not-found") for _, path in broken]


def places(resource: Mapping[str, Any], path: str, texts: Collection[str]) -> list[str]:
    """Where a resource refers to one of the texts (`Type/id`, whatever the version)."""
    found: list[tuple[str, _Path]] = []
    wanted = texts.__contains__
    _collect(
        dict(resource), (None, path),
        lambda t: wanted(t.partition("/_history")[0]) or wanted(leads_to(t)), found,
    )  # fmt: skip
    return [_spelled(at) for _, at in found]


def rewrite(resource: Json, mapping: Mapping[str, str]) -> Json:
    """The resource with what `mapping` names replaced; the same object when nothing is.

    Replaced are whole references (fragments kept), elements of type uri, url, canonical, oid and
    uuid, and links in narrative. Parts without a replacement are shared with the original.
    """
    name = resource.get("resourceType")
    if not mapping or not isinstance(name, str) or name not in resource_types():
        return resource
    made: Json = _rewritten(resource, _plan(name), mapping)
    return made


def _is_conditional(text: str) -> bool:
    head, mark, _ = text.partition("?")
    return bool(mark) and head in resource_types()


def _found(
    resources: Iterable[tuple[int, Json]], wanted: Callable[[str], bool]
) -> list[tuple[str, str]]:
    found: list[tuple[str, _Path]] = []
    for index, resource in resources:
        _collect(resource, (None, f"Bundle.entry[{index}].resource"), wanted, found)
    return [(text, _spelled(path)) for text, path in found]


def _collect(
    value: Json, path: _Path, wanted: Callable[[str], bool], found: list[tuple[str, _Path]]
) -> None:
    """Depth first; a path is a chain of (parent, part), spelled only for what is found."""
    for key, item in value.items():
        if item.__class__ is dict:
            _collect(item, (path, "." + key), wanted, found)
        elif item.__class__ is list:
            for at, one in enumerate(item):
                if one.__class__ is dict:
                    _collect(one, (path, f".{key}[{at}]"), wanted, found)
        elif key == "reference" and item.__class__ is str and wanted(item):
            found.append((item, (path, ".reference")))


def _spelled(path: _Path | None) -> str:
    parts = []
    while path is not None:
        path, part = path
        parts.append(part)
    return "".join(reversed(parts))


class _Plan:
    """Which elements of a type may hold something to replace, and how to go on in each."""

    __slots__ = ("_fields", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._fields: dict[str, _Step] | None = None

    @property
    def fields(self) -> dict[str, _Step]:
        """By JSON name; what is not in it cannot change."""
        if self._fields is None:
            self._fields = {}
            for key, element in type_of(self.name).elements.items():
                if step := _step(self.name, key, element):
                    self._fields[key] = step
                if element.type[0].islower():
                    self._fields["_" + key] = _plan("Element")
        return self._fields


_Step = _Plan | Callable[[str, Mapping[str, str]], str]


@cache
def _plan(name: str) -> _Plan:
    return _Plan(name)


def _step(owner: str, key: str, element: Element) -> _Step | None:
    if owner == "Reference" and key == "reference":
        return _replaced
    if element.type in _URIS:
        return _replaced
    if element.type == "xhtml":
        return _relinked
    if element.type == "Resource":
        return _plan("Resource")
    return None if element.type[0].islower() else _plan(element.type)


def _rewritten(value: Any, step: _Step, mapping: Mapping[str, str]) -> Any:
    if value.__class__ is str:
        return value if isinstance(step, _Plan) else step(value, mapping)
    if value.__class__ is list:
        items = [_rewritten(item, step, mapping) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if value.__class__ is not dict or not isinstance(step, _Plan):
        return value
    return _rewritten_object(value, step, mapping)


def _rewritten_object(value: Json, plan: _Plan, mapping: Mapping[str, str]) -> Json:
    if plan.name == "Resource":
        name = value.get("resourceType")
        if not isinstance(name, str) or name not in resource_types():
            return value
        plan = _plan(name)
    fields = plan.fields
    made = value
    for key, item in value.items():
        step = fields.get(key)
        if step is not None:
            new = _rewritten(item, step, mapping)
            if new is not item:
                if made is value:
                    made = dict(value)
                made[key] = new
    return made


def _replaced(text: str, mapping: Mapping[str, str]) -> str:
    found = mapping.get(text)
    if found is not None:
        return found
    for mark in "#|":
        base, separator, rest = text.partition(mark)
        if separator and base in mapping:
            return mapping[base] + separator + rest
    return text


def _relinked(text: str, mapping: Mapping[str, str]) -> str:
    """Narrative with its links replaced; a text without any comes back as it is."""
    if "href" not in text and "src" not in text:
        return text

    def link(match: re.Match[str]) -> str:
        old = html.unescape(match[2][1:-1])
        new = _replaced(old, mapping)
        if new == old:
            return match[0]
        return f"{match[1]}{match[2][0]}{html.escape(new)}{match[2][0]}"

    return _LINK.sub(link, text)
