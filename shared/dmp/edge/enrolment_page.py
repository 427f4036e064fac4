"""The page on which a practitioner makes a passkey with their administrator's code."""

from __future__ import annotations

from dmp.edge.authorization_steps import ENROLMENT
from dmp.edge.http import Answer, Request
from dmp.edge.pages import Kit


def enrolment_page(kit: Kit, request: Request) -> Answer:
    """The same for everybody: its script asks /oauth2/enrolments, which judges the code."""
    values = {
        "here": kit.link(ENROLMENT),
        "enrolments": kit.link("/oauth2/enrolments"),
        "script": "page.js",
    }
    return kit.page("enrolment.html", kit.reader(request), values)
