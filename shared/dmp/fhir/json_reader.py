"""Strict JSON: what goes in comes out, decimals to the digit, and nothing ambiguous comes in.

Depth and nodes are counted on the bytes before the parser runs, so no body can exhaust its stack.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, Self

import orjson

from dmp.domain.refusals import NotJson, TooLarge

MAX_BYTES = 4 * 1024 * 1024
MAX_RESOURCE_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 500_000
MAX_EXPONENT = 308
MAX_DIGITS = 64

_BOM = b"\xef\xbb\xbf"
_BRACKETS = bytes.maketrans(b"[]", b"{}")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"{}[],"))
_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


class AsReceived(Decimal):
    """A decimal whose JSON text Python would spell otherwise (`1e2`, `0.00000001`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """The number that the text spells."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __copy__(self) -> AsReceived:
        return self

    def __deepcopy__(self, _: object) -> AsReceived:
        return self

    def __reduce__(self) -> tuple[type[AsReceived], tuple[str]]:
        return AsReceived, (self.text,)


def read(body: bytes) -> object:
    """The value of a JSON text; decimals become `Decimal` with their digits kept.

    Refuses with TooLarge over 4 MiB and NotJson for whatever is not one strict JSON text in UTF-8:
    a byte order mark, a duplicate name, NaN or Infinity, a lone surrogate, trailing data, more than
    32 levels or 500,000 nodes, an absurd number.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(f"the body exceeds {MAX_BYTES} bytes")
    _check_structure(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as e:
        raise NotJson(f"the body is not UTF-8 (byte {e.start})") from None
    try:
        value: object = _decode(text)
    except json.JSONDecodeError as e:
        raise NotJson(
            f"not JSON: {e.msg.removesuffix(' at')} at line {e.lineno}, column {e.colno}"
        ) from None
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def read_object(body: bytes) -> dict[str, Any]:
    """`read` for a body that must be a JSON object."""
    value = read(body)
    if not isinstance(value, dict):
        raise NotJson("the body must be a JSON object")
    return value


def write(value: object) -> bytes:
    """Compact JSON in UTF-8, decimals as they were received."""
    return orjson.dumps(value, default=_fragment)


def _check_structure(body: bytes) -> None:
    """Count nodes and levels outside strings.

    Correct as far as the parser gets: text that fools the split (a backslash outside a string) is
    not JSON, and the parser stops at that very place.
    """
    if body.startswith(_BOM):
        raise NotJson("the body begins with a byte order mark")
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = b"".join(plain.split(b'"')[::2]).translate(_BRACKETS, _NOT_STRUCTURE)
    if structure.count(b",") + structure.count(b"{") >= MAX_NODES:
        raise NotJson(f"more than {MAX_NODES} nodes")
    rest = structure.replace(b",", b"")
    for _ in range(MAX_DEPTH):
        if not rest:
            return
        shorter = rest.replace(b"{}", b"")
        if len(shorter) == len(rest):
            raise NotJson("not JSON: brackets or quotes are not balanced")
        rest = shorter
    if rest:
        raise NotJson(f"more than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotJson("a name occurs twice in one object")
    return made


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise NotJson(f"a number has more than {MAX_DIGITS} characters")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise NotJson(f"a number's exponent exceeds {MAX_EXPONENT}") from None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        raise NotJson(f"a number's exponent exceeds {MAX_EXPONENT}")
    if str(value) == text:
        return value
    return AsReceived(text)


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= 18 and text != "-0" else _decimal(text)


def _constant(_: str) -> NoReturn:
    raise NotJson("NaN and Infinity are not JSON")


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise NotJson("a string holds half of a surrogate pair") from None


def _fragment(value: object) -> object:
    if isinstance(value, AsReceived):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
).decode


def reread(body: bytes) -> dict[str, Any]:
    """A resource that `write` made: parsed without the checks that it passed when it came."""
    value: dict[str, Any] = _trusting.decode(body.decode())
    return value


_trusting = json.JSONDecoder(parse_float=_decimal, parse_int=_integer)
