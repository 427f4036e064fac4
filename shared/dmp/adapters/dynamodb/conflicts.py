"""What DynamoDB refuses, sorted: conflicts are tried again, failed conditions told, the rest 503.

botocore repeats throttling, 5xx and time-outs with the same request token, but never a
TransactionConflict: two transactions met on one item. That alone is repeated here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from dmp.domain.refusals import Unavailable

T = TypeVar("T")
TRIES_MAX = 5
WITHIN_S = 1.0
CONDITION = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"


class ConditionsFailed(Exception):
    """A transaction whose conditions did not hold: `failed` are the positions of its items."""

    def __init__(self, failed: frozenset[int]) -> None:
        super().__init__("conditions failed")
        self.failed = failed


def retrying(transact: Callable[[], T]) -> T:
    """Run a transaction; ConditionsFailed, or Unavailable after 5 tries within a second.

    A cancelled transaction left nothing behind, so it may run again as it is.
    """
    deadline = time.monotonic() + WITHIN_S
    for attempt in range(TRIES_MAX):
        try:
            return transact()
        except (TransactWriteError, ClientError) as error:
            codes = _reasons(error)
            failed = frozenset(i for i, code in enumerate(codes) if code == CONDITION)
            if failed:
                raise ConditionsFailed(failed) from None
            pause = random.uniform(0, 0.025 * 2**attempt)  # noqa: S311  # jitter, not a secret
            if _CONFLICT not in codes or time.monotonic() + pause > deadline:
                raise Unavailable("dynamodb") from None
            time.sleep(pause)
        except BotoCoreError:
            raise Unavailable("dynamodb") from None
    raise Unavailable("dynamodb")


def _reasons(error: TransactWriteError | ClientError) -> list[str | None]:
    """Why each item of a cancelled transaction was refused; nothing for any other error."""
    if isinstance(error, TransactWriteError):
        return [reason.code if reason else None for reason in error.cancellation_reasons]
    reasons = error.response.get("CancellationReasons", [])
    return [reason.get("Code") for reason in reasons]


def available(call: Callable[[], T]) -> T:
    """Run a single call; a failure that is no condition becomes Unavailable."""
    try:
        return call()
    except PynamoDBException as error:
        raise _sorted(error.cause) from None
    except (ClientError, BotoCoreError) as error:
        raise _sorted(error) from None


def _sorted(cause: Exception | None) -> ConditionsFailed | Unavailable:
    """What it was. A read that timed out has a `response` too, and it is None."""
    response = getattr(cause, "response", None) or {}
    if response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
        return ConditionsFailed(frozenset({0}))
    return Unavailable("dynamodb")
