"""A JWK set as a partner's URL answers it: never an error, and only keys that are strong."""

from __future__ import annotations

from dmp.adapters.assertions import ALGORITHMS
from dmp.adapters.jwt import registered_keys

REFUSALS = (UnicodeDecodeError,)  # the adapter's own line before it


def check(data: bytes) -> None:
    for kid, key in registered_keys(data.decode("utf-8"), ALGORITHMS).items():
        assert kid == key.kid
        assert key.alg in ("ES384", "RS384")
        assert "d" not in key.key.as_dict()
