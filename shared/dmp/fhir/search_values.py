"""How token, string, reference and uri parameters compare with what a resource holds."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir.definitions import resource_types
from dmp.fhir.search_parameters import Leaf

Match = Callable[[Leaf, Any], bool]
_NAME_PARTS = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS = ("line", "city", "district", "state", "postalCode", "country", "text")


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that no backslash escapes, still escaped."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    r"""A part with `\,`, `\|`, `\$` and `\\` replaced by what they mean."""
    if "\\" not in text:
        return text
    made, escaped = [], False
    for character in text:
        if escaped or character != "\\":
            made.append(character)
            escaped = False
        else:
            escaped = True
    return "".join(made)


def normalised(text: str) -> str:
    """Without case, accents or vowel marks, and with single spaces."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return " ".join("".join(c for c in plain if unicodedata.category(c) != "Mn").split())


def token(text: str, modifier: str | None, name: str) -> Match:
    """`system|code`, `|code`, `system|`, `code`; `:text`, and `:of-type` on identifiers."""
    if modifier == "text":
        wanted = normalised(unescape(text))
        return lambda _, value: any(normalised(t).startswith(wanted) for t in _texts_of(value))
    parts = [unescape(part) for part in split(text, "|")]
    if modifier == "of-type":
        return _of_type(parts, name)
    if len(parts) > 2:
        raise BadParameter("a token is system|code; escape a | inside as \\|", name)
    system = parts[0] if len(parts) == 2 else None
    code = parts[-1] or None
    if not system and code is None:
        raise BadParameter("a token needs a system or a code", name)

    def match(leaf: Leaf, value: Any) -> bool:
        return any(
            (code is None or found == code)
            and (system is None or system in systems or (not system and systems == (None,)))
            for systems, found in tokens_of(leaf, value)
        )

    return match


def tokens_of(leaf: Leaf, value: Any) -> Iterator[tuple[tuple[str | None, ...], str | None]]:
    """The (systems, code) pairs that a value stands for."""
    if leaf.type == "CodeableConcept":
        for coding in value.get("coding", ()):
            yield (coding.get("system"),), coding.get("code")
    elif leaf.type == "Coding":
        yield (value.get("system"),), value.get("code")
    elif leaf.type in ("Identifier", "ContactPoint"):
        yield (value.get("system"),), value.get("value")
    elif isinstance(value, bool):
        yield ("http://hl7.org/fhir/special-values", None), "true" if value else "false"
    elif isinstance(value, str):
        yield leaf.systems or (None,), value


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (t for t in (value.get("text"), value.get("display")) if t)
        for coding in value.get("coding", ()):
            yield from _texts_of(coding)
        if isinstance(kind := value.get("type"), dict):
            yield from _texts_of(kind)


def _of_type(parts: list[str], name: str) -> Match:
    if len(parts) != 3 or not all(parts):
        raise BadParameter(":of-type needs type-system|type-code|value", name)
    system, code, wanted = parts

    def match(leaf: Leaf, value: Any) -> bool:
        if leaf.type != "Identifier" or value.get("value") != wanted:
            return False
        codings = value.get("type", {}).get("coding", ())
        return any(c.get("system") == system and c.get("code") == code for c in codings)

    return match


def string(text: str, modifier: str | None, _name: str) -> Match:
    """Begins with, without case or accents; `:contains`; `:exact`."""
    wanted = unescape(text)
    if modifier == "exact":
        return lambda leaf, value: wanted in strings_of(leaf, value)
    plain = normalised(wanted)
    if modifier == "contains":
        return lambda leaf, value: any(plain in normalised(s) for s in strings_of(leaf, value))
    return lambda leaf, value: any(normalised(s).startswith(plain) for s in strings_of(leaf, value))


def strings_of(leaf: Leaf, value: Any) -> list[str]:
    """What string parameters look at: the text, or the parts of a name or an address."""
    if isinstance(value, str):
        return [value]
    names = _NAME_PARTS if leaf.type == "HumanName" else _ADDRESS_PARTS
    found: list[str] = []
    for part in (value.get(name) for name in names):
        if isinstance(part, list):
            found.extend(p for p in part if isinstance(p, str))
        elif isinstance(part, str):
            found.append(part)
    return found


def reference(text: str, modifier: str | None, name: str, base: str = "") -> Match:
    """`id`, `Type/id`, or an address; `:Type` restricts an id; `:identifier` takes a token.

    An address below `base` means the same as what follows it.
    """
    if modifier == "identifier":
        return _identified(token(text, None, name))
    wanted = relative(unescape(text), base)
    if modifier in resource_types() and "/" not in wanted:
        wanted = f"{modifier}/{wanted}"
    elif modifier and not wanted.startswith(f"{modifier}/"):
        raise BadParameter(f"an id or a reference to {modifier} is expected", name)
    bare = "/" not in wanted and ":" not in wanted

    def match(_: Leaf, value: Any) -> bool:
        literal = value.get("reference") if isinstance(value, dict) else value
        if not isinstance(literal, str):
            return False
        found = relative(literal, base)
        if bare:
            kind, _slash, own = found.rpartition("/")
            return own == wanted and kind in resource_types()
        return found == wanted or found.partition("|")[0] == wanted

    return match


def _identified(matches: Match) -> Match:
    leaf = Leaf("Identifier")

    def match(_: Leaf, value: Any) -> bool:
        found = value.get("identifier") if isinstance(value, dict) else None
        return isinstance(found, dict) and matches(leaf, found)

    return match


def relative(text: str, base: str) -> str:
    """A reference without the server's own base and without a version."""
    if base and text.startswith(base + "/"):
        text = text[len(base) + 1 :]
    return text.partition("/_history/")[0]


def uri(text: str, _modifier: str | None, _name: str) -> Match:
    """The same URI, to the character."""
    wanted = unescape(text)
    return lambda _, value: value == wanted
