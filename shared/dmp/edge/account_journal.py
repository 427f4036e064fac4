"""The journal's pages: accesses in plain words, one with its entries, files, and the dispute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import cast

from markupsafe import Markup

from dmp.domain.accesses import ONLY, Only, Use, Wanted, millis
from dmp.domain.disputes import may_dispute
from dmp.domain.grants import TEXT_MAX
from dmp.domain.identifiers import commit_millis
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.notices import reference_of
from dmp.domain.refusals import BadParameter, Invalid, NotFound
from dmp.edge import journal_words as say
from dmp.edge.account_desk import JOURNAL, PEOPLE, At, Desk, one
from dmp.edge.http import TEXT, Answer, Request
from dmp.edge.language import ZONE, Words
from dmp.edge.logs import count
from dmp.use_cases.account import Account, Found
from dmp.use_cases.disputes import Disputes
from dmp.use_cases.journal import Journal
from dmp.use_cases.ports import Review
from dmp.use_cases.proofs import Proofs

_FIELDS = ("ref", "who", "from", "to", "only")
_REFERENCE = 8
_ENTRY = 16
_VALUE_MAX = 80
_FILES = {"entry": "json", "proof": "txt"}


@dataclass(frozen=True, slots=True)
class Line:
    """One access as the list shows it."""

    id: str
    day: str
    who: str
    place: str
    times: str
    purpose: str
    rules: list[Markup]
    seen: str
    written: str
    reference: str
    requests: str
    own: bool
    refused: bool
    emergency: bool
    state: str
    settled: bool


@dataclass(frozen=True, slots=True)
class JournalPages:
    """What a signed-in patient sees and does there."""

    desk: Desk
    account: Account
    disputes: Disputes
    journal: Journal
    proofs: Proofs

    def listed(self, request: Request) -> Answer:
        """The accesses that are asked for, newest first."""
        query = {name: value for name, value in request.query if name != "lang"}
        found = self.desk.enter(request, _back("journal", query))
        if isinstance(found, Answer):
            return found
        at, asked = found, {name: query.get(name, "").strip() for name in _FIELDS}
        if any(len(value) > _VALUE_MAX for value in asked.values()):
            raise BadParameter("a filter is too long")
        wanted, faults = _wanted(asked)
        before = query.get("before", "")
        if before and not (len(before) == _ENTRY and before.isalnum() and before.isascii()):
            raise BadParameter("not a page link of ours", "before")
        status = 422 if faults else 200
        used = {name: value for name, value in asked.items() if value}
        page = self.account.uses(at.caller, request.request_id, wanted, before)
        lines = [] if faults else [
            line_of(use, page.reviews.get(use.opening.id), at.words) for use in page.uses
        ]  # fmt: skip
        days = [(day, list(rows)) for day, rows in groupby(lines, key=lambda line: line.day)]
        link = self.desk.kit.link
        return self.desk.page(
            at, "journal.html", link(JOURNAL, **used), status,
            days=days, asked=asked, faults=faults, filtered=bool(used), told=query.get("told", ""),
            to=link(JOURNAL), cut=page.cut,
            older=link(JOURNAL, **used, before=page.older) if page.older and not faults else "",
            newest=link(JOURNAL, **used) if before else "",
            reached=at.words.day(commit_millis(page.older) // 1000) if page.older else "",
        )  # fmt: skip

    def shown(self, request: Request) -> Answer:
        """One access, its entries, the form to dispute it and the way to check it."""
        name = request.parameters["id"]
        query = {n: v for n, v in request.query if n != "lang"}
        found = self.desk.enter(request, _back(f"journal/{name}", query))
        if isinstance(found, Answer):
            return found
        return self._access(found, name, told=query.get("told", ""))

    def dispute(self, request: Request) -> Answer:
        """The patient does not recognise the access; the officer is asked to look at it."""
        name = request.parameters["id"]
        sent = self.desk.sent(request, _back(f"journal/{name}", {}))
        if isinstance(sent, Answer):
            return sent
        at, fields = sent
        code, text = one(fields, "code"), one(fields, "text")
        try:
            self.disputes.dispute(at.caller, request.request_id, name, code, text)
        except Invalid as refusal:
            error = refusal.issues[0].expression or ""
            return self._access(at, name, error=error, typed=text, chosen=code)
        count("AccessesDisputed")
        return self.desk.kit.redirect(self.desk.kit.link(f"{JOURNAL}/{name}", told="disputed"))

    def file(self, request: Request) -> Answer:
        """The exact bytes of an entry, or the proof that it is in the log, to keep."""
        name, part = request.parameters["id"], request.parameters["part"]
        if part not in _FILES:
            raise NotFound("there is no such file", "part")
        found = self.desk.enter(request, _back(f"journal/{name}", {}))
        if isinstance(found, Answer):
            return found
        body = self.journal.leaf(found.caller, request.request_id, name)
        if part == "proof":
            body = self.proofs.entry(name).encode()
        kept = f'attachment; filename="{part}-{name[21:]}.{_FILES[part]}"'
        headers = {"Content-Disposition": kept, "X-Content-Type-Options": "nosniff"}
        return Answer(200, body, headers, f"{TEXT}; charset=utf-8")

    def _access(self, at: At, name: str, **said: str) -> Answer:
        found = self.account.found(at.caller, at.request.request_id, name)
        link = self.desk.kit.link
        own = f"{JOURNAL}/{name}"
        page = {
            "line": line_of(found.use, found.review, at.words),
            "found": found,
            "entries": [_entry(e, e.id == name, link(f"{JOURNAL}/{e.id}"), at.words)
                        for e in found.use.entries],
            "written_at": at.words.moment(millis(found.entry) // 1000),
            "answered_at": _answered_at(found, at.words),
            "reasons": say.reasons(at.words),
            "reason": say.REASONS.get(found.said.get("code", ""), ""),
            "may_dispute": may_dispute(found.use.opening) and found.review is None,
            "most": at.words.number(TEXT_MAX),
            "files": {part: link(f"{own}/{part}") for part in _FILES},
            "key": link("/journal/key"),
            "to": link(own),
            "decide": _decide(found.use, link),
            "reference": reference_of(found.entry.entry),
            "error": "", "typed": "", "chosen": "", "told": "",
            "script": "page.js check.js",
            **said,
        }  # fmt: skip
        status = 422 if said.get("error") else 200
        return self.desk.page(at, "access.html", link(own), status, **page)


def line_of(use: Use, review: Review | None, words: Words) -> Line:
    """An access in the reader's words."""
    first, last = millis(use.opening) // 1000, millis(use.entries[0]) // 1000
    times = words.time(first)
    if words.time(last) != times:
        times = f"{times} \u2013 {words.time(last)}"
    who = use.who
    return Line(
        id=use.opening.id,
        day=words.day(first),
        who=who.get("name", "") or who.get("inpe", ""),
        place=who.get("organization_name", "") or who.get("organization", ""),
        times=times,
        purpose=say.purpose(use.opening, words),
        rules=say.rules(use, words),
        seen="" if use.refused else say.kinds(use.kinds(written=False), words),
        written="" if use.refused else say.kinds(use.kinds(written=True), words),
        reference=reference_of(use.opening.entry),
        requests=words.number(len(use.entries)),
        own=use.own,
        refused=use.refused,
        emergency=use.emergency,
        state=say.state(review.state, review.outcome, words) if review else "",
        settled=bool(review and review.outcome),
    )


