"""`make cost`: what a million accesses cost, from measured counts, prices.yaml and nothing else.

An access is told once and lasts an hour: its first query opens it. Calls, units, bytes and CPU are
the bench's own, read from `.local/bench/measured.json` (`make bench` writes it); how people use the
record is assumed in prices.yaml, and a price that is to be confirmed is told with its range.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from dmp.adapters.texts import Texts
from dmp.domain.sms import parts
from infra.template import ROOT, load

PRICES = ROOT / "infra" / "prices.yaml"
MEASURED = ROOT / ".local" / "bench" / "measured.json"
ACCESSES = 1_000_000
NAMES = {
    "practitioner": "Dr Salma Amrani", "organization": "Clinique Atlas", "reference": "89ABCDEF",
    "at": "2026-11-22T10:05:00.000Z", "end": "2026-11-23T10:05:00.000Z", "count": "3",
}  # fmt: skip
GB = 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """One operation of the bench, the mean of one run of it."""

    calls: float
    kms: float
    signatures: float
    puts: float
    write_units: float
    read_units: float
    cpu_s: float
    bytes_out: float
    bytes_logged: float
    bytes_stored: float


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the bill for a million accesses."""

    what: str
    quantity: float
    dollars: float
    between: tuple[float, float] | None = None  # at the prices of a range that is to be confirmed


def measured(path: Path = MEASURED) -> dict[str, Measured]:
    """What the bench counted, by operation."""
    if not path.exists():
        raise SystemExit("nothing is measured yet: make bench")
    told = json.loads(path.read_text("utf-8"))
    return {name: Measured(**counts) for name, counts in told.items()}


def sms_parts(languages: Mapping[str, float]) -> float:
    """The mean parts of the notice of an access, from the texts themselves."""
    texts = Texts()
    total = sum(languages.values())
    return sum(
        share / total * parts(texts.render("access", language, NAMES).text)
        for language, share in languages.items()
    )


@cache
def memory_gb() -> float:
    """What the template gives a function."""
    return float(load()["Globals"]["Function"]["MemorySize"]) / 1024


def quantities(counts: Mapping[str, Measured], usage: Mapping[str, Any]) -> dict[str, float]:
    """How much of each priced thing one access takes."""
    later = usage["queries_per_access"] - 1
    requests = [
        (counts["first read"], 1.0),
        (counts["read"], later / 2),
        (counts["search, 50 of 200"], later / 2),
        (counts["transaction of 20"], usage["writes_per_access"]),
    ]
    told = 1.0 - usage["digest_share"]
    asked = sum(times for _, times in requests)  # each has its journal entry
    sealing, batch = counts["seal 1,000 leaves"], asked / 1000
    behind = [(counts["tell"], told), (counts["announce"], asked / 2), (sealing, batch)]
    every = requests + behind

    def total(name: str, of: list[tuple[Measured, float]] = every) -> float:
        return sum(float(getattr(one, name)) * times for one, times in of)

    waited = (total("calls") + total("kms")) * usage["wait_ms_per_call"] / 1000
    return {
        "dynamodb_write_units": total("write_units"),
        "dynamodb_read_units": total("read_units"),
        "dynamodb_gb_months": total("bytes_stored") / GB * usage["stored_months"],
        "kms_calls": total("kms") - total("signatures"),
        "kms_signatures": total("signatures"),
        "lambda_requests": asked + told + batch,
        "lambda_gb_seconds": (total("cpu_s") / usage["cpu_share"] + waited) * memory_gb(),
        "api_requests": asked,
        "api_gb_out": total("bytes_out", requests) / GB,
        "sqs_requests": 3 * (told + asked),
        "stream_reads": asked + told,
        "s3_puts": sealing.puts * batch,
        "log_gb": total("bytes_logged") / GB,
        "sms_parts": told * (1 - usage["mail_share"]) * sms_parts(usage["languages"]),
        "mails": told * usage["mail_share"],
    }


def bill(counts: Mapping[str, Measured], told: Mapping[str, Any]) -> list[Term]:
    """Every term, the largest first. A quantity without a price is an error, not nothing."""
    terms = []
    for name, each in quantities(counts, told["usage"]).items():
        price = told["prices"][name]
        quantity = each * ACCESSES
        bought, unsure = quantity / price["per"], price.get("to_be_confirmed")
        between = (bought * unsure[0], bought * unsure[1]) if unsure else None
        terms.append(Term(name, quantity, bought * price["price"], between))
    return sorted(terms, key=lambda term: -term.dollars)


def main() -> int:
    """The table, and its largest term."""
    told = yaml.safe_load(PRICES.read_text("utf-8"))
    terms = bill(measured(), told)
    total = sum(term.dollars for term in terms)
    table = Table(title=f"a million accesses, {told['region']}, prices of {told['date']}")
    for heading in ("what", "quantity", told["currency"], "share", ""):
        table.add_column(heading, justify="left" if heading in ("what", "") else "right")
    for term in terms:
        share = f"{100 * term.dollars / total:.1f} %"
        mark = "to be confirmed: {:,.2f} to {:,.2f}".format(*term.between) if term.between else ""
        table.add_row(term.what, f"{term.quantity:,.0f}", f"{term.dollars:,.2f}", share, mark)
    console = Console(highlight=False, width=100)
    console.print(table)
    unsure = sum(term.dollars for term in terms if term.between)
    ends = [term.between or (term.dollars, term.dollars) for term in terms]
    least, most = sum(low for low, _ in ends), sum(high for _, high in ends)
    rest = [term for term in terms if term.what not in _MESSAGES]
    console.print(
        f"{total:,.2f} in all, {unsure:,.2f} of it at prices to be confirmed, which make it "
        f"{least:,.2f} to {most:,.2f}",
        f"the largest term is {terms[0].what}",
        f"without messages {sum(t.dollars for t in rest):,.2f}, most of it {rest[0].what}",
        sep="\n",
    )
    return 0


_MESSAGES = ("sms_parts", "mails")


if __name__ == "__main__":
    sys.exit(main())
