"""The API's viewer: its page, its files and what they may load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.edge import viewer
from infra import build
from tests import oauth
from tests.stack import Context, Stack, stack

LAMBDA_BYTES_MAX = 6_000_000


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture
def app(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    layer = build.build("viewer", build.here()) / "python"
    monkeypatch.syspath_prepend(str(layer))
    viewer._files.cache_clear()
    yield deployed.app("public", "Public")
    viewer._files.cache_clear()


def get(app: Any, file: str = "") -> Any:
    event = oauth.event("public/metadata")
    route = "/docs/{file}" if file else "/docs"
    event["resource"] = event["requestContext"]["resourcePath"] = route
    event["pathParameters"] = {"file": file} if file else None
    event["headers"]["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
    return app.handler(event, Context())


def test_the_page_loads_its_own_files_alone(app: Any) -> None:
    page = get(app)

    assert page["statusCode"] == 200
    assert page["headers"]["Content-Type"] == "text/html; charset=utf-8"
    policy = page["headers"]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|https?:", page["body"])
    named = re.findall(r'(?:src|href)="docs/([^"]+)"', page["body"])
    assert len(named) == 3
    for name in named:
        file = get(app, name)
        assert file["statusCode"] == 200
        assert "immutable" in file["headers"]["Cache-Control"]
        assert file["headers"]["X-Content-Type-Options"] == "nosniff"
        assert len(file["body"]) < LAMBDA_BYTES_MAX
        assert file["headers"]["Content-Type"].startswith(
            "text/css" if name.endswith(".css") else "text/javascript"
        )


@pytest.mark.parametrize("name", ["nothing.js", "swagger-ui.css", "../app.py"])
def test_another_file_is_not_there(app: Any, name: str) -> None:
    assert get(app, name)["statusCode"] == 404


def test_the_layer_holds_the_viewer_and_no_more() -> None:
    layer = build.build("viewer", build.here()) / "python"
    held = {p.suffix for p in layer.rglob("*") if p.is_file() and "dist-info" not in str(p)}

    assert held <= {".js", ".css", ".py", ".pyc", ".txt", ""}
    assert sum(p.stat().st_size for p in layer.rglob("*") if p.is_file()) < 3_000_000
