"""Transactions and batches: many requests in one.

A transaction's changes are one commit, or none; its GETs are answered after it, as they would be
alone. A batch's entries stand alone: one that fails is answered with its own outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from dmp.domain.instants import instant
from dmp.domain.record import Version
from dmp.domain.refusals import BadParameter, Invalid, Issue, NotFound, Refusal, TooLarge
from dmp.fhir import bundle, outcome
from dmp.fhir.validator import validate
from dmp.use_cases import access_queries
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.changes import Change, Kind, Made, Patch
from dmp.use_cases.commit import Committer
from dmp.use_cases.ports import Clock
from dmp.use_cases.record_writes import Target, change_of
from dmp.use_cases.written import Request, Written, bundle_answer, entry_answer

CHANGED_MAX = 80
NAMED_MAX = 20
KINDS: Mapping[str, Kind] = {
    "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete",
}  # fmt: skip
ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
PatchOf = Callable[[dict[str, Any]], Patch]


class Bundles:
    """`POST /fhir`."""

    def __init__(
        self, committer: Committer, queries: AccessQueries, clock: Clock, patch_of: PatchOf
    ) -> None:
        self._committer = committer
        self._queries = queries
        self._clock = clock
        self._patch_of = patch_of

    def post(self, request: Request, content: dict[str, Any]) -> Written:
        """200 with a transaction-response or batch-response, entry for entry."""
        entries = bundle.entries_of(content)
        if not entries:
            raise Invalid("a bundle has at least one entry", "Bundle.entry")
        if issues := validate(bundle.shell(content)):
            raise Invalid(issues)
        if content["type"] == "transaction":
            return self._transaction(request, entries)
        if request.idempotency_key:
            raise BadParameter("a batch is many requests: each needs its own", "Idempotency-Key")
        return self._batch(request, entries)

    def _transaction(self, request: Request, entries: Sequence[bundle.Entry]) -> Written:
        reads = [e for e in entries if e.method in ("GET", "HEAD")]
        writes = [e for e in entries if e not in reads] if reads else entries
        changes = [self._change(request, entry) for entry in writes]
        if sum(c.kind != "create" or c.criteria is not None for c in changes) > CHANGED_MAX:
            text = f"at most {CHANGED_MAX} entries may update, delete, patch or be conditional"
            raise TooLarge(text, "Bundle.entry")
        _sound(changes, writes)
        if not reads:
            return self._committer.write(request, changes, "transaction", bundle_answer(request))
        made = self._made(request, changes) if changes else []
        answered = {e.index: entry_answer(m, request) for e, m in zip(writes, made, strict=True)}
        answered |= {e.index: self._alone(partial(self._get, request, e)) for e in reads}
        return self._response("transaction", [answered[e.index] for e in entries])

    def _batch(self, request: Request, entries: Sequence[bundle.Entry]) -> Written:
        answered: dict[int, bundle.Answer] = {}
        for entry in sorted(entries, key=lambda e: ORDER.index(e.method)):
            answered[entry.index] = self._alone(partial(self._one, request, entry))
        return self._response("batch", [answered[e.index] for e in entries])

    def _one(self, request: Request, entry: bundle.Entry) -> bundle.Answer:
        if entry.method in ("GET", "HEAD"):
            return self._get(request, entry)
        change = self._change(request, entry)
        _sound([change], [entry])
        (made,) = self._made(request, [change])
        return entry_answer(made, request)

    def _made(self, request: Request, changes: Sequence[Change]) -> list[Made]:
        """Commit, and take what became of the changes rather than a rendered answer."""
        kept: list[Made] = []

        def render(made: Sequence[Made], _: int) -> Written:
            kept[:] = made
            return Written(200, {}, b"")

        self._committer.write(request, changes, "transaction", render)
        return kept

    def _alone(self, answer: Callable[[], bundle.Answer]) -> bundle.Answer:
        """An entry's own refusal is its own answer."""
        try:
            return answer()
        except Refusal as refusal:
            status, _ = outcome.response_of(refusal)
            return bundle.Answer(str(status), outcome=outcome.outcome_of(refusal, "entry"))

    def _change(self, request: Request, entry: bundle.Entry) -> Change:
        path = f"Bundle.entry[{entry.index}].resource"
        kind = KINDS.get(entry.method)
        if kind is None:
            raise Invalid("the method is not served in a bundle", f"{path}.request.method")
        where = _target(entry)
        patch = None
        resource = entry.resource
        if kind == "patch":
            patch, resource = self._patch_of(entry.resource or {}), None
        change = change_of(request, where, kind, path, resource, patch)
        return replace(change, names=tuple(bundle.names_of(entry)))

    def _get(self, request: Request, entry: bundle.Entry) -> bundle.Answer:
        path, _, query = entry.url.partition("?")
        asked = access_queries.Request(request.caller, request.request, entry.url)
        parts = path.strip("/").split("/")
        pairs = parse_qsl(query, keep_blank_values=True)
        match parts:
            case [kind]:
                return bundle.Answer("200 OK", resource=self._queries.search(asked, kind, pairs))
            case [kind, name, "_history", number]:
                return _version(self._queries.vread(asked, kind, name, number))
            case [kind, name, "_history"]:
                body = self._queries.history(asked, kind, name)
                return bundle.Answer("200 OK", resource=body)
            case ["Patient", name, "$everything"]:
                body = self._queries.everything(asked, name, pairs)
                return bundle.Answer("200 OK", resource=body)
            case ["Observation", "$lastn"]:
                return bundle.Answer("200 OK", resource=self._queries.lastn(asked, pairs))
            case [kind, name, "$meta"]:
                return bundle.Answer("200 OK", resource=self._queries.meta(asked, kind, name))
            case [kind, name]:
                return _version(self._queries.read(asked, kind, name))
        raise NotFound("no such request is served", f"Bundle.entry[{entry.index}].request.url")

    def _response(self, kind: str, answers: Sequence[bundle.Answer]) -> Written:
        at = instant(self._clock.now_ms())
        return Written(200, {}, bundle.transaction_response(kind, answers, last_updated=at))


def _target(entry: bundle.Entry) -> Target:
    """Type, id and conditions of an entry."""
    path, mark, criteria = entry.url.partition("?")
    kind, _, name = path.partition("/")
    created = entry.method == "POST"
    return Target(
        type=kind,
        id=name or None,
        criteria=entry.if_none_exist if created else criteria if mark or not name else None,
        if_match=entry.if_match,
        if_none_match=entry.if_none_match,
    )


def _sound(changes: Sequence[Change], entries: Sequence[bundle.Entry]) -> None:
    """422 with the faults of every resource, or the references that lead nowhere."""
    issues: list[Issue] = []
    for change in changes:
        if change.resource is not None:
            issues += validate(dict(change.resource), path=change.path)
    if issues:
        raise Invalid(issues[:100])
    known = {name for change in changes for name in change.names}
    resources = [(e.index, e.resource) for e in entries if e.resource is not None]
    if broken := bundle.unresolved(resources, known):
        raise Invalid(broken[:NAMED_MAX])


def _version(version: Version) -> bundle.Answer:
    return bundle.Answer(
        "200 OK",
        etag=f'W/"{version.version}"',
        last_modified=version.at,
        resource=version.body,
    )
