"""Loading the directory from plain rows: every fault is named, and one is enough to take nothing.

Operators bring it as JSON; whoever writes the entries does so only with what this returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from dmp.domain import scopes
from dmp.domain.authorization import CONTEXT_WORDS, is_redirect_uri
from dmp.domain.directory import Client, Organization, Practitioner, Role, is_key_url
from dmp.domain.identifiers import is_inpe
from dmp.domain.refusals import Invalid, Issue
from dmp.fhir import scope_criteria

Entry = Client | Practitioner | Organization | Role
Row = Mapping[str, Any]
NAME_BYTES_MAX = 200  # names travel in access tokens, whose size is bounded
ROLE_BYTES_MAX = 64
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_CLIENT_ID = re.compile(r"[A-Za-z0-9\-._~]{1,64}\Z")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,5}\Z")


def entries_of(
    rows: Mapping[str, Sequence[Row]], usable_keys: Callable[[str], int]
) -> tuple[Entry, ...]:
    """The entries of `organizations`, `practitioners`, `roles` and `clients`; else Invalid.

    `usable_keys` tells how many keys of a JWK set can verify an assertion.
    """
    issues = list(_faults(rows, usable_keys))
    if issues:
        raise Invalid(issues)
    organizations = {r["inpe"]: _organization(r) for r in rows.get("organizations", ())}
    practitioners = {r["inpe"]: _practitioner(r) for r in rows.get("practitioners", ())}
    roles = [
        _role(r, practitioners[r["practitioner"]], organizations[r["organization"]])
        for r in rows.get("roles", ())
    ]
    clients = [_client(r) for r in rows.get("clients", ())]
    return (*organizations.values(), *practitioners.values(), *roles, *clients)


def _organization(row: Row) -> Organization:
    return Organization(row["inpe"], row["id"], row["name"], row.get("active", True))


def _practitioner(row: Row) -> Practitioner:
    return Practitioner(
        row["inpe"],
        row["id"],
        row["family"],
        tuple(row["given"]),
        row["name"],
        row.get("active", True),
    )


def _role(row: Row, practitioner: Practitioner, organization: Organization) -> Role:
    return Role(
        practitioner=practitioner.inpe,
        organization=organization.inpe,
        code=row["role"],
        starts=row["starts"],
        ends=row.get("ends"),
        practitioner_id=practitioner.id,
        organization_id=organization.id,
        practitioner_name=practitioner.name,
        organization_name=organization.name,
        active=row.get("active", True),
    )


def _client(row: Row) -> Client:
    return Client(
        id=row["client_id"],
        name=row["name"],
        active=row.get("active", True),
        organizations=tuple(row["organizations"]),
        prefix=row["prefix"],
        jwks=row.get("jwks", ""),
        jwks_uri=row.get("jwks_uri", ""),
        scopes=row["scopes"],
        redirect_uris=tuple(row.get("redirect_uris", ())),
    )


def _faults(
    rows: Mapping[str, Sequence[Row]], usable_keys: Callable[[str], int]
) -> Iterator[Issue]:
    known = {
        kind: {r.get("inpe") for r in rows.get(kind, ())}
        for kind in ("organizations", "practitioners")
    }
    for kind in ("organizations", "practitioners"):
        for path, row in _each(rows, kind):
            yield from _check(path, row, {"inpe": _is_inpe, "id": _is_id, "name": _is_name})
            if kind == "practitioners":
                yield from _check(path, row, {"family": _is_name, "given": _are_names})
    for path, row in _each(rows, "roles"):
        yield from _check(path, row, {"role": _is_role, "starts": _is_day})
        if "ends" in row:
            yield from _check(path, row, {"ends": _is_day})
        for name, kind in (("practitioner", "practitioners"), ("organization", "organizations")):
            if row.get(name) not in known[kind]:
                yield Issue("not among the rows", f"{path}.{name}")
    for path, row in _each(rows, "clients"):
        yield from _client_faults(path, row, usable_keys)
    yield from _repeated(rows)


def _client_faults(path: str, row: Row, usable_keys: Callable[[str], int]) -> Iterator[Issue]:
    tests = {
        "client_id": _matches(_CLIENT_ID),
        "name": _is_name,
        "prefix": _matches(_PREFIX),
        "organizations": lambda value: isinstance(value, list) and all(map(_is_inpe, value)),
        "scopes": _are_scopes,
    }
    yield from _check(path, row, tests)
    redirects = row.get("redirect_uris", [])
    if not isinstance(redirects, list) or not all(map(_is_redirect_uri, redirects)):
        text = "https, a loopback address without port, or an app's own scheme; exact, no wildcard"
        yield Issue(text, f"{path}.redirect_uris")
    if redirects and not {"jwks", "jwks_uri"}.intersection(row):
        return  # a public app
    yield from _key_faults(path, row, usable_keys)


def _key_faults(path: str, row: Row, usable_keys: Callable[[str], int]) -> Iterator[Issue]:
    """Keys are registered by value or by URL, never by both: which one holds must be plain."""
    if ("jwks" in row) == ("jwks_uri" in row):
        yield Issue("one of jwks and jwks_uri", f"{path}.jwks")
    elif "jwks_uri" in row:
        yield from _check(path, row, {"jwks_uri": is_key_url})
    elif not isinstance(row["jwks"], str):
        yield Issue("missing or of another form", f"{path}.jwks")
    elif not usable_keys(row["jwks"]):
        yield Issue("no key that can verify an assertion (ES384, or RS384 of 2048 bits)", path)


def _repeated(rows: Mapping[str, Sequence[Row]]) -> Iterator[Issue]:
    """Names that two rows share: the second would silently take the first one's place."""
    for kind, name in (
        ("organizations", "inpe"),
        ("practitioners", "inpe"),
        ("clients", "client_id"),
        ("clients", "prefix"),
    ):
        seen: set[str] = set()
        for path, row in _each(rows, kind):
            value = str(row.get(name))
            if value in seen:
                yield Issue("occurs twice", f"{path}.{name}")
            seen.add(value)


def _each(rows: Mapping[str, Sequence[Row]], kind: str) -> Iterator[tuple[str, Row]]:
    for index, row in enumerate(rows.get(kind, ())):
        yield f"{kind}[{index}]", row


def _check(path: str, row: Row, tests: Mapping[str, Callable[[Any], bool]]) -> Iterator[Issue]:
    for name, passes in tests.items():
        if not passes(row.get(name)):
            yield Issue("missing or of another form", f"{path}.{name}")
    if not isinstance(row.get("active", True), bool):
        yield Issue("missing or of another form", f"{path}.active")


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


_is_id = _matches(_FHIR_ID)


def _is_inpe(value: Any) -> bool:
    return isinstance(value, str) and is_inpe(value)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and bool(value)
        and value.strip() == value
        and len(value.encode()) <= NAME_BYTES_MAX
    )


def _is_role(value: Any) -> bool:
    return _is_name(value) and len(value.encode()) <= ROLE_BYTES_MAX


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_name, value))


def _is_redirect_uri(value: Any) -> bool:
    return isinstance(value, str) and is_redirect_uri(value)


def _are_scopes(value: Any) -> bool:
    """Each word grants something, all of it fits a token."""
    if not isinstance(value, str) or len(value) > scopes.LENGTH_MAX:
        return False
    words = value.split()
    grants = all(word in CONTEXT_WORDS or scopes.granted(word, word) for word in words)
    return bool(words) and grants and not scope_criteria.fault(words)


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
