"""The routes of /activations, and the tasks that the state machine calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.steps import Handler, step_handler
from dmp.fhir.json_reader import read_object
from dmp.use_cases.activation import Desk, Steps


def activation_api(desk: Callable[[], Desk]) -> Api:
    """The API; `desk` is called at the first request, for the steps' function has none."""
    api = Api("activation")

    @api.route("/activations", methods=["POST"], reads=(JSON,))
    def ask(request: Request) -> Answer:
        """Ask for a record."""
        view = desk().ask(read_object(request.body), request.source_ip)
        return _json(202, view, {"Location": f"/activations/{view['id']}"})

    @api.route("/activations/{id}", methods=["GET"])
    def progress(request: Request) -> Answer:
        """How far it is."""
        return _json(200, desk().progress(request.parameters["id"]))

    @api.route("/activations/{id}/confirmation", methods=["POST"], reads=(JSON,))
    def confirm(request: Request) -> Answer:
        """Give the code that came by SMS, and a PIN if one is wanted."""
        body = read_object(request.body)
        code, pin = body.get("code"), body.get("pin")
        return _json(202, desk().confirm(request.parameters["id"], code, pin))

    return api


def activation_tasks(steps: Callable[[], Steps]) -> Handler:
    """One handler for all tasks; `steps` is called at the first."""
    return step_handler(
        {
            "verify": lambda event: steps().verify(event["activation"]),
            "send-code": lambda event: steps().send_code(event["activation"], event["token"]),
            "expire": lambda event: steps().expire(event["activation"]),
            "refuse": lambda event: steps().refuse(event["activation"]),
            "open": lambda event: steps().open(event["activation"]),
            "fail": lambda event: steps().fail(event["activation"]),
        }
    )


def _json(status: int, content: dict[str, str], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(content), headers or {}, JSON)
