"""The emulator's process: ministack with its repairs, a dated record of messages, saved state.

Runs in the emulator's own environment (infra/local/requirements.txt) and imports nothing of ours
but its neighbour. Every SMS and mail is written to the file DMP_MESSAGES and served at
MESSAGES_PATH, the number of AWS calls so far at CALLS_PATH; the state is saved every few seconds
while anything happens, so that `kill -9` costs little.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ministack.app as gateway
from ministack.core import persistence
from ministack.services import ses, ses_v2, sns

from infra.local import repairs

SAVE_EVERY_S = 5
MESSAGES_PATH = "/_dmp/messages"
CALLS_PATH = "/_dmp/calls"
# Changed by deployments alone, and large: saved only when one of these services was called.
HEAVY = {
    "lambda",
    "logs",
    "cloudwatch_logs",
    "cloudformation",
    "apigateway",
    "apigateway_v1",
    "iam",
}
_CREDENTIAL = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/")


class Called:
    """What was called: services since the last save, actions since the start."""

    def __init__(self) -> None:
        self._light = self._heavy = False
        self.actions: Counter[str] = Counter()

    def note(self, headers: dict[bytes, bytes]) -> None:
        """Take the service from the request's signature; what is unsigned runs a function."""
        found = _CREDENTIAL.search(headers.get(b"authorization", b""))
        self._light = True
        if found is not None:
            service = found[1].decode()
            self._heavy |= service in HEAVY
            action = headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]
            self.actions[f"{service}.{action}" if action else service] += 1

    def answer(self) -> bytes:
        """The counts as a JSON object."""
        return json.dumps(self.actions).encode()

    def take(self) -> tuple[bool, bool]:
        """Whether anything, and whether anything heavy was called; forgotten with this answer."""
        taken = (self._light, self._heavy)
        self._light = self._heavy = False
        return taken


class Messages:
    """Every SMS and mail with its date, newest last, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def note(self, message: dict[str, str]) -> None:
        """Append one message."""
        dated = {**message, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dated, ensure_ascii=False) + "\n")

    def answer(self) -> bytes:
        """The messages as a JSON list."""
        with self._lock:
            lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        return ("[" + ",".join(lines) + "]").encode()


class Noted:
    """A list of the emulator whose `append` is also told to us."""

    def __init__(self, inner: list[Any], messages: Messages) -> None:
        self._inner = inner
        self._messages = messages

    def append(self, record: dict[str, Any]) -> None:
        """Keep the record and note the message."""
        self._inner.append(record)
        if "PhoneNumber" in record:
            text = record["Message"]
            self._messages.note({"channel": "sms", "to": record["PhoneNumber"], "text": text})
            return
        for to in [*record["To"], *record["CC"], *record["BCC"]]:
            text, subject = record["BodyText"], record["Subject"]
            self._messages.note({"channel": "email", "to": to, "text": text, "subject": subject})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


def record_messages(messages: Messages) -> None:
    """Note what SNS and SES take; the emulator keeps SMS without a date and loses mail."""
    sms, mail = sns._sms_log_for, ses._sent_emails_list
    assert ses_v2._sent_emails_list is mail, "ministack changed: look at the record of mail again"
    sns._sms_log_for = lambda phone: Noted(sms(phone), messages)
    ses._sent_emails_list = ses_v2._sent_emails_list = lambda: Noted(mail(), messages)


def serve_messages(messages: Messages, called: Called) -> None:
    """Answer our own paths before the emulator sees them; note the service of every other call."""
    emulated = gateway.app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        answers = {MESSAGES_PATH: messages.answer, CALLS_PATH: called.answer}
        answer = answers.get(scope.get("path"))
        if answer is None:
            if scope["type"] == "http" and not scope["path"].startswith("/_ministack/"):
                called.note(dict(scope["headers"]))
            await emulated(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer()})

    gateway.app = app


def save_while_running(called: Called) -> None:
    """Save what was touched, and once more when it has become quiet (queues drain unseen)."""
    before = False
    while True:
        time.sleep(SAVE_EVERY_S)
        any_call, heavy_call = called.take()
        if any_call or before:
            services = gateway._build_persistence_save_dict()
            wanted = {k: v for k, v in services.items() if heavy_call or k not in HEAVY}
            persistence.save_all(wanted)
        before = any_call


def main() -> None:
    """Repair, record, serve."""
    repairs.repair_all()
    logging.getLogger("persistence").setLevel(logging.ERROR)
    messages, called = Messages(Path(os.environ["DMP_MESSAGES"])), Called()
    record_messages(messages)
    serve_messages(messages, called)
    threading.Thread(target=save_while_running, args=(called,), daemon=True).start()
    gateway.main()


if __name__ == "__main__":
    main()
