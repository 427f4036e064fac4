"""Compression of what is sealed: zlib, with a preset dictionary for small messages.

The first byte names the dictionary; one that was ever shipped is never changed or removed.
"""

from __future__ import annotations

import zlib
from importlib.resources import files

_SMALL = 32 * 1024
_DICTIONARIES = {0: b"", 1: files("dmp.adapters").joinpath("dictionary_1.bin").read_bytes()}


def compress(plaintext: bytes) -> bytes:
    """The dictionary's number, then a raw deflate stream."""
    number = 1 if len(plaintext) < _SMALL else 0
    if number:
        made = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_DICTIONARIES[number])
    else:
        made = zlib.compressobj(6, zlib.DEFLATED, -15)
    return bytes([number]) + made.compress(plaintext) + made.flush()


def decompress(message: bytes) -> bytes:
    """The inverse of `compress`, whichever dictionary it names."""
    dictionary = _DICTIONARIES[message[0]]
    stream = zlib.decompressobj(-15, zdict=dictionary) if dictionary else zlib.decompressobj(-15)
    return stream.decompress(message[1:]) + stream.flush()
