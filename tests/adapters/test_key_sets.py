"""Key sets by URL: one fetch a minute for all processes, and no key beyond its life."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters.assertions import ALGORITHMS, ClientAssertions
from dmp.adapters.dynamodb.key_sets import StoredKeySets
from dmp.adapters.jwt import BadToken
from dmp.adapters.key_fetcher import Fetched, NotFetched
from dmp.adapters.key_sets import Kept, KeySets
from dmp.domain.refusals import Unavailable
from tests import oauth
from tests.stack import Stack, stack

NOW = 1_795_000_000
URL = "https://ehr.example.ma/jwks.json"
BOTH = oauth.jwks_of(oauth.EC, oauth.RSA)


class Partner:
    """The other end: what it publishes (None: no answer), and how often it was asked."""

    def __init__(self, jwks: str | bytes | None = BOTH, life_s: int = 300) -> None:
        self.jwks = jwks
        self.life_s = life_s
        self.asked: list[str] = []
        self.counted: list[str] = []

    def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        if self.jwks is None:
            raise NotFetched("no answer")
        body = self.jwks if isinstance(self.jwks, bytes) else self.jwks.encode()
        return Fetched(body, self.life_s)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture
def table(deployed: Stack) -> str:
    """The registry, without what another test fetched."""
    name = deployed.output("RegistryTable")
    dynamodb = deployed.client("dynamodb")
    for item in dynamodb.scan(TableName=name)["Items"]:
        dynamodb.delete_item(TableName=name, Key={"pk": item["pk"]})
    return name


def process(table: str, partner: Partner) -> KeySets:
    """One process of the authorization server."""
    return KeySets(ALGORITHMS, StoredKeySets(table), partner, partner.counted.append)


def test_keys_are_fetched_once_and_kept_while_they_live(table: str) -> None:
    partner = Partner(life_s=300)
    sets = process(table, partner)

    for after in (0, 1, 299):
        assert sets.keys(URL, "ec-1", NOW + after)["ec-1"].alg == "ES384"
    assert partner.asked == [URL]
    assert set(sets.keys(URL, "ec-1", NOW + 300)) == {"ec-1", "rsa-1"}
    assert partner.asked == [URL, URL]


def test_what_one_process_fetched_serves_the_others(table: str) -> None:
    partner = Partner()
    process(table, partner).keys(URL, "ec-1", NOW)

    assert "rsa-1" in process(table, Partner(None)).keys(URL, "rsa-1", NOW + 200)
    assert len(partner.asked) == 1


def test_cve_2026_48524_ten_thousand_unknown_kids_are_one_fetch_a_minute(table: str) -> None:
    partner = Partner(life_s=3600)
    sets = [process(table, partner) for _ in range(4)]
    sets[0].keys(URL, "ec-1", NOW)

    for n in range(10_000):
        assert f"k{n}" not in sets[n % 4].keys(URL, f"k{n}", NOW + 5 + n * 300 // 10_000)

    assert len(partner.asked) <= 1 + 5


def test_a_new_key_is_found_within_a_minute(table: str) -> None:
    partner = Partner(oauth.jwks_of(oauth.RSA), life_s=3600)
    sets = process(table, partner)
    sets.keys(URL, "rsa-1", NOW)
    partner.jwks = BOTH

    assert "ec-1" not in sets.keys(URL, "ec-1", NOW + 59)
    assert "ec-1" in sets.keys(URL, "ec-1", NOW + 60)
    assert len(partner.asked) == 2


def test_a_key_taken_away_is_gone_when_its_life_ends(table: str) -> None:
    partner = Partner(life_s=120)
    sets = process(table, partner)
    sets.keys(URL, "ec-1", NOW)
    partner.jwks = oauth.jwks_of(oauth.RSA)

    assert "ec-1" in sets.keys(URL, "ec-1", NOW + 119)
    assert set(sets.keys(URL, "ec-1", NOW + 120)) == {"rsa-1"}


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"\xff", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}',
     b'{"keys":[],"keys":[]}', json.dumps({"keys": [{"kid": "x"}] * 101}).encode()],
    ids=["no answer", "empty", "no text", "a list", "no keys", "an object", "a number",
         "twice", "too many"],
)  # fmt: skip
def test_when_the_fetch_fails_keys_hold_until_their_life_ends(table: str, answer: Any) -> None:
    partner = Partner(life_s=120)
    sets = process(table, partner)
    sets.keys(URL, "ec-1", NOW)
    partner.jwks = answer

    assert "other" not in sets.keys(URL, "other", NOW + 60)  # asked, in vain
    assert "ec-1" in sets.keys(URL, "ec-1", NOW + 119)
    with pytest.raises(BadToken, match="no keys could be fetched"):
        sets.keys(URL, "ec-1", NOW + 120)
    assert len(partner.asked) == 3
    assert partner.counted == ["KeySetsNotFetched"] * 2


def test_who_publishes_an_empty_set_has_withdrawn_every_key(table: str) -> None:
    partner = Partner(life_s=3600)
    sets = process(table, partner)
    sets.keys(URL, "ec-1", NOW)
    partner.jwks = '{"keys":[]}'

    assert sets.keys(URL, "unknown", NOW + 60) == {}
    assert sets.keys(URL, "ec-1", NOW + 61) == {}


def test_a_partner_that_never_answers_is_asked_once_a_minute(table: str) -> None:
    partner = Partner(None)
    sets = [process(table, partner) for _ in range(2)]

    for after in range(0, 120, 10):
        with pytest.raises(BadToken):
            sets[after // 10 % 2].keys(URL, "ec-1", NOW + after)

    assert len(partner.asked) == 2


def test_who_comes_while_another_process_is_fetching_is_asked_to_try_again(table: str) -> None:
    rows = StoredKeySets(table)
    assert rows.claim(URL, NOW, 60)

    with pytest.raises(Unavailable):
        process(table, Partner()).keys(URL, "ec-1", NOW + 1)

    rows.keep(URL, Kept(BOTH, NOW + 60, NOW, NOW))
    assert "ec-1" in process(table, Partner(None)).keys(URL, "ec-1", NOW + 1)


def test_of_two_who_claim_a_minute_one_asks(table: str) -> None:
    rows = StoredKeySets(table)

    assert [rows.claim(URL, at, 60) for at in (NOW, NOW, NOW + 59, NOW + 60)] == [
        True, False, False, True,
    ]  # fmt: skip


def test_urls_are_told_apart(table: str) -> None:
    partner = Partner()
    sets = process(table, partner)

    sets.keys(URL, "ec-1", NOW)
    sets.keys(URL + "2", "ec-1", NOW)

    assert partner.asked == [URL, URL + "2"]


def registered(table: str, partner: Partner) -> ClientAssertions:
    return ClientAssertions(oauth.TOKEN_URL, process(table, partner))


CLIENT = oauth.client_of(jwks="", jwks_uri=URL)


@pytest.mark.parametrize("header", [{}, {"jku": URL}], ids=["no jku", "the registered one"])
def test_an_assertion_is_verified_by_the_keys_at_the_url(table: str, header: Any) -> None:
    token = oauth.signed(oauth.claims_of(exp=NOW + 60), oauth.EC, header)

    assert registered(table, Partner()).claims(token, CLIENT, NOW)["sub"] == "clinic"


@pytest.mark.parametrize(
    "jku",
    ["https://evil.example/jwks.json", URL + "/", URL + "?x", URL[:-1],
     "https://ehr.example.ma.evil.com/jwks.json", "http://ehr.example.ma/jwks.json"],
)  # fmt: skip
def test_a_jku_that_is_not_the_registered_url_is_refused_and_never_asked(
    table: str, jku: str
) -> None:
    partner = Partner()
    token = oauth.signed(oauth.claims_of(exp=NOW + 60), oauth.EC, {"jku": jku})

    with pytest.raises(BadToken, match="jku"):
        registered(table, partner).claims(token, CLIENT, NOW)
    assert set(partner.asked) <= {URL}
