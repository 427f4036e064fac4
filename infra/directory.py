"""Operators' commands for the directory and for partner apps.

python -m infra.directory load STACK FILE… [--dry-run]    organizations, practitioners, roles
python -m infra.directory export STACK FOLDER             the same as three CSV files
python -m infra.directory register STACK CLIENT …         let an app in (--help tells with what)
python -m infra.directory amend STACK CLIENT …            register it anew, under its prefix
python -m infra.directory add-keys STACK CLIENT FILE      keys beside the old ones: both verify
python -m infra.directory drop-key STACK CLIENT KID       the old one out
python -m infra.directory suspend|resume|remove STACK CLIENT
python -m infra.directory acts STACK CLIENT               who did what when

A load takes every line of every file or none. What each file must look like: infra/directory_files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3

from dmp.adapters import jwt
from dmp.adapters.assertions import ALGORITHMS
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.clients import DynamoClients
from dmp.adapters.dynamodb.directory_loads import DynamoLoads
from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import Differences, key_of
from dmp.domain.refusals import Unavailable
from dmp.use_cases.clients import Clients
from dmp.use_cases.directory import NotTaken, book_of
from dmp.use_cases.directory_loads import Loads, LoadUnderWay
from infra import directory_files
from infra.stacks import outputs

_KINDS = {"organizations": Organization, "practitioners": Practitioner, "roles": Role}
_SHOWN_MAX = 20
_DONE, _REFUSED = 0, 1


def load(asked: argparse.Namespace) -> None:
    """Check every line, tell what would change, and write it unless it is a dry run."""
    loads = Loads(DynamoLoads(_registry(asked.stack)), SystemClock())
    base, before = loads.in_force()
    after = book_of(directory_files.read(asked.files), before)
    _tell(after.differences(before))
    if asked.dry_run:
        _say("dry run: nothing was written")
        return
    loads.load(base, before, after, _operator(), _progress)
    _say("loaded")


def export(asked: argparse.Namespace) -> None:
    """Write what is in force, one file a kind."""
    _, book = Loads(DynamoLoads(_registry(asked.stack)), SystemClock()).in_force()
    for kind, of in _KINDS.items():
        entries = [entry for entry in book if isinstance(entry, of)]
        path = asked.folder / f"{kind}.csv"
        path.write_text(directory_files.written(kind, entries), "utf-8-sig", newline="")
        _say(f"{path}: {len(entries)}")


def register(asked: argparse.Namespace) -> None:
    """A new app."""
    client = _clients(asked).register(_row(asked))
    _say(f"{client.id} is registered; its ids begin with {client.prefix}-")


def amend(asked: argparse.Namespace) -> None:
    """The same app, registered anew."""
    _say(f"{_clients(asked).amend(_row(asked)).id} is amended")


def add_keys(asked: argparse.Namespace) -> None:
    """Keys beside those it has."""
    kids = _clients(asked).add_keys(asked.client, asked.file.read_text("utf-8"))
    _say(f"keys of {asked.client}: {' '.join(kids)}")


def drop_key(asked: argparse.Namespace) -> None:
    """One of its keys out."""
    kids = _clients(asked).drop_key(asked.client, asked.kid)
    _say(f"keys of {asked.client}: {' '.join(kids)}")


def suspend(asked: argparse.Namespace) -> None:
    """Out at its next request."""
    _clients(asked).suspend(asked.client)
    _say(f"{asked.client} is suspended")


def resume(asked: argparse.Namespace) -> None:
    """In again."""
    _clients(asked).resume(asked.client)
    _say(f"{asked.client} is active")


def remove(asked: argparse.Namespace) -> None:
    """Out for good."""
    _clients(asked).remove(asked.client)
    _say(f"{asked.client} is removed; neither its id nor its prefix is given again")


def acts(asked: argparse.Namespace) -> None:
    """What was done to it."""
    for act in _clients(asked).acts(asked.client):
        _say(f"{act.at}  {act.what:<9} {act.by}  {act.about}".rstrip())


def _row(asked: argparse.Namespace) -> dict[str, Any]:
    given = {
        "client_id": asked.client,
        "name": asked.name,
        "organizations": asked.organization,
        "prefix": asked.prefix,
        "scopes": asked.scopes,
        "kind": asked.kind,
        "redirect_uris": asked.redirect_uri,
        "jwks": asked.keys.read_text("utf-8") if asked.keys else None,
        "jwks_uri": asked.keys_url,
    }
    return {name: value for name, value in given.items() if value is not None}


def _clients(asked: argparse.Namespace) -> Clients:
    rows = DynamoClients(_registry(asked.stack))
    return Clients(rows, _usable, SystemClock(), _operator())


def _usable(jwks: str) -> list[str]:
    return list(jwt.registered_keys(jwks, ALGORITHMS))


def _registry(stack: str) -> str:
    return outputs(stack)["RegistryTable"]


def _operator() -> str:
    """Who AWS says is asking."""
    return str(boto3.client("sts").get_caller_identity()["Arn"])


def _tell(found: Differences) -> None:
    for what, entries in (
        ("added", found.added), ("changed", found.changed), ("ended", found.ended),
    ):  # fmt: skip
        _say(f"{what}: {len(entries)}")
        for entry in entries[:_SHOWN_MAX]:
            _say(f"  {key_of(entry)}")
        if len(entries) > _SHOWN_MAX:
            _say(f"  and {len(entries) - _SHOWN_MAX} more")


def _progress(done: int, of: int) -> None:
    sys.stderr.write(f"\r{done} of {of}" + ("\n" if done == of else ""))
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.directory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)

    def command(does: Callable[[argparse.Namespace], None], *names: str) -> Any:
        name = does.__name__.replace("_", "-")
        made = commands.add_parser(name, help=does.__doc__, description=does.__doc__)
        made.set_defaults(does=does)
        made.add_argument("stack")
        for one in names:
            made.add_argument(one)
        return made

    loading = command(load)
    loading.add_argument("files", nargs="+", type=Path, metavar="FILE")
    loading.add_argument("--dry-run", action="store_true")
    command(export).add_argument("folder", type=Path)
    for does in (register, amend):
        _describes(command(does, "client"))
    command(add_keys, "client").add_argument("file", type=Path)
    command(drop_key, "client", "kid")
    for act in (suspend, resume, remove, acts):
        command(act, "client")
    return parser


def _describes(parser: argparse.ArgumentParser) -> None:
    """What an app is registered with."""
    add = parser.add_argument
    add("--name", required=True)
    add("--organization", required=True, action="append", help="INPE; again for each other one")
    add("--prefix", required=True, help="of the app's own ids, at most 6 characters")
    add("--scopes", required=True, help="SMART v2, between spaces")
    add("--kind", choices=["confidential", "public"])
    add("--keys", type=Path, help="a JWK set of public keys")
    add("--keys-url", help="or the https URL of one")
    add("--redirect-uri", action="append", help="where people are sent back; again for each other")


def main(words: Sequence[str]) -> int:
    """The command; see the top of this file. 1 when it was refused, with each reason."""
    asked = _parser().parse_args(words)
    try:
        asked.does(asked)
    except NotTaken as refused:
        for fault in refused.faults:
            sys.stderr.write(f"{fault}\n")
        sys.stderr.write(f"refused: {refused}; nothing was written\n")
        return _REFUSED
    except (LoadUnderWay, Unavailable, OSError, UnicodeDecodeError) as reason:
        sys.stderr.write(f"refused: {reason}; send it again\n")
        return _REFUSED
    return _DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
