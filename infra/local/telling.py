"""What the demo shows: messages, values and the journal, as a person sees them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

console = Console(highlight=False, width=110)


def value_of(text: str) -> str:
    """The value with its digits as they were sent."""
    quantity = json.loads(text, parse_float=str)["valueQuantity"]
    return f"{quantity['value']} {quantity['unit']}"


def show_sms(message: Mapping[str, Any]) -> None:
    """A message as its reader sees it."""
    title = f"{message['channel']} to {message['to']}"
    console.print(Panel(escape(message["text"]), title=title, width=80, border_style="cyan"))


def show_journal(events: list[dict[str, Any]]) -> None:
    """Who, when, what, by which rule."""
    table = Table(title="the patient's journal, newest first")
    for heading in ("when", "who", "what", "outcome", "rule"):
        table.add_column(heading)
    for event in events[:14]:
        who = next((a for a in event["agent"] if a["requestor"]), event["agent"][0])
        name = who.get("name") or who["who"].get("display") or "the patient"
        outcome = "permit" if event["outcome"] == "0" else event["outcomeDesc"]
        what = what_of(event)
        table.add_row(event["recorded"][11:19], name, what, outcome,
                      event["extension"][0]["valueCode"])  # fmt: skip
    console.print(table)


def what_of(event: dict[str, Any]) -> str:
    """The request as the journal keeps it, or the kind of event; without the pseudonym."""
    queries = [e["query"] for e in event["entity"] if "query" in e]
    told = base64.b64decode(queries[0]).decode() if queries else event["subtype"][0]["code"]
    return re.sub(r"[0-9a-v]{20}(\.[0-9a-v.]+)?", "…", told)
