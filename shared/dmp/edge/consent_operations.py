"""The operations on Consent over HTTP: Parameters in, a Consent or Parameters out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dmp.domain.refusals import Issue, MethodNotAllowed
from dmp.edge.http import Answer, Request
from dmp.edge.logs import count
from dmp.edge.oauth import lasting
from dmp.edge.validation import NOT_SERVED
from dmp.edge.writes import answer_of, write_of
from dmp.fhir.json_reader import read_object
from dmp.fhir.outcome import operation_outcome
from dmp.use_cases.break_glass import BreakGlass
from dmp.use_cases.contests import Contests
from dmp.use_cases.explaining import Explaining
from dmp.use_cases.first_meeting import FirstMeeting
from dmp.use_cases.reviews import Reviews

_ASKED = "if there is such a record, its patient was sent a code to tell you; it is valid 5 minutes"
_COUNTED = {"sent": "RequestsSent", "not-sent": "RequestsNotSent", "nobody": "RequestsOfNobody"}


@dataclass(frozen=True, slots=True)
class Operations:
    """Who serves them. `least_ms`: how long `$request` takes at least, whatever the record."""

    meeting: FirstMeeting
    break_glass: BreakGlass
    contests: Contests
    explaining: Explaining
    reviews: Reviews
    least_ms: int


def answer_of_operation(operations: Callable[[], Operations], request: Request) -> Answer:
    """An operation of the type, by the name that stands in place of an id."""
    view = _OF_TYPE.get(request.parameters["id"])
    if view is None:
        raise MethodNotAllowed(NOT_SERVED)
    return view(operations(), request)


def answer_of_contest(operations: Callable[[], Operations], request: Request) -> Answer:
    """`$contest`, the one operation of an instance."""
    if request.parameters["operation"] != "$contest":
        raise MethodNotAllowed(NOT_SERVED)
    name, content = request.parameters["id"], read_object(request.body)
    done = operations().contests.contest(write_of(request), name, content)
    count("BreakGlassContested")
    return answer_of(done)


def _request(operations: Operations, request: Request) -> Answer:
    with lasting(operations.least_ms):
        asked = operations.meeting.request(write_of(request), read_object(request.body))
    count(_COUNTED[asked])
    told = Issue(_ASKED, None, "informational", "information")
    return Answer(202, operation_outcome([told], "asked", request.request_id))


def _grant(operations: Operations, request: Request) -> Answer:
    return answer_of(operations.meeting.grant(write_of(request), read_object(request.body)))


def _break_glass(operations: Operations, request: Request) -> Answer:
    done = operations.break_glass.open(write_of(request), read_object(request.body))
    count("BreakGlass")
    return answer_of(done)


def _explain(operations: Operations, request: Request) -> Answer:
    body = read_object(request.body)
    return Answer(200, operations.explaining.explain(write_of(request), body))


def _simulate(operations: Operations, request: Request) -> Answer:
    body = read_object(request.body)
    return Answer(200, operations.explaining.simulate(write_of(request), body))


_OF_TYPE = {
    "$request": _request,
    "$grant": _grant,
    "$break-glass": _break_glass,
    "$explain": _explain,
    "$simulate": _simulate,
}
