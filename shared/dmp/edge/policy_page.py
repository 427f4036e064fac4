"""The policy that consents name, as a page for whoever wants to read it: no sign-in is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from dmp.edge.http import Answer, Request
from dmp.edge.pages import Kit
from dmp.fhir.policy import policy_in

POLICY = "/account/policy"
_MARKED = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")
_NUMBERED = re.compile(r"\d+\. ")


class Span(NamedTuple):
    """A piece of a line: plain, strong or code."""

    style: str
    text: str


class Block(NamedTuple):
    """h1, h2, p, ul or ol, with its lines."""

    kind: str
    lines: list[list[Span]]


def serve_policy(kit: Kit, request: Request) -> Answer:
    """The page in the reader's language."""
    reader = kit.reader(request)
    values = {"blocks": blocks_of(policy_in(reader.language)), "here": kit.link(POLICY)}
    return kit.page("policy.html", reader, values)


def blocks_of(markdown: str) -> list[Block]:
    """The headings, paragraphs and lists that the policy's pages are written in."""
    lines = [line.strip() for line in markdown.splitlines() if line.strip()]
    found: list[Block] = []
    for kind, some in groupby((_line(line) for line in lines), key=lambda told: told[0]):
        texts = [list(_spans(text)) for _, text in some]
        if kind in ("ul", "ol"):
            found.append(Block(kind, texts))
        else:
            found += [Block(kind, [text]) for text in texts]
    return found


def _line(line: str) -> tuple[str, str]:
    for mark, kind in (("## ", "h2"), ("# ", "h1"), ("- ", "ul")):
        if line.startswith(mark):
            return kind, line.removeprefix(mark)
    number = _NUMBERED.match(line)
    return ("ol", line[number.end() :]) if number else ("p", line)


def _spans(text: str) -> Iterator[Span]:
    at = 0
    for mark in _MARKED.finditer(text):
        if mark.start() > at:
            yield Span("plain", text[at : mark.start()])
        yield Span("strong", mark[1]) if mark[1] else Span("code", mark[2])
        at = mark.end()
    if at < len(text):
        yield Span("plain", text[at:])
