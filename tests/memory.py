"""The deployed functions over the in-memory engine: their real handlers, thousands of times.

What moto does in a stack, the engine does here at a tenth of the time; keys and messages are
pretended. `snapshot` and `restore` put every table back, so that each request begins alike.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError

from dmp.adapters import aws
from dmp.adapters.dynamodb import client
from dmp.adapters.envelope import Ring
from infra.template import Resolver, load
from tests import races
from tests.engine import Engine, Key
from tests.stack import AWS, PARAMETERS, Stack
from tests.world import World

Tables = dict[Key, dict[str, Any]]


class Kms(races.Kms):
    """Keyed hashes as well; a key of another name opens nothing."""

    name = ""

    def decrypt(self, **asked: Any) -> dict[str, bytes]:
        """The key, by the name and in the context it was wrapped in."""
        held = self._wrapped.get(asked["CiphertextBlob"])
        if held is None or held[1] != asked["EncryptionContext"] or asked["KeyId"] != self.name:
            error = {"Error": {"Code": "InvalidCiphertextException", "Message": "no"}}
            raise ClientError(error, "Decrypt")
        return {"Plaintext": held[0]}

    def generate_mac(self, **asked: Any) -> dict[str, bytes]:
        """HMAC-SHA-256 under a key that is its own name."""
        key = str(asked["KeyId"]).encode()
        return {"Mac": hmac.digest(key, asked["Message"], hashlib.sha256)}


class Posts:
    """SNS, SES, SQS and S3: what was sent is kept, by the operation's name."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def note(**asked: Any) -> dict[str, str]:
            self.sent.append((operation, asked))
            return {"MessageId": f"m{len(self.sent)}"}

        return note


class Memory:
    """What World needs of a stack."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.posts = Posts()
        self._kms = Kms()
        self.template = load()
        self.resolver = Resolver(self.template, PARAMETERS, lambda name, _: name)
        self._kms.name = self.environment("RecordWrites")["RECORD_KEY_ARN"]

    environment = Stack.environment
    app = Stack.app

    def client(self, service: str) -> Any:
        """The engine, the keys, or what takes anything."""
        return {"dynamodb": self.engine, "kms": self._kms}.get(service, self.posts)

    def snapshot(self) -> Tables:
        """Every item, as it stands now."""
        return dict(self.engine.items)

    def restore(self, tables: Tables) -> None:
        """Every item, as it stood then; what was called and sent since is forgotten."""
        self.engine.items = dict(tables)
        self.engine.calls, self.engine.log = [], []
        self.posts.sent = []


@contextmanager
def remembered(*, real: bool = False) -> Iterator[World]:
    """A world in memory; sealing is pretended unless it is asked to be `real`."""
    made = Memory()
    with (
        mock.patch.dict(os.environ, AWS),
        mock.patch.object(aws, "client", made.client),
        mock.patch.object(client, "client", made.client),
        mock.patch.object(Ring, "seal", Ring.seal if real else races.pretended_seal),
        mock.patch.object(Ring, "open", Ring.open if real else races.pretended_open),
    ):
        yield World(made)  # type: ignore[arg-type]  # all that it asks of a stack


def memory_of(world: World) -> Memory:
    """The engine and the rest behind such a world."""
    stack: Any = world.stack
    assert isinstance(stack, Memory)
    return stack
