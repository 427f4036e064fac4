"""A narrative as a browser reads it: what a sanitiser (nh3, which is html5ever) leaves of it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html import unescape
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    import nh3

XHTML = "http://www.w3.org/1999/xhtml"
ELEMENTS = frozenset(
    {
        "div", "p", "br", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "a", "span", "b", "em", "i",
        "strong", "small", "big", "tt", "dfn", "q", "var", "abbr", "acronym", "cite",
        "blockquote", "address", "bdo", "kbd", "sub", "sup", "ul", "ol", "li", "dl", "dt", "dd",
        "pre", "table", "caption", "colgroup", "col", "thead", "tr", "tfoot", "tbody", "th",
        "td", "code", "samp", "img", "map", "area", "ins", "del", "u", "s", "strike", "center",
        "font",
    }
)  # fmt: skip
ATTRIBUTES = frozenset(
    {
        "title", "style", "class", "id", "lang", "dir", "accesskey", "tabindex", "span",
        "width", "align", "valign", "char", "charoff", "abbr", "axis", "headers", "scope",
        "rowspan", "colspan", "summary", "border", "frame", "rules", "cellspacing",
        "cellpadding", "name", "href", "hreflang", "rel", "rev", "charset", "type", "src",
        "alt", "height", "longdesc", "usemap", "ismap", "coords", "shape", "cite", "start",
        "value", "compact", "nowrap", "bgcolor", "color", "face", "size", "datetime",
    }
)  # fmt: skip
SCHEMES = frozenset({"http", "https", "mailto", "tel", "urn", "ftp"})
_VOID = frozenset({"br", "hr", "img", "col", "area"})
_OWN_NAMESPACE = f' xmlns="{XHTML}"'
_TAG = re.compile(r"""<([a-z0-9]+)((?: [^\s"=<>/]+="[^"]*")*)>""")
_ANY_TAG = re.compile(r"""</?[a-z0-9]+(?: [^\s"=<>/]+="[^"]*")*>""")
_ATTRIBUTE = re.compile(r'([^\s"=]+)="([^"]*)"')


def survives(xhtml: str) -> bool:
    """Whether sanitising takes nothing away from a well-formed text; it may add and move."""
    plain = xhtml.replace(_OWN_NAMESPACE, "", 1)
    if _cleaner().clean(plain) == plain:
        return True
    html = _as_html(xhtml)
    return not _parts(html) - _parts(_cleaner().clean(html))


@cache
def _cleaner() -> nh3.Cleaner:
    import nh3  # noqa: PLC0415  # only writes pay for it

    return nh3.Cleaner(
        tags=set(ELEMENTS),
        attributes={"*": set(ATTRIBUTES)},
        url_schemes={*SCHEMES, "data"},
        link_rel=None,
    )


def _as_html(xhtml: str) -> str:
    """The same content in the syntax of HTML: no prefixes, and empty elements closed."""
    parts: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        own = {k: _escaped(v) for k, v in attributes.items() if " " not in k}
        told = "".join(f' {key}="{value}"' for key, value in own.items())
        parts.append(f"<{tag.rpartition(' ')[2]}{told}>")

    def end(tag: str) -> None:
        name = tag.rpartition(" ")[2]
        if name not in _VOID:
            parts.append(f"</{name}>")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: parts.append(_escaped(text))
    parser.Parse(xhtml.encode("utf-8"), True)
    return "".join(parts)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")


def _parts(html: str) -> Counter[object]:
    """Elements with their attributes, and characters but for spaces, wherever they stand."""
    parts: Counter[object] = Counter()
    for name, attributes in _TAG.findall(html):
        parts[name, tuple(sorted((k, unescape(v)) for k, v in _ATTRIBUTE.findall(attributes)))] += 1
    parts.update("".join(unescape(_ANY_TAG.sub("", html)).split()))
    return parts
