"""AWS clients: one session, one client a service, time-outs far below the gateway's 29 s."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# A message that timed out may have gone out: the next try is the ledger's, not botocore's.
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
_SENDING = ("sns", "ses")
_CONFIG = Config(
    user_agent="dmp",  # composed anew for every call otherwise, at a tenth of its CPU
    connect_timeout=2,
    read_timeout=6,
    tcp_keepalive=True,
    parameter_validation=False,  # a seventh of the CPU of a call; PynamoDB does the same
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


@cache
def client(service: str) -> Any:
    """The process's client of a service. Region, endpoint and credentials: the environment's."""
    made: Any = _session()
    config = _CONFIG.merge(_ONCE) if service in _SENDING else _CONFIG
    return made.client(service, config=config)


class _Later:
    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(client(self._service), name)


def later(service: str) -> Any:
    """The same client, made when it is first used: making one takes up to a tenth of a start."""
    return _Later(service)


def forget() -> None:
    """Make new clients from now on (tests, after the environment has changed)."""
    client.cache_clear()
    _session.cache_clear()
