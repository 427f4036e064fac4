"""Nothing is too long to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import CODE, name, python_files, tree

FUNCTION_LINES_MAX = 40
MODULE_LINES_MAX = 300
APP_LINES_MAX = 80
TEST_LINES_MAX = 400
PARAMETERS_MAX = 6
BANNED = {"utils", "common", "helpers", "constants", "models", "core", "manager", "base", "index"}

OURS = python_files(*CODE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _body_lines(function: Function) -> int:
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _parameters(function: Function) -> int:
    given = function.args
    names = [a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    return len([n for n in names if n not in ("self", "cls")])


@pytest.mark.parametrize("path", OURS, ids=name)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    most = APP_LINES_MAX if path.name == "app.py" else MODULE_LINES_MAX
    lines = len(path.read_text("utf-8").splitlines())

    assert lines <= most, f"{lines} lines"
    assert ast.get_docstring(tree(path)) or not tree(path).body
    assert path.stem not in BANNED


@pytest.mark.parametrize("path", OURS, ids=name)
def test_functions_are_short_with_few_parameters(path: Path) -> None:
    long = [f"{f.name}: {_body_lines(f)}" for f in _functions(path) if _body_lines(f) > 40]
    wide = [f"{f.name}: {_parameters(f)}" for f in _functions(path) if _parameters(f) > 6]

    assert not long, f"over {FUNCTION_LINES_MAX} lines"
    assert not wide, f"over {PARAMETERS_MAX} parameters"


@pytest.mark.parametrize("path", python_files("tests"), ids=name)
def test_a_test_file_is_readable(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= TEST_LINES_MAX


@pytest.mark.parametrize("path", python_files("tests"), ids=name)
def test_no_test_is_switched_off(path: Path) -> None:
    """A skip says why data is not at hand; nothing else may switch a test off."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail"):
            whole = ast.unparse(tree(path))
            assert "not at hand" in whole, f"line {node.lineno}: {node.attr}"
