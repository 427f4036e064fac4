"""Narrative: well-formed XHTML of the allowed elements, and nothing active.

No parser here resolves an entity or reads a DTD: a text that declares one is refused unparsed. What
passes is read once more as a browser reads it, by a sanitiser (nh3, which is html5ever): whatever
it would take away is refused too, for what is stored is never changed silently.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from dmp.fhir.faults import Fault, Faults, Null, expected
from dmp.fhir.sanitising import ATTRIBUTES, ELEMENTS, SCHEMES, XHTML, survives

_DECLARATION = re.compile(r"<\?|<!(?!--|\[CDATA\[)")
_LINKS = frozenset({"href", "src", "cite", "longdesc", "usemap"})
# Browsers drop control characters and spaces from an address before they read its scheme.
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2000-\u200f\u2028\u2029\ufeff]")
_SCHEME = re.compile(r"([^:/?#]*):")
_ACTIVE_STYLE = re.compile(r"expression\s*\(|javascript:|@import|behavior\s*:|\\", re.IGNORECASE)
_NAMES = {f"{XHTML} {name}": name for name in ELEMENTS}
LEVELS_MAX = 128  # parsers of HTML recurse


class _NotAllowedError(Exception):
    """Found while parsing; its text is the fault's."""


def div(value: object) -> Faults | None:
    """The faults of a Narrative's div."""
    if not isinstance(value, str):
        return (
            [Null("structure", "null is not a value")]
            if value is None
            else [expected(value, "a string")]
        )
    try:
        _check(value)
    except _NotAllowedError as e:
        return [Fault("invalid", str(e))]
    except expat.ExpatError as e:
        told = f"not well-formed XHTML at line {e.lineno}, column {e.offset + 1}"
        return [Fault("structure", told)]
    return None


def _check(text: str) -> None:
    if _DECLARATION.search(text):
        raise _NotAllowedError("XHTML of a narrative has no document type, entity or instruction")
    parser = expat.ParserCreate(namespace_separator=" ")
    seen = _Content()
    parser.StartElementHandler = seen.start
    if text.count("<") > LEVELS_MAX:
        parser.EndElementHandler = seen.end
    parser.CharacterDataHandler = seen.characters
    parser.buffer_text = True
    parser.Parse(text.encode("utf-8"), True)
    if not seen.content:
        raise _NotAllowedError("a narrative must have some text or an image (txt-2)")
    if not survives(text):
        raise _NotAllowedError("a browser would read something else or active (txt-1)")


class _Content:
    """What the parser met so far."""

    __slots__ = ("content", "level")

    def __init__(self) -> None:
        self.level = 0
        self.content = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Check one element's name and attributes."""
        name = _NAMES.get(tag)
        if name is None or not self.level:
            space, _, name = tag.rpartition(" ")
            if space != XHTML or (not self.level and name != "div"):
                raise _NotAllowedError(f"a narrative is a div in the namespace {XHTML}")
            if name not in ELEMENTS:
                text = "an element is not among those allowed in a narrative (txt-1)"
                raise _NotAllowedError(text)
        self.level += 1
        if self.level > LEVELS_MAX:
            raise _NotAllowedError(f"a narrative has at most {LEVELS_MAX} levels")
        if name == "img":
            self.content = True
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)

    def end(self, _: str) -> None:
        """One level less; asked only of texts that may have too many."""
        self.level -= 1

    def characters(self, text: str) -> None:
        """Note that there is something to read."""
        if not self.content and not text.isspace():
            self.content = True


def _check_attribute(element: str, name: str, value: str) -> None:
    if name.startswith("http://www.w3.org/XML/1998/namespace "):
        return
    if name not in ATTRIBUTES:
        raise _NotAllowedError("an attribute is not among those allowed in a narrative (txt-1)")
    if name == "style" and _ACTIVE_STYLE.search(value):
        raise _NotAllowedError("a style in a narrative must not be active")
    if name in _LINKS and (scheme := _SCHEME.match(_INVISIBLE.sub("", value))):
        known = scheme[1].lower()
        image = element == "img" and known == "data"
        if known not in SCHEMES and not image:
            raise _NotAllowedError("a link in a narrative has a scheme that is not allowed")
