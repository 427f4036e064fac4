"""JSON changed as a value, not as bytes: most of what comes out is JSON again and goes deeper."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 1.5, 1e300, 10**17, "", " ", "x", "#", "#x", "a/b", "Patient/1",
    "urn:uuid:x", "Patient?x=y", "http://x", "2020-02-30", "2024", "0000", "9999-12-31", "T",
    "{}", [], {}, [[]], [None], {"x": {}}, "é\u0000", "%", "?", "?=", "$", 'W/"1"', "*", "<div/>",
    "resourceType", {"reference": "#"}, {"extension": []}, "0" * 70, "٣",
)  # fmt: skip
STEPS_MAX = 4


def mutated(data: bytes, most: int, seed: int, by_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """The input changed in one to four places; by bytes when it is no JSON, and now and then."""
    chance = random.Random(seed)  # noqa: S311 - libFuzzer's own seed: the same again
    if chance.random() < 0.15:
        return by_bytes(data, most)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return by_bytes(data, most)
    if not isinstance(value, dict | list) or not value:
        return by_bytes(data, most)
    for _ in range(chance.randint(1, STEPS_MAX)):
        _step(value, chance)
    made = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return made if len(made) <= most else by_bytes(data, most)


def _step(root: Any, chance: random.Random) -> None:
    slots = list(_slots(root))
    if not slots:
        return
    holder, key = chance.choice(slots)
    kind = chance.randrange(6)
    if kind == 0:
        holder[key] = copy.deepcopy(chance.choice(SCALARS))
    elif kind == 1:
        del holder[key]
    elif kind in (2, 3):  # something that stands elsewhere
        other, at = chance.choice(slots)
        holder[key] = copy.deepcopy(other[at])
    elif kind == 4 and isinstance(holder, dict):
        other, at = chance.choice(slots)
        name = str(at) if isinstance(at, str) else "extension"
        holder[chance.choice((name, "_" + name))] = holder.pop(key)
    else:
        holder[key] = [copy.deepcopy(holder[key])] * chance.randint(1, 2)
    if isinstance(holder.get(key) if isinstance(holder, dict) else None, str):
        holder[key] = _text(holder[key], chance)


def _text(text: str, chance: random.Random) -> str:
    """A text with a piece left out, doubled or put in."""
    at = chance.randint(0, len(text))
    to = min(len(text), at + chance.randint(0, 3))
    piece = chance.choice(
        ("", "", text[at:to], "/", ".", "[0]", "'", "?", "=", "|", "-", "#", "~1")
    )
    return text[:at] + piece + text[to if chance.random() < 0.5 else at :]


def _slots(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, dict | list):
            yield from _slots(item)
