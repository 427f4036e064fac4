"""`$validate` over HTTP: 200 with an OperationOutcome, whatever is wrong with the content."""

from __future__ import annotations

from collections.abc import Callable

from dmp.domain.refusals import MethodNotAllowed
from dmp.edge.http import FHIR_BODIES, Answer, Api, Request
from dmp.fhir.outcome import operation_outcome
from dmp.use_cases.validation import validated

NOT_SERVED = "no such operation is served; a resource is changed with PUT"


def serve(api: Api, path: str, type_of: Callable[[Request], str]) -> None:
    """Register the operations that a POST names in place of an id: `$validate` is the only one."""

    @api.route(path, ["POST"], FHIR_BODIES)
    def operation(request: Request) -> Answer:
        if request.parameters["id"] != "$validate":
            raise MethodNotAllowed(NOT_SERVED)
        return answer(request, type_of(request))


def answer(request: Request, resource_type: str) -> Answer:
    """What `$validate` says; it needs a token, as every route does, and no patient."""
    issues = validated(resource_type, request.body, request.query)
    code = "invalid" if any(issue.severity == "error" for issue in issues) else "validated"
    return Answer(200, operation_outcome(issues, code, request.request_id))
