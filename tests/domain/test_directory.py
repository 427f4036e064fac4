"""The directory's own rules: by which URL an app may have its keys fetched."""

from __future__ import annotations

import pytest

from dmp.domain.directory import KEY_URL_MAX, is_key_url

PREFIX = "https://ehr.example.ma/"


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.ma/.well-known/jwks.json",
        "https://ehr.example.ma:8443/keys",
        "https://ehr.example.ma",
        PREFIX + "x" * (KEY_URL_MAX - len(PREFIX)),
    ],
    ids=["path", "port", "host alone", "longest"],
)
def test_a_plain_https_url_may_be_registered(url: str) -> None:
    assert is_key_url(url)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "http://ehr.example.ma/jwks.json",
        "HTTPS://ehr.example.ma/jwks.json",
        "https://EHR.example.ma/jwks.json",
        "https://user@ehr.example.ma/jwks.json",
        "https://user:word@ehr.example.ma/jwks.json",
        "https://ehr.example.ma/jwks.json?x=1",
        "https://ehr.example.ma/jwks.json#keys",
        "https://ehr.example.ma:/jwks.json",
        "https://ehr.example.ma:99999/jwks.json",
        "https://ehr.example.ma\\@evil.example/jwks.json",
        "https://ehr.example.ma /jwks.json",
        "https://ehr.example.ma/jwks.json\n",
        "https://[::1]/jwks.json",
        "https://[::1/jwks.json",
        "https://localhost/jwks.json",
        "https://éhr.example.ma/",
        "https:///jwks.json",
        "file:///etc/passwd",
        "//ehr.example.ma/jwks.json",
        PREFIX + "x" * (KEY_URL_MAX + 1 - len(PREFIX)),
    ],
    ids=ascii,
)
def test_any_other_url_may_not(url: object) -> None:
    assert not is_key_url(url)
