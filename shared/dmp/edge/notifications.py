"""The routes of /preferences, and the three functions that a notice passes through."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from dmp.domain.notices import DIGEST
from dmp.edge.batch import Change, Handler, queue_handler, scheduled_handler, stream_handler
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.fhir.json_reader import read_object
from dmp.use_cases.notifications import Announcer, Sender, Sweeper
from dmp.use_cases.preferences import Preferences
from dmp.use_cases.sealing import Leaf, LeafAnnouncer


def preferences_api(preferences: Callable[[], Preferences]) -> Api:
    """The API; `preferences` is called at the first request."""
    api = Api("notifications")

    @api.route("/preferences", methods=["GET"])
    def shown(request: Request) -> Answer:
        """How the patient is told."""
        return _json(200, preferences().shown(request.authenticated()))

    @api.route("/preferences", methods=["PUT"], reads=(JSON,))
    def prefer(request: Request) -> Answer:
        """Choose language, channel and rhythm."""
        body = read_object(request.body)
        return _json(200, preferences().prefer(request.authenticated(), body))

    @api.route("/preferences/contact", methods=["POST"], reads=(JSON,))
    def ask_address(request: Request) -> Answer:
        """Send a code to a new address."""
        body = read_object(request.body)
        return _json(202, preferences().ask_address(request.authenticated(), body))

    @api.route("/preferences/contact/confirmation", methods=["POST"], reads=(JSON,))
    def confirm_address(request: Request) -> Answer:
        """Give the code that came to the new address."""
        code = read_object(request.body).get("code")
        return _json(200, preferences().confirm_address(request.authenticated(), code))

    return api


def announcing(
    announcer: Callable[[], Announcer], leaf_announcer: Callable[[], LeafAnnouncer]
) -> Handler:
    """From the stream to the queues; whatever else the filter lets through is left.

    One reader for notices and leaves: a shard of a stream bears two readers, and the compactor is
    the other.
    """

    def announce(change: Change) -> None:
        kind, _, entry = str(change.keys["sk"]).partition("#")
        if change.event != "INSERT":
            return
        if kind == "N" and not entry.startswith(DIGEST):  # the sweep finds it at its hour
            queued = announcer().announce(change.keys["pk"], entry)
            count("NoticesQueued" if queued else "NoticesToDeadLetters")
        if kind == "J":
            leaf = Leaf(f"{change.keys['pk']}.{entry}", base64.b64decode(change.image["leaf"]))
            queued = leaf_announcer().announce(leaf)
            count("LeavesQueued" if queued else "LeavesToDeadLetters")

    return stream_handler(announce)


def delivering(sender: Callable[[], Sender]) -> Handler:
    """From the queue to phone or mail."""

    def deliver(message: Mapping[str, Any]) -> None:
        delivered = sender().deliver(message["patient"], message["entry"])
        count(f"Notices{delivered.capitalize()}")

    return queue_handler(deliver)


def sweeping(sweeper: Callable[[], Sweeper]) -> Handler:
    """From the index of what is owed to the queue."""
    return scheduled_handler(lambda: count("NoticesOverdue", sweeper().sweep()))


def _json(status: int, content: Mapping[str, object]) -> Answer:
    return Answer(status, orjson.dumps(content), media_type=JSON)
