"""Handlers of a state machine's tasks: errors cross by class name alone, texts never."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dmp.domain.refusals import Unavailable
from dmp.edge.logs import count, log_unknown, logger, metrics

Step = Callable[[Mapping[str, str]], str | None]
Handler = Callable[[dict[str, Any], object], dict[str, str]]


class StepFailed(Exception):
    """A step failed in a way that is not known to pass; the log tells where."""


def step_handler(steps: Mapping[str, Step]) -> Handler:
    """A handler of `{"step": name, …}` that answers `{"next": …}`.

    Unavailable passes, for the state machine repeats it; anything else becomes StepFailed, since
    a history keeps an error's text and that may quote a person.
    """

    def handle(event: dict[str, Any], _: object) -> dict[str, str]:
        count("Steps")
        try:
            return {"next": steps[event["step"]](event) or ""}
        except Unavailable:
            count("Unavailable")
            raise Unavailable("a service was busy") from None
        except Exception as error:  # noqa: BLE001  # its text must not reach the history
            log_unknown(error)
            count("Failed")
            raise StepFailed("see the log") from None

    handler: Handler = logger.inject_lambda_context(
        metrics.log_metrics(handle, raise_on_empty_metrics=False), clear_state=True
    )
    return handler
