"""The function's clock beside that of whoever called it: the gateway, a queue, a schedule.

Permits, leases and ids hang on the clock. On AWS a signature made minutes off is refused by every
service; on other stacks nothing else would notice. Which of the two clocks is wrong is not known:
nothing is done until they agree.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dmp.domain.refusals import Unavailable
from dmp.edge.logs import count

APART_MS_MAX = 60_000  # the gateway itself gives up after 29 s


def agree_with_gateway(event: Mapping[str, Any]) -> None:
    """Unavailable, and a metric that rings, when the gateway took the request at another time."""
    told = (event.get("requestContext") or {}).get("requestTimeEpoch")
    if isinstance(told, int) and abs(_now_ms() - told) > APART_MS_MAX:
        _wrong()


def agree_with_queue(attributes: Mapping[str, Any]) -> None:
    """The same of a message; one that came before may be old, but never from the future."""
    told = str(attributes.get("ApproximateFirstReceiveTimestamp") or "")
    if not told.isdecimal():
        return
    late = _now_ms() - int(told)
    again = str(attributes.get("ApproximateReceiveCount") or "1") != "1"
    if late < -APART_MS_MAX or (late > APART_MS_MAX and not again):
        _wrong()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _wrong() -> None:
    count("ClockWrong")
    raise Unavailable("clock")
