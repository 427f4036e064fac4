"""The kit: what every page carries, whatever it says."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from typing import Any

import pytest
from jinja2 import UndefinedError

from dmp.domain.refusals import NotFound, TooMany, Unavailable
from dmp.edge.browser import cookie_of, cookie_value, form_token, is_form_token
from dmp.edge.http import Answer, Request
from dmp.edge.pages import PAGES, Kit, PageApi, Reader
from tests.stack import Context
from tests.world import event_of

KIT = Kit("https://dmp.test/prod")
FRENCH = Reader("fr")


def page(**values: object) -> Answer:
    return KIT.page("error.html", FRENCH, {"kind": "over", "request_id": "r", **values})


def sent(view: Any, headers: dict[str, str], query: str = "") -> dict[str, Any]:
    api = PageApi("test", KIT)
    api.route("/page", methods=["GET"])(view)
    answered: dict[str, Any] = api.handler(
        event_of("GET", "/page", {}, query, headers, None), Context("test")
    )
    return answered


def test_the_policy_allows_the_style_that_stands_in_the_page_and_nothing_else() -> None:
    answer = page()
    style = re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(gzip.compress(answer.body)) < 20_000


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("http://127.0.0.1:8765/cb", "http://127.0.0.1:8765"),
        ("http://[::1]:8765/cb", "http:"),
        ("ma.example.app:/cb", "ma.example.app:"),
    ],
)
def test_a_form_may_lead_to_the_app_alone(address: str, source: str) -> None:
    values = {"kind": "over", "request_id": ""}
    answer = KIT.page("error.html", FRENCH, values, leads_to=address)

    assert f"form-action 'self' {source};" in answer.headers["Content-Security-Policy"]


def test_no_template_has_style_script_or_address_of_its_own() -> None:
    """The policy would forbid it in the browser: here it is found sooner."""
    templates = [p for p in PAGES.glob("*.html") if "{%" in p.read_text("utf-8")]
    assert len(templates) >= 6
    for path in templates:
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script(?!>\{\{ script)|javascript:", text)
        assert not re.search(r"(src|href)=\"(https?:)?//", text), path.name
        assert "|safe" not in text


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        KIT.page("error.html", FRENCH, {})


def test_whatever_a_page_is_told_it_escapes() -> None:
    text = page(detail="<script>alert(1)</script>\"'").body.decode()

    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_chosen_language_is_kept_by_a_cookie() -> None:
    def view(request: Request) -> Answer:
        reader = KIT.reader(request)
        return KIT.page("error.html", reader, {"kind": "over", "request_id": ""})

    chosen = sent(view, {"Accept-Language": "en"}, "lang=zgh")
    cookie = chosen["multiValueHeaders"]["Set-Cookie"][0]
    kept = sent(view, {"Cookie": cookie.partition(";")[0], "Accept-Language": "en"})

    assert cookie == (
        "__Host-dmp-lang=zgh; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000; Secure"
    )
    assert '<html lang="zgh" dir="ltr">' in kept["body"]
    assert "Set-Cookie" not in kept["multiValueHeaders"]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (NotFound("secret text"), 404, "La page n&#39;a pas été demandée comme il faut"),
        (TooMany("secret text", 7), 429, "Attendez une minute"),
        (Unavailable("secret text"), 503, "Attendez une minute"),
        (KeyError("secret text"), 500, "Une erreur s&#39;est produite de notre côté"),
    ],
    ids=["refused", "too many", "busy", "unknown"],
)
def test_an_error_is_a_page_in_the_readers_language(
    error: Exception, status: int, told: str
) -> None:
    def view(_: Request) -> Answer:
        raise error

    answered = sent(view, {"Accept": "text/html", "Accept-Language": "fr"})

    assert answered["statusCode"] == status
    assert told in answered["body"]
    assert "test-request" in answered["body"]
    assert "secret text" not in answered["body"]
    assert answered["headers"]["Content-Type"].startswith("text/html")
    assert (answered["headers"].get("Retry-After") == "7") == (status == 429)


def test_addresses_keep_the_stage_and_the_host_of_the_reader() -> None:
    assert KIT.link("/oauth2/authorize", a="x y") == "/prod/oauth2/authorize?a=x+y"
    assert KIT.with_language("/p?a=1&lang=fr", "ar") == "/p?a=1&lang=ar"
    assert KIT.redirect("/p").headers["Location"] == "/p"


def test_a_cookie_is_the_hosts_own_where_there_is_https() -> None:
    assert cookie_of("n", "v", secure=True).startswith("__Host-n=v; Path=/; HttpOnly; SameSite=Lax")
    assert cookie_of("n", "v", secure=False, seconds=0) == (
        "n=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    )
    headers = {"cookie": "n=1; __Host-n=2; m=3; m=4"}
    assert cookie_value(headers, "n", secure=True) == "2"
    assert cookie_value(headers, "n", secure=False) == "1"
    assert cookie_value(headers, "m", secure=False) is None
    assert cookie_value({"cookie": f"n={'x' * 201}"}, "n", secure=False) is None


def test_a_form_token_holds_for_its_browser_alone() -> None:
    token = form_token("secret", "a" * 22)

    assert is_form_token(token, "secret")
    assert not is_form_token(token, "other")
    assert not is_form_token(token[:-1] + "0", "secret") or token.endswith("0")
    assert not is_form_token("", "secret")
    assert not is_form_token("é", "secret")
    assert form_token("secret", "b" * 22) != token
