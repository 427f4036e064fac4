"""The whole journal to keep, in parts: what a part holds, told before it is loaded, and its file.

An export ends with the moment at which it was begun, so that its parts stay what they were however
long a slow line takes. A file is asked for by a form: each is journalled, and the first told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from dmp.domain.accesses import millis_of
from dmp.domain.instants import instant
from dmp.domain.refusals import BadParameter
from dmp.edge.account_desk import EXPORT, At, Desk, one
from dmp.edge.account_journal import midnight
from dmp.edge.http import Answer, Request
from dmp.use_cases import access_queries
from dmp.use_cases.export_pages import ENTRIES_MAX
from dmp.use_cases.journal_exports import JournalExports, Part
from dmp.use_cases.listings import PAGE, PAGE_BYTES_MAX

_BACK = "export"
_KILOBYTE = 1024
_PART = re.compile(r"[1-9][0-9]{0,3}\Z")
_ASKED = ("format", "from", "to", PAGE)
_NOTHING = {"format": "csv", "from": "", "to": ""}
_KINDS = {"csv": "csv", "fhir": "json"}
Asked = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ExportPages:
    """What a signed-in patient is shown, and given, of the journal to keep."""

    desk: Desk
    exports: JournalExports

    def shown(self, request: Request) -> Answer:
        """The form; once it is filled in, one part and the way to the next."""
        found = self.desk.enter(request, _BACK)
        if isinstance(found, Answer):
            return found
        query = {name: value for name, value in request.query if name != "lang"}
        if "format" not in query:
            return self._page(found, told=query.get("told", ""))
        period, faults = _period(query, self.desk.clock.now_ms())
        if faults:
            return self._page(found, 422, faults=faults, asked={**_NOTHING, **query})
        asked = [(name, value) for name in _ASKED if (value := {**query, **period}.get(name))]
        part = self.exports.part(_reading(found), asked)
        return self._part(found, asked, part, _number(query.get("part", "1")))

    def file(self, request: Request) -> Answer:
        """One part as a file."""
        sent = self.desk.sent(request, _BACK)
        if isinstance(sent, Answer):
            return sent
        at, fields = sent
        asked = [(name, value) for name in _ASKED if (value := one(fields, name))]
        number = _number(one(fields, "part"))
        export = self.exports.export(_reading(at), asked, at.reader.language)
        day = instant(self.desk.clock.now_ms())[:10]
        kind = _KINDS[one(fields, "format") or "fhir"]
        kept = f'attachment; filename="dmp-journal-{day}-{number}.{kind}"'
        headers = {"Content-Disposition": kept, "X-Content-Type-Options": "nosniff"}
        return Answer(200, export.body, headers, export.media_type)

    def _part(self, at: At, asked: Asked, part: Part, number: int) -> Answer:
        link, words = self.desk.kit.link, at.words
        rest = {name: value for name, value in asked if name != PAGE}
        onward = {**rest, PAGE: part.following, "part": str(number + 1)}
        return self._page(
            at, here=link(EXPORT, **dict(asked), part=str(number)), part=part,
            number=words.number(number), onward=words.number(number + 1),
            fields=[*asked, ("part", str(number))],
            first=_day(part.first, at), last=_day(part.last, at),
            lines=words.number(part.count), size=words.number(ceil(part.size / _KILOBYTE)),
            older=link(EXPORT, **onward) if part.following else "",
        )  # fmt: skip

    def _page(self, at: At, status: int = 200, **said: object) -> Answer:
        link, words = self.desk.kit.link(EXPORT), at.words
        values: dict[str, object] = {
            "to": link, "part": None, "faults": [], "asked": _NOTHING, "told": "",
            "most": words.number(ENTRIES_MAX), "megabytes": words.number(PAGE_BYTES_MAX >> 20),
            "here": link, **said,
        }  # fmt: skip
        return self.desk.page(at, "export.html", str(values.pop("here")), status, **values)


def _period(query: Mapping[str, str], now_ms: int) -> tuple[dict[str, str], list[str]]:
    """From and to as instants, and the fields that cannot be read; it ends now at the latest."""
    bounds, faults = {"from": "", "to": ""}, []
    for name, after in (("from", 0), ("to", 1)):
        value = query.get(name, "")
        try:
            bounds[name] = midnight(value, after) if value and "T" not in value else value
        except ValueError:
            faults.append(name)
    now = instant(now_ms)
    return {**bounds, "to": min(bounds["to"] or now, now)}, faults


def _reading(at: At) -> access_queries.Request:
    """How the journal tells it: without the page's token."""
    return access_queries.Request(at.caller, at.request.request_id, "journal/export")


def _number(text: str) -> int:
    if not _PART.match(text):
        raise BadParameter("not a part of ours", "part")
    return int(text)


def _day(at: str, here: At) -> str:
    return here.words.moment(millis_of(at) // 1000) if at else ""
