"""The notices' ledger of a region: `python -m infra.reconcile STACK [--from DAY] [--until DAY]`.

Days are of Morocco's clock, the last one included; without them, all there is. Exit code 0: every
notice owed was told, left out by choice, undeliverable or is on its way, and none is in doubt.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime, timedelta

from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.ledger import ScannedLedger
from dmp.use_cases.notifications import ZONE
from dmp.use_cases.reconciliation import OUTCOMES, Ledger, reconciled
from infra.stacks import outputs

_SHOWN_MAX = 20


def main(words: list[str]) -> int:
    """The command; see the top of this file."""
    parser = argparse.ArgumentParser(prog="infra.reconcile", description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--from", dest="since", type=_day, metavar="DAY", help="2026-11-01")
    parser.add_argument("--until", type=_day, metavar="DAY", help="2026-11-30")
    given = parser.parse_args(words)
    since = int(given.since.timestamp() * 1000) if given.since else 0
    until = int((given.until + timedelta(days=1)).timestamp() * 1000) if given.until else 1 << 45
    table = outputs(given.stack)["RecordsTable"]
    ledger = reconciled(ScannedLedger(dynamodb(), table), since, until, int(time.time()))
    sys.stdout.write(told(ledger))
    return 0 if ledger.balanced and not ledger.outcomes["in doubt"] else 1


def told(ledger: Ledger) -> str:
    """The ledger as a table, and up to 20 faults by entry."""
    lines = [f"{'owed':<16}{ledger.owed:>10}", f"{'of them accesses':<16}{ledger.accesses:>10}"]
    lines += [f"  {name:<14}{ledger.outcomes[name]:>10}" for name in OUTCOMES]
    words = "balanced" if ledger.balanced else "NOT BALANCED"
    rest = "at rest" if ledger.at_rest else "not at rest: some are on their way"
    lines += [f"{words}, {rest}", *ledger.faults[:_SHOWN_MAX]]
    return "\n".join(lines) + "\n"


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZONE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
