"""The routes under /fhir/Consent: create, change, revoke, read (ITI-108), and the operations."""

from __future__ import annotations

from collections.abc import Callable

from dmp.edge import reads, validation
from dmp.edge.consent_operations import Operations, answer_of_contest, answer_of_operation
from dmp.edge.http import FHIR_BODIES, FORM, Answer, Api, Request
from dmp.edge.writes import answer_of, write_of
from dmp.fhir.json_reader import read_object
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.consent_changes import CONSENT, ConsentChanges, patient_only

PATH = "/fhir/Consent"


def serve_changes(api: Api, changes: ConsentChanges) -> None:
    """What the patient changes."""

    @api.route(PATH, ["POST"], FHIR_BODIES)
    def create(request: Request) -> Answer:
        """A new consent, in force at once when active."""
        return answer_of(changes.create(write_of(request), read_object(request.body)))

    @api.route(f"{PATH}/{{id}}", ["PUT"], FHIR_BODIES)
    def update(request: Request) -> Answer:
        """The consent's next version; inactive revokes."""
        name, if_match = request.parameters["id"], request.header("if-match")
        return answer_of(
            changes.update(write_of(request), name, read_object(request.body), if_match)
        )

    @api.route(f"{PATH}/{{id}}", ["DELETE"])
    def revoke(request: Request) -> Answer:
        """The consent is over."""
        name, if_match = request.parameters["id"], request.header("if-match")
        return answer_of(changes.revoke(write_of(request), name, if_match))

    api.refuse(PATH, ["PUT", "PATCH", "DELETE"], "conditional changes are not served")
    api.refuse(f"{PATH}/{{id}}", ["PATCH"], "send the whole Consent with PUT")


def serve_reads(api: Api, queries: AccessQueries) -> None:
    """What the patient reads."""

    @api.route(f"{PATH}/_search", ["POST"], (FORM,))
    @api.route(PATH, ["GET"])
    def search(request: Request) -> Answer:
        """The patient's consents; the parameters in the query or in a form."""
        patient_only(request.authenticated())
        return Answer(200, queries.search(reads.read_of(request), CONSENT, request.query))

    @api.route(f"{PATH}/{{id}}", ["GET"])
    def read(request: Request) -> Answer:
        """One consent as it stands."""
        patient_only(request.authenticated())
        one = queries.read(reads.read_of(request), CONSENT, request.parameters["id"])
        return reads.not_modified(request, one) or reads.answer_of(one)

    @api.route(f"{PATH}/{{id}}/_history", ["GET"])
    def history(request: Request) -> Answer:
        """Every version of one consent."""
        patient_only(request.authenticated())
        name = request.parameters["id"]
        return Answer(200, queries.history(reads.read_of(request), CONSENT, name))

    @api.route(f"{PATH}/{{id}}/_history/{{vid}}", ["GET"])
    def vread(request: Request) -> Answer:
        """One version of one consent."""
        patient_only(request.authenticated())
        ids = request.parameters["id"], request.parameters["vid"]
        return reads.answer_of(queries.vread(reads.read_of(request), CONSENT, *ids))


def serve_operations(api: Api, operations: Callable[[], Operations]) -> None:
    """What a POST names in place of an id, or behind one; `operations` is called at the first."""

    @api.route(f"{PATH}/{{id}}", ["POST"], FHIR_BODIES)
    def operate(request: Request) -> Answer:
        """`$validate`, `$request`, `$grant`, `$break-glass`, `$explain`, `$simulate`."""
        if request.parameters["id"] == "$validate":
            return validation.answer(request, CONSENT)
        return answer_of_operation(operations, request)

    @api.route(f"{PATH}/{{id}}/{{operation}}", ["POST"], FHIR_BODIES)
    def operate_on(request: Request) -> Answer:
        """`$contest`, of a break-glass."""
        return answer_of_contest(operations, request)

    api.refuse(f"{PATH}/{{id}}/{{operation}}", ["GET"], "an operation is called by POST")
