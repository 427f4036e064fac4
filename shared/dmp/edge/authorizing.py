"""The request authorizer's event and answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.domain.caller import Caller
from dmp.edge.caller import context_of

_SCHEME = "bearer"


def bearer_of(event: Mapping[str, Any]) -> str:
    """The token of the Authorization header; empty when there is not exactly one of Bearer."""
    values = [
        value
        for name, value in (event.get("headers") or {}).items()
        if name.lower() == "authorization" and isinstance(value, str)
    ]
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == _SCHEME else ""


def allowed(event: Mapping[str, Any], caller: Caller) -> dict[str, object]:
    """Allow for every route of the API's stage, since the answer is cached by token."""
    arn, stage, *_ = str(event["methodArn"]).split("/")
    return {
        "principalId": caller.subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": f"{arn}/{stage}/*",
                }
            ],
        },
        "context": context_of(caller),
    }
