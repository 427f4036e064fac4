"""The page kit: templates of `dmp/pages`, in the reader's language, under a strict policy.

A page loads nothing: style, icon and (where there is one) script stand in it, allowed by hash.
Autoescape is always on and an unknown name in a template is an error.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dmp.domain.refusals import NotFound, Refusal, TooMany
from dmp.edge.browser import cookie_of, cookie_value
from dmp.edge.http import Answer, Api, Request, request_id_of
from dmp.edge.language import NAMES, chosen, words_of
from dmp.fhir.outcome import response_of

PAGES = Path(__file__).resolve().parent.parent / "pages"
HTML = "text/html; charset=utf-8"
LANGUAGE_COOKIE = "dmp-lang"
_YEAR_S = 365 * 24 * 3600
_FIXED = {
    "Content-Type": HTML,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language, and the cookie that keeps it when it was just chosen."""

    language: str
    cookies: tuple[str, ...] = ()


class Kit:
    """Renders pages. `base_url` is the API's, with its stage in the path."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.secure = base_url.startswith("https:")
        self._style, self._style_hash = _inlined("page.css")
        self._environment = Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def reader(self, request: Request, own: str | None = None) -> Reader:
        """The reader of a request; `own` is the language a signed-in patient chose for messages."""
        asked = dict(request.query).get("lang")
        kept = cookie_value(request.headers, LANGUAGE_COOKIE, secure=self.secure)
        language = chosen(asked, kept, request.headers.get("accept-language", ""), own)
        if asked != language or kept == language:
            return Reader(language)
        cookie = cookie_of(LANGUAGE_COOKIE, language, secure=self.secure, seconds=_YEAR_S)
        return Reader(language, (cookie,))

    def page(
        self,
        template: str,
        reader: Reader,
        values: Mapping[str, object],
        *,
        status: int = 200,
        leads_to: str | None = None,
    ) -> Answer:
        """The page of a template.

        `values` are its names; `here`, when given, is the address that the language links keep
        (a GET). `script` names the page's own, by spaces. `leads_to` is an address outside to which
        a form of the page may be redirected: Chromium holds `form-action` against redirects too.
        """
        words = words_of(reader.language)
        script, script_hash = _inlined(*str(values.get("script", "")).split())
        given: dict[str, object] = {
            "here": None, "home": "", "languages": NAMES,
            "t": words.t, "plain": words.plain, "words": words,
            "style": self._style, "with_language": self.with_language, "failed": status >= 400,
            **values, "script": script,
        }  # fmt: skip
        text = self._environment.get_template(template).render(given)
        headers = {
            **_FIXED,
            "Content-Language": reader.language,
            "Content-Security-Policy": self._policy(script_hash, leads_to),
        }
        return Answer(status, text.encode(), headers, HTML, reader.cookies)

    def link(self, path: str, **query: str) -> str:
        """An address of ours, under the stage's path; the host is the one the reader used."""
        place = urlsplit(self.base_url).path + path
        return f"{place}?{urlencode(query)}" if query else place

    @staticmethod
    def with_language(address: str, language: str) -> str:
        """The address, asking for a language."""
        path, _, query = address.partition("?")
        kept = [(n, v) for n, v in parse_qsl(query, keep_blank_values=True) if n != "lang"]
        return f"{path}?{urlencode([*kept, ('lang', language)])}"

    def redirect(self, address: str, cookies: tuple[str, ...] = ()) -> Answer:
        """See other: the address is read with GET, and a reload repeats nothing."""
        return Answer(303, b"", {**_FIXED, "Location": address}, HTML, cookies)

    def _policy(self, script: str, leads_to: str | None) -> str:
        parts = [
            "default-src 'none'",
            f"style-src {self._style_hash}",
            "img-src data:",
            f"form-action 'self'{_source(leads_to)}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
        if script:
            parts += [f"script-src {script}", "connect-src 'self'"]
        return "; ".join(parts)


class PageApi(Api):
    """An Api whose refusals and failures are pages, too."""

    def __init__(self, name: str, kit: Kit, home: str = "") -> None:
        super().__init__(name)
        self.kit = kit
        self.home = home

    def accept(self, accept: str, formats: list[str]) -> None:
        """A page is answered whatever is asked for: a person reads it."""

    def refused(self, refusal: Refusal, event: Mapping[str, Any]) -> Answer:
        """A page that says it in the reader's words; the refusal's own text is for developers."""
        status, _ = response_of(refusal)
        kind = "absent" if self.home and isinstance(refusal, NotFound) else "wrong"
        kind = "busy" if isinstance(refusal, TooMany) else kind
        answered = self._told(status, kind, event)
        if isinstance(refusal, TooMany):
            waited = {"Retry-After": str(refusal.retry_after_s)}
            return Answer(status, answered.body, {**answered.headers, **waited}, HTML)
        return answered

    def failed(self, status: int, event: Mapping[str, Any]) -> Answer:
        """A page that gives the request's id."""
        return self._told(status, "busy" if status == 503 else "broken", event)

    def _told(self, status: int, kind: str, event: Mapping[str, Any]) -> Answer:
        headers = {n.lower(): v for n, v in (event.get("headers") or {}).items()}
        asked = (event.get("queryStringParameters") or {}).get("lang")
        kept = cookie_value(headers, LANGUAGE_COOKIE, secure=self.kit.secure)
        language = chosen(asked, kept, headers.get("accept-language", ""))
        values = {"kind": kind, "request_id": request_id_of(event), "home": self.home}
        return self.kit.page("error.html", Reader(language), values, status=status)


@cache
def _inlined(*names: str) -> tuple[Markup, str]:
    """Files of ours as they stand in the page, and the policy's word for them; empty for none."""
    text = "".join((PAGES / name).read_text("utf-8") for name in names)
    if not names:
        return Markup(""), ""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"  # noqa: S704  # ours, and no reader's word in it


def _source(address: str | None) -> str:
    """The origin of an address as a policy names it, or its scheme where an app has its own."""
    if address is None:
        return ""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and parts.netloc and "[" not in parts.netloc:
        return f" {parts.scheme}://{parts.netloc}"
    return f" {parts.scheme}:"
