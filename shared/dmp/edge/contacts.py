"""The registrar's route to a patient's contact."""

from __future__ import annotations

import orjson

from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.edge.writes import write_of
from dmp.fhir.json_reader import read_object
from dmp.use_cases.contact_changes import ContactChanges


def serve_contacts(api: Api, changes: ContactChanges) -> None:
    """In person, at a registrar's."""

    @api.route("/contacts/{id}", ["POST"], (JSON,))
    def change(request: Request) -> Answer:
        """Another phone or e-mail, upon a document seen."""
        patient, body = request.parameters["id"], read_object(request.body)
        shown = changes.change(write_of(request), patient, body)
        count("ContactsChanged")
        return Answer(200, orjson.dumps(shown), media_type=JSON)
