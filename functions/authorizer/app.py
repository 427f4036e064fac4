"""The request authorizer: judges the token alone, offline; functions judge everything else."""

from __future__ import annotations

import time
from typing import Any

from dmp.adapters.aws import client
from dmp.adapters.signing import TokenKey
from dmp.domain.refusals import Unauthenticated
from dmp.edge.authorizing import allowed, bearer_of
from dmp.edge.clock import agree_with_gateway
from dmp.edge.logs import count, logger, metrics
from dmp.settings import AuthorizerSettings

settings = AuthorizerSettings.from_environment()
key = TokenKey(
    client("kms"),
    settings.token_key_arn,
    settings.base_url,
    settings.region_code,
    settings.other_token_key_arn,
)


def _authorize(event: dict[str, Any], _: object) -> dict[str, object]:
    agree_with_gateway(event)
    try:
        caller = key.caller(bearer_of(event), int(time.time()))
    except Unauthenticated:
        count("Unauthorized")
        raise Exception("Unauthorized") from None  # noqa: TRY002  # the text that makes it a 401
    count("Authorized")
    return allowed(event, caller)


handler = logger.inject_lambda_context(
    metrics.log_metrics(_authorize, raise_on_empty_metrics=False), clear_state=True
)
