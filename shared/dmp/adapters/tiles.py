"""The log as it leaves the system: objects under lock, named as C2SP tlog-tiles names them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.log import TILE_BYTES
from dmp.domain.merkle import HASH_BYTES
from dmp.domain.refusals import Unavailable
from dmp.use_cases.sealing import Shown

CHECKPOINT = "checkpoint"
_GONE = frozenset({"NoSuchKey", "404"})
_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def tile_path(level: int, index: int, hashes: int) -> str:
    """`tile/<level>/<index in groups of three digits>[.p/<hashes>]`."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:  # a group of three digits
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = f".p/{hashes}" if hashes * HASH_BYTES < TILE_BYTES else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


class TilesBucket:
    """Implements the port `PublishedLog`."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def tile(self, level: int, index: int) -> bytes:
        """One GetObject."""
        return self.partial_tile(level, index, TILE_BYTES // HASH_BYTES)

    def partial_tile(self, level: int, index: int, hashes: int) -> bytes:
        """One GetObject."""
        found = self._get(tile_path(level, index, hashes))
        if found is None:
            raise Unavailable("s3")
        return bytes(found["Body"].read())

    def publish(self, level: int, index: int, hashes: bytes) -> None:
        """One PutObject, only where nothing is: what is there is the same."""
        path = tile_path(level, index, len(hashes) // HASH_BYTES)
        self._put(path, hashes, "application/octet-stream", IfNoneMatch="*")

    def checkpoint(self) -> Shown:
        """One GetObject."""
        found = self._get(CHECKPOINT)
        return Shown(found["Body"].read().decode(), found["ETag"]) if found else Shown()

    def publish_checkpoint(self, note: str, instead: Shown) -> bool:
        """One conditional PutObject; the bucket keeps every version under lock."""
        condition = {"IfMatch": instead.version} if instead.version else {"IfNoneMatch": "*"}
        return self._put(CHECKPOINT, note.encode(), "text/plain; charset=utf-8", **condition)

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(self._s3.get_object(Bucket=self._bucket, Key=path))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                return None
            raise Unavailable("s3") from None
        except BotoCoreError:
            raise Unavailable("s3") from None

    def _put(self, path: str, body: bytes, kind: str, **condition: str) -> bool:
        try:
            self._s3.put_object(
                Bucket=self._bucket, Key=path, Body=body, ContentType=kind, **condition
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _THERE:
                return False
            raise Unavailable("s3") from None
        except BotoCoreError:
            raise Unavailable("s3") from None
        return True
