"""The port `Directory`: conditional references looked up in the registry, in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.directory_rows import settled


class DirectoryReferences:
    """Implements the port `Directory` over the registry's `directory#` rows."""

    def __init__(self, table: str) -> None:
        self._table = table

    def references(self, criteria: Sequence[str]) -> Mapping[str, str]:
        """One BatchGetItem a hundred; criteria other than one identifier are never found."""
        keys = {text: key for text in criteria if (key := row_key(text))}
        batch = Batch(dynamodb())
        for key in keys.values():
            batch.want(self._table, pk=key)
        found = settled(self._table, batch.fetch()[self._table])
        rows = {str(row["pk"]): str(row["reference"]) for row in found}
        return {text: rows[key] for text, key in keys.items() if key in rows}


def row_key(text: str) -> str | None:
    """`directory#Type#system|value` of `Type?identifier=system|value`."""
    kind, _, query = text.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) != 1 or pairs[0][0] != "identifier" or "|" not in pairs[0][1]:
        return None
    return f"directory#{kind}#{pairs[0][1]}"
