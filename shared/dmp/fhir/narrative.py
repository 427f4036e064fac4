"""Narrative: well-formed XHTML of the allowed elements, and nothing active.

No parser here resolves an entity or reads a DTD: a text that declares one is refused unparsed. What
passes is read once more as a browser reads it, by a sanitiser (nh3, which is html5ever): whatever
it would take away is refused too, for what is stored is never changed silently.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from xml.parsers import expat

from dmp.fhir.faults import Fault, Faults, Null, expected

XHTML = "http://www.w3.org/1999/xhtml"
_DECLARATION = re.compile(r"<\?|<!(?!--|\[CDATA\[)")
_ELEMENTS = frozenset(
    {
        "div", "p", "br", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "a", "span", "b", "em", "i",
        "strong", "small", "big", "tt", "dfn", "q", "var", "abbr", "acronym", "cite",
        "blockquote", "address", "bdo", "kbd", "sub", "sup", "ul", "ol", "li", "dl", "dt", "dd",
        "pre", "table", "caption", "colgroup", "col", "thead", "tr", "tfoot", "tbody", "th",
        "td", "code", "samp", "img", "map", "area", "ins", "del", "u", "s", "strike", "center",
        "font",
    }
)  # fmt: skip
_ATTRIBUTES = frozenset(
    {
        "title", "style", "class", "id", "lang", "dir", "accesskey", "tabindex", "span",
        "width", "align", "valign", "char", "charoff", "abbr", "axis", "headers", "scope",
        "rowspan", "colspan", "summary", "border", "frame", "rules", "cellspacing",
        "cellpadding", "name", "href", "hreflang", "rel", "rev", "charset", "type", "src",
        "alt", "height", "longdesc", "usemap", "ismap", "coords", "shape", "cite", "start",
        "value", "compact", "nowrap", "bgcolor", "color", "face", "size", "datetime",
    }
)  # fmt: skip
_LINKS = frozenset({"href", "src", "cite", "longdesc", "usemap"})
# Browsers drop control characters and spaces from an address before they read its scheme.
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2000-\u200f\u2028\u2029\ufeff]")
_SCHEME = re.compile(r"([^:/?#]*):")
_SAFE_SCHEMES = frozenset({"http", "https", "mailto", "tel", "urn", "ftp"})
_ACTIVE_STYLE = re.compile(r"expression\s*\(|javascript:|@import|behavior\s*:|\\", re.IGNORECASE)


_VOID = frozenset({"br", "hr", "img", "col", "area"})
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
    parser.EndElementHandler = seen.end
    parser.CharacterDataHandler = seen.characters
    parser.buffer_text = True
    parser.Parse(text.encode("utf-8"), True)
    if not seen.content:
        raise _NotAllowedError("a narrative must have some text or an image (txt-2)")
    if seen.parts - _kept("".join(seen.html)).parts:
        raise _NotAllowedError("a browser would read something else or active (txt-1)")


class _Content:
    """What the parser met so far; `html` is the same for a parser of HTML."""

    __slots__ = ("content", "html", "level", "parts")

    def __init__(self) -> None:
        self.level = 0
        self.content = False
        self.html: list[str] = []
        self.parts: Counter[object] = Counter()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Check one element's name and attributes."""
        space, _, name = tag.rpartition(" ")
        if space != XHTML or (not self.level and name != "div"):
            raise _NotAllowedError(f"a narrative is a div in the namespace {XHTML}")
        self.level += 1
        if self.level > LEVELS_MAX:
            raise _NotAllowedError(f"a narrative has at most {LEVELS_MAX} levels")
        if name not in _ELEMENTS:
            raise _NotAllowedError("an element is not among those allowed in a narrative (txt-1)")
        if name == "img":
            self.content = True
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)
        own = {k: v for k, v in attributes.items() if " " not in k}
        self.parts[name, frozenset(own.items())] += 1
        told = "".join(f' {key}="{escape(value)}"' for key, value in own.items())
        self.html.append(f"<{name}{told}>")

    def end(self, tag: str) -> None:
        """Close it, if HTML closes it."""
        self.level -= 1
        name = tag.rpartition(" ")[2]
        if name not in _VOID:
            self.html.append(f"</{name}>")

    def characters(self, text: str) -> None:
        """Note what there is to read."""
        if not text.isspace():
            self.content = True
            self.parts.update("".join(text.split()))
        self.html.append(escape(text, quote=False))


class _Kept(HTMLParser):
    """What is left of a narrative, in the same parts."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: Counter[object] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element."""
        self.parts[tag, frozenset((key, value or "") for key, value in attrs)] += 1

    def handle_data(self, data: str) -> None:
        """Count what is read."""
        self.parts.update("".join(data.split()))


def _kept(html: str) -> _Kept:
    import nh3  # noqa: PLC0415  # only writes pay for it

    clean = nh3.clean(
        html,
        tags=set(_ELEMENTS),
        attributes={"*": set(_ATTRIBUTES)},
        url_schemes={*_SAFE_SCHEMES, "data"},
        link_rel=None,
    )
    left = _Kept()
    left.feed(clean)
    left.close()
    return left


def _check_attribute(element: str, name: str, value: str) -> None:
    if name.startswith("http://www.w3.org/XML/1998/namespace "):
        return
    if name not in _ATTRIBUTES:
        raise _NotAllowedError("an attribute is not among those allowed in a narrative (txt-1)")
    if name == "style" and _ACTIVE_STYLE.search(value):
        raise _NotAllowedError("a style in a narrative must not be active")
    if name in _LINKS and (scheme := _SCHEME.match(_INVISIBLE.sub("", value))):
        known = scheme[1].lower()
        image = element == "img" and known == "data"
        if known not in _SAFE_SCHEMES and not image:
            raise _NotAllowedError("a link in a narrative has a scheme that is not allowed")
