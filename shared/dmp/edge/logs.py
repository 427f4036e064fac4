"""Logger and metrics of a function. Only the keys named here may be logged: no health data."""

from __future__ import annotations

import logging
import traceback

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

# pynamodb and the SDK print items and data keys at DEBUG; the SDK prints a traceback a refusal.
for _name in ("aws_encryption_sdk", "boto3", "botocore", "pynamodb"):
    logging.getLogger(_name).setLevel(logging.CRITICAL if "sdk" in _name else logging.WARNING)

logger = Logger()
metrics = Metrics(namespace="DMP")


def count(name: str, value: int = 1) -> None:
    """Add to a metric of the function (EMF, written once at the end of the invocation)."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def log_unknown(error: BaseException) -> None:
    """Log an unexpected error by class and place; its text may quote the record and is left out."""
    frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    logger.error("unknown error", extra={"error": type(error).__name__, "frames": frames[-12:]})
