"""Client assertions with everything behind them: keys by value, and by URL through the registry."""

from __future__ import annotations

from collections.abc import Callable

from dmp.adapters.assertions import ALGORITHMS, ClientAssertions
from dmp.adapters.dynamodb.key_sets import StoredKeySets
from dmp.adapters.key_fetcher import KeyFetcher
from dmp.adapters.key_sets import KeySets


def client_assertions(
    base_url: str, registry: str, private_hosts: str, count: Callable[[str], None]
) -> ClientAssertions:
    """Those addressed to the token endpoint; `private_hosts` by commas (see KeyFetcher).

    `count` adds one to a metric.
    """
    fetcher = KeyFetcher(private_hosts.split(","))
    published = KeySets(ALGORITHMS, StoredKeySets(registry), fetcher, count)
    return ClientAssertions(f"{base_url}/oauth2/token", published)
