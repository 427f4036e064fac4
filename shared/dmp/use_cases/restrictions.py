"""What a token's scopes leave of a record where they have search criteria.

A resource outside them is to its caller as if it had never been written. A deletion has no content
to judge: where a scope has criteria, it is outside.
"""

from __future__ import annotations

from collections.abc import Callable

from dmp.domain.caller import Caller, letter_of
from dmp.domain.record import Version
from dmp.domain.refusals import ScopeMissing
from dmp.fhir import json_reader, scope_criteria


def within(caller: Caller, letter: str, version: Version) -> bool:
    """Whether a scope covers the letter of `cruds` on this very version."""
    if caller.covers(version.type, letter):
        return True
    if not caller.reaches(version.type, letter) or not version.body:
        return False
    alternatives = caller.restrictions(version.type, letter)
    return scope_criteria.holds(json_reader.reread(version.body), alternatives)


def readable(caller: Caller, version: Version) -> bool:
    """Whether the caller's scopes let the content be told, by reading or by searching."""
    return within(caller, "r", version) or within(caller, "s", version)


def scoped(caller: Caller, interaction: str, version: Version, path: str) -> Version:
    """What is written, if it is within the scopes as well: nothing is moved out of them."""
    if not version.deleted and not within(caller, letter_of(interaction), version):
        text = f"the token's scopes do not cover {interaction} of a {version.type} like this"
        raise ScopeMissing(text, path)
    return version


def reach(caller: Caller, letter: str) -> Callable[[Version], bool]:
    """`within` for many versions: scopes are read once a type, a version's content once."""
    whole: dict[str, bool] = {}
    judged: dict[tuple[str, str, int], bool] = {}

    def judge(version: Version) -> bool:
        kind = version.type
        if kind not in whole:
            whole[kind] = caller.covers(kind, letter)
        if whole[kind]:
            return True
        key = (kind, version.id, version.version)
        if key not in judged:
            judged[key] = within(caller, letter, version)
        return judged[key]

    return judge


def knowing(caller: Caller) -> Callable[[Version], bool]:
    """Whether the caller may know that a resource is there at all, for many versions.

    A type of which the token says nothing may be referred to, as its content is not told; where
    scopes with criteria are all it has, the resource must be within one.
    """
    narrow: dict[str, list[str]] = {}

    def judge(version: Version) -> bool:
        kind = version.type
        if kind not in narrow:
            narrow[kind] = _narrow(caller, kind)
        letters = narrow[kind]
        return not letters or any(within(caller, letter, version) for letter in letters)

    return judge


def known(caller: Caller, version: Version) -> bool:
    """`knowing` of one version."""
    return knowing(caller)(version)


def _narrow(caller: Caller, kind: str) -> list[str]:
    """The letters that scopes give on the type, where all of them have criteria; else none."""
    letters = [letter for letter in "cruds" if caller.reaches(kind, letter)]
    return [] if any(caller.covers(kind, letter) for letter in letters) else letters
