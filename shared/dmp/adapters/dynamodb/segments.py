"""The port `Segments`: KS# items, and the head KS that says up to which commit they reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmp.adapters.compression import compress, decompress
from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.commits import PART_BYTES_MAX
from dmp.adapters.dynamodb.records import DynamoRecords, keys_of
from dmp.adapters.dynamodb.tables import HEAD, RecordItem
from dmp.adapters.dynamodb.transactions import Transaction
from dmp.adapters.envelope import Ring
from dmp.domain.record import Version, decode, encode
from dmp.use_cases.compaction import Following
from dmp.use_cases.ports import Raced

SEALED_MAX = 2_400_000
ITEM_BYTES_MAX = PART_BYTES_MAX + 10_000  # a part sealed


@dataclass(frozen=True, slots=True)
class OpenFollowing(Following):
    """With what it takes to append."""

    ring: Ring | None = None
    segments: int = 0


class DynamoSegments(DynamoRecords):
    """Implements the port `Segments`."""

    def following(self, patient: str) -> Following:
        """One batch, then one Query a MB; stops at 2.4 MB sealed."""
        batch = Batch(dynamodb())
        batch.want(self.records, pk=patient, sk=HEAD)
        batch.want(self.keys, pk=patient)
        found = batch.fetch()
        keys = keys_of(found[self.keys])
        if keys is None:
            return Following(patient, (), full=False)
        head = found[self.records][0] if found[self.records] else {}
        ring = self.vault.record_ring(patient, keys)
        upto = head.get("upto", "")
        sealed: dict[str, bytes] = {}
        full = False
        for item in self.items(patient, f"K#{upto}#~" if upto else "K#", "K#~"):
            commit = item["sk"][2:18]
            full = commit not in sealed and sum(map(len, sealed.values())) > SEALED_MAX
            if full:
                break
            sealed[commit] = sealed.get(commit, b"") + item["b"]
        if len(sealed) > 1 and sum(map(len, sealed.values())) > SEALED_MAX:
            sealed.popitem()  # or the segment would be more than a transaction takes
            full = True
        commits = [
            (commit, decode(decompress(ring.open("record", commit, message))))
            for commit, message in sealed.items()
        ]
        return OpenFollowing(patient, commits, full, ring, int(head.get("n", 0)))

    def append(self, following: Following, versions: Sequence[Version], upto: str) -> bool:
        """KS# items and the head, if no other compactor has moved it."""
        if not isinstance(following, OpenFollowing) or following.ring is None:
            raise TypeError("what follows came from another adapter")
        patient, number = following.patient, following.segments
        transaction = Transaction()
        for part in _parts(versions):
            number += 1
            name = f"{HEAD}#{number:06d}"
            blob = following.ring.seal("record", name, part)
            for i in range(0, len(blob), ITEM_BYTES_MAX):  # one resource may be over an item
                sk = f"{name}#{i // ITEM_BYTES_MAX}" if i else name
                transaction.put("id", RecordItem(patient, sk, b=blob[i : i + ITEM_BYTES_MAX]))
        moved = RecordItem.n == following.segments if following.segments else None
        transaction.put("pointer", RecordItem(patient, HEAD, n=number, upto=upto), moved)
        try:
            transaction.run(self.connection)
        except Raced:
            return False
        return True


def _parts(versions: Sequence[Version]) -> list[bytes]:
    """The versions compressed, halved until each part fits an item."""
    packed = compress(encode(versions))
    if len(packed) <= PART_BYTES_MAX or len(versions) == 1:
        return [packed]
    middle = len(versions) // 2
    return [*_parts(versions[:middle]), *_parts(versions[middle:])]