def _entry(entry: Entry, here: bool, address: str, words: Words) -> dict[str, object]:
    disclosed = entry.disclosed.get("count")
    number = disclosed if isinstance(disclosed, int) else len(entry.what)
    return {
        "here": here,
        "address": address,
        "time": words.time(millis(entry) // 1000),
        "action": say.action(entry, words),
        "rule": say.rule(entry.rule, words),
        "refused": entry.outcome != "permit",
        "number": words.number(number) if number else "",
        "reference": reference_of(entry.entry),
    }


def _decide(use: Use, link: Callable[..., str]) -> str:
    """Where the patient decides about who asked; empty for themselves and whoever has no INPE."""
    inpe = use.who.get("inpe", "")
    return "" if use.own or not inpe else link(PEOPLE, inpe=inpe)


def _answered_at(found: Found, words: Words) -> str:
    if found.review is None or not found.review.answer:
        return ""
    return words.moment(commit_millis(found.review.answer) // 1000)


def _wanted(asked: Mapping[str, str]) -> tuple[Wanted, list[str]]:
    """What a filter asks for, and the fields of it that cannot be read."""
    faults = []
    days: dict[str, str] = {}
    for name, after in (("from", 0), ("to", 1)):
        try:
            days[name] = midnight(asked[name], after) if asked[name] else ""
        except ValueError:
            faults.append(name)
    reference = "".join(c for c in asked["ref"].upper() if c.isalnum())
    if asked["ref"] and len(reference) != _REFERENCE:
        faults.append("ref")
    if asked["only"] not in ONLY:
        faults.append("only")
    if faults:
        return Wanted(), faults
    only = cast("Only", asked["only"])
    return Wanted(days["from"], days["to"], asked["who"], only, reference), []


def midnight(day: str, after: int) -> str:
    """The instant at which a day begins in Morocco; `after` days later. ValueError for no day."""
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=ZONE) + timedelta(days=after)
        return instant(round(begins.timestamp() * 1000))
    except OverflowError:
        raise ValueError(day) from None


def _back(page: str, query: Mapping[str, str]) -> str:
    """A page by its name, with what it was asked for that is short."""
    kept = [f"{name}={query[name]}" for name in ("ref", "only") if query.get(name, "").isalnum()]
    return f"{page}?{'&'.join(kept)}" if kept else page
