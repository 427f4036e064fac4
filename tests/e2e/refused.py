"""What every refusal below /fhir must look like."""

from __future__ import annotations

from typing import Any

import httpx


def refused(answer: httpx.Response, status: int, code: str = "") -> list[dict[str, Any]]:
    """The issues of an OperationOutcome that is complete: codes, a text and the request's id."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:600]}"
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.headers["Cache-Control"] == "no-store"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    issues: list[dict[str, Any]] = outcome["issue"]
    assert issues
    told = {answer.headers[name] for name in ("x-request-id", "x-amzn-requestid")
            if name in answer.headers}  # fmt: skip
    for issue in issues:
        assert issue["severity"] == "error"
        assert issue["code"]
        assert issue["details"]["text"]
        [coding] = issue["details"]["coding"]
        assert code in ("", coding["code"]), coding
        assert issue["diagnostics"].removeprefix("request ") in told
    return issues
