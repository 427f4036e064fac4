"""Requests and events with a word put into every place that their sender fills."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

Json = Any
Event = dict[str, Any]
HEADERS = (
    "Host", "Origin", "Referer", "User-Agent", "Cookie", "Forwarded", "X-Forwarded-Host",
    "X-Forwarded-For", "X-Request-Id", "X-Original-URL", "Link", "Location", "DPoP",
)  # fmt: skip
READ = (
    "Accept", "Accept-Language", "Content-Type", "If-Match", "If-None-Match", "If-None-Exist",
    "If-Modified-Since", "Idempotency-Key", "Prefer",
)  # fmt: skip


def leaves(value: Json) -> Iterator[tuple[str | int, ...]]:
    """The path of every text in a JSON value, and of the value's own members."""
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from ((name, *rest) for rest in leaves(value[name]))
    elif isinstance(value, str):
        yield ()


def replaced(value: Json, path: tuple[str | int, ...], word: str) -> Json:
    """The value with the word at that path."""
    if not path:
        return word
    made = copy.copy(value)
    made[path[0]] = replaced(value[path[0]], path[1:], word)
    return made


def bodies(body: Json, word: str) -> Iterator[Json]:
    """The word for each text of the body in turn, as one member more, and instead of all."""
    for path in leaves(body):
        yield replaced(body, path, word)
    if isinstance(body, dict):
        yield {**body, "unknown": word}
        yield {**body, word: 1}
    yield word
    yield f'{{"{word}": '  # no JSON


def planted(event: Event, word: str) -> Iterator[Event]:
    """Events like this one, the word in one more place of each."""
    if "httpMethod" in event:
        given = event.get("headers") or {}
        yield {**event, "headers": {**dict.fromkeys(HEADERS, word), **given}}
        yield from _requests(event, word)
    elif "Records" in event:
        for body in _records(event["Records"][0], word):
            yield {**event, "Records": [body]}
    else:
        for path in leaves(event):
            if path[0] not in ("step", "source"):
                yield replaced(event, path, word)


def planted_headers(event: Event, word: str) -> Iterator[Event]:
    """Requests like this one, the word in one more header of each; every route reads them alike."""
    given = event.get("headers") or {}
    for name in (*READ, *given):
        yield {**event, "headers": {**given, name: word}}


def _requests(event: Event, word: str) -> Iterator[Event]:
    query = event.get("multiValueQueryStringParameters") or {}
    for values in ({**query, "unknown": [word]}, {**query, word: ["1"]}):
        yield {**event, "multiValueQueryStringParameters": values}
    for name in query:
        changed = {**query, name: [word]}
        yield {**event, "multiValueQueryStringParameters": changed}
    for name in event.get("pathParameters") or {}:
        yield {**event, "pathParameters": {**event["pathParameters"], name: word}}
    text = event.get("body") or ""
    if text.startswith("{"):
        for body in bodies(json.loads(text), word):
            yield {**event, "body": body if isinstance(body, str) else json.dumps(body)}
    elif text:
        pairs = parse_qsl(text, keep_blank_values=True)
        for name, _ in [*pairs, ("unknown", "")]:
            yield {**event, "body": urlencode({**dict(pairs), name: word})}


def _records(record: Event, word: str) -> Iterator[Event]:
    """A queue's message, a topic's, or a stream's change."""
    if "dynamodb" in record:  # of a row its keys are ours, and tell of nobody
        paths = (path for path in leaves(record) if not {"pk", "sk"} & set(path))
        yield from (replaced(record, path, word) for path in paths)
        return
    put: Callable[[str], Event] = lambda text: {**record, "body": text}  # noqa: E731
    text = record.get("body", "")
    if "Sns" in record:
        text = record["Sns"]["Message"]
        put = lambda text: {**record, "Sns": {**record["Sns"], "Message": text}}  # noqa: E731
    for body in bodies(json.loads(text), word):
        yield put(body if isinstance(body, str) else json.dumps(body))
