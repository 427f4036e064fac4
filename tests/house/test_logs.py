"""No health data in a log call: a fixed text and allow-listed keys, nothing formatted in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import name, python_files, tree

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# None of these holds what a record or a request says: counts, codes, classes, places, our own ids.
KEYS = {
    "attempts",
    "batch",
    "code",
    "count",
    "error",
    "failed",
    "frames",
    "function",
    "operation",
    "queue",
    "reason",
    "service",
    "state",
    "status",
    "step",
}

PATHS = python_files("shared", "functions")


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(tree(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = ast.unparse(node.func.value)
        if node.func.attr in LEVELS and ("logger" in owner or owner == "logging"):
            yield node


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_a_log_line_is_a_fixed_text_with_allowed_keys(path: Path) -> None:
    for call in _calls(path):
        place = f"line {call.lineno}"
        assert len(call.args) == 1, f"{place}: one text, no arguments"
        assert isinstance(call.args[0], ast.Constant), f"{place}: the text is not fixed"
        for keyword in call.keywords:
            assert keyword.arg == "extra", f"{place}: only extra="
            assert isinstance(keyword.value, ast.Dict), f"{place}: keys must be seen here"
            keys = {k.value for k in keyword.value.keys if isinstance(k, ast.Constant)}
            assert len(keys) == len(keyword.value.keys), f"{place}: every key is a literal"
            assert keys <= KEYS, f"{place}: {keys - KEYS} may not be logged"


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_nothing_prints_or_appends_keys(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "pprint"), f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("append_keys", "set_correlation_id"), f"line {node.lineno}"


def test_events_and_answers_are_never_logged() -> None:
    """Powertools would log whole events and return values if asked to."""
    for path in PATHS:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.keyword) and node.arg in ("log_event", "capture_response"):
                assert ast.unparse(node.value) == "False", f"{name(path)}:{node.value.lineno}"
