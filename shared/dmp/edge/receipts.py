"""Events of the mail provider (SES event publishing, through a topic) as receipts of notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dmp.edge.batch import Handler, topic_handler
from dmp.edge.logs import count
from dmp.use_cases.receipts import Fate, Receipt, Receipts


def receiving(receipts: Callable[[], Receipts]) -> Handler:
    """From the mail provider back to the notice."""

    def receive(event: Mapping[str, Any]) -> None:
        receipt = receipt_of(event)
        fate = receipts().take(receipt) if receipt else None
        count(f"Mails{fate.capitalize()}" if fate else "ReceiptsIgnored")

    return topic_handler(receive)


def receipt_of(event: Mapping[str, Any]) -> Receipt | None:
    """The receipt in an event; None when it is not about a notice, or not the mail's end."""
    mail = event["mail"]
    tags = mail.get("tags") or {}
    named = [*(tags.get("patient") or [""]), *(tags.get("entry") or [""]), mail["messageId"]]
    told = _told(event)
    if told is None or len(named) != len(("patient", "entry", "id")) or not all(named):
        return None
    fate, at = told
    patient, entry, provider_id = (str(name) for name in named)
    moment = datetime.fromisoformat(at)
    return Receipt(fate, patient, entry, provider_id, int(moment.timestamp()))


def _told(event: Mapping[str, Any]) -> tuple[Fate, str] | None:
    """What became of the mail and when. A bounce that may pass is the provider's to try again."""
    match event["eventType"]:
        case "Bounce" if event["bounce"]["bounceType"] == "Permanent":
            return "bounced", event["bounce"]["timestamp"]
        case "Reject":
            return "bounced", event["mail"]["timestamp"]
        case "Delivery":
            return "delivered", event["delivery"]["timestamp"]
        case "Complaint":
            return "complained", event["complaint"]["timestamp"]
        case _:
            return None
