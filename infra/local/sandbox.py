"""`python -m infra.local.sandbox start|stop|status|logs`: the whole system on this machine.

`start` may be repeated at any time: it installs, starts, deploys and seeds what is not so yet, and
returns when the API answers. .local/sandbox.json is written last and whole (DESIGN, section 11).
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import json
import os
import secrets
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from infra import build
from infra.local.deployment import Deployment
from infra.local.emulator import LOCAL, CannotRun, Emulator, living

DEFAULT_PORT = 14566
FILE = LOCAL / "sandbox.json"
console = Console(highlight=False)


def emulator() -> Emulator:
    """The emulator of this folder: on DMP_PORT, else where it runs, else on the default port."""
    running = living(LOCAL)
    wanted = os.environ.get("DMP_PORT")
    if wanted is None:
        return Emulator(LOCAL, running[1] if running else DEFAULT_PORT)
    if running and running[1] != int(wanted):
        raise CannotRun(
            f"the sandbox runs on port {running[1]}: `make stop` it, then start it with DMP_PORT"
        )
    return Emulator(LOCAL, int(wanted))


def parameters() -> dict[str, str]:
    """The template's parameters here; DMP_REGION and DMP_CODE_SECONDS change two of them."""
    return {
        "Stage": "sandbox",
        "RegionCode": os.environ.get("DMP_REGION", "MA-06"),
        "CodeSeconds": os.environ.get("DMP_CODE_SECONDS", "900"),
    }


@contextmanager
def _step(text: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(text):
        yield
    console.print(f"  [green]✓[/] {text} [dim]{time.monotonic() - started:.1f} s[/]")


@contextmanager
def _alone() -> Iterator[None]:
    """One start at a time: a second one waits for the first."""
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("  another start is under way: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start(*, fresh: bool = False) -> dict[str, Any]:
    """Bring everything up; the content of sandbox.json. `fresh` forgets the state of before."""
    with _alone():
        ours = emulator()
        deployment = Deployment(ours, parameters())
        try:
            _emulate(ours, deployment, fresh=fresh)
            with _step("functions and layers built, template.yaml deployed"):
                outputs = deployment.deploy()
            with _step("the API answers"):
                _answers(outputs["BaseUrl"])
            with _step("synthetic people, practitioners and partner apps"):
                os.environ.update(ours.environment())
                described = _describe(ours, outputs)
        except KeyboardInterrupt:
            ours.stop()
            raise CannotRun("stopped in the middle; `make run` goes on from here") from None
        except (BotoCoreError, ClientError, OSError) as error:
            if ours.pid() is None:
                raise CannotRun("the emulator was stopped meanwhile; `make run` again") from error
            raise
        part = FILE.with_suffix(".part")
        part.write_text(json.dumps(described, ensure_ascii=False, indent=1), "utf-8")
        part.replace(FILE)
        return described


def _emulate(ours: Emulator, deployment: Deployment, *, fresh: bool) -> None:
    if fresh:
        ours.stop()
    running = ours.pid() is not None and ours.answers()
    if not running:
        FILE.unlink(missing_ok=True)
        ours.stop()  # a process that no longer answers
        with _step("the emulator's own environment"):
            ours.install()
        if fresh or not deployment.completed:  # a first start that was cut short left half a stack
            shutil.rmtree(LOCAL / "state", ignore_errors=True)
            for told in ("messages.jsonl", "demo.json"):  # of people who have no record any more
                (LOCAL / told).unlink(missing_ok=True)
            deployment.forget()
        with _step(f"the emulator listens on {ours.url}"):
            ours.start()


def _answers(base_url: str) -> None:
    request = urllib.request.Request(  # noqa: S310
        f"{base_url}/fhir/metadata", headers={"Accept": "application/fhir+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            json.load(answer)
    except (OSError, ValueError) as error:
        raise CannotRun(f"the API does not answer ({error}):\n{emulator().tail()}") from error


def _describe(ours: Emulator, outputs: dict[str, str]) -> dict[str, Any]:
    base = outputs["BaseUrl"]
    found: dict[str, Any] = {
        "fhir_base": f"{base}/fhir",
        "token_url": f"{base}/oauth2/token",
        "activation_url": f"{base}/activations",
        "journal_url": f"{base}/journal",
        "messages_url": ours.messages_url,
        "region": outputs["RegionCode"],
        "account_url": f"{_named(base)}/account",
        "base_url": base,
        "aws_endpoint_url": ours.url,
    }
    if importlib.util.find_spec("infra.local.seed") is not None:
        seeder = importlib.import_module("infra.local.seed")
        found |= seeder.seed(outputs, build.ROOT)
    return {**found, "sign_in_url": _sign_in(base, found.get("clients", {}))}


def _sign_in(base: str, clients: dict[str, Any]) -> str:
    """A link as the portal makes it, for looking at the pages: nobody holds its verifier."""
    asked = {
        "response_type": "code",
        "client_id": clients.get("portal", {}).get("client_id", ""),
        "redirect_uri": "http://127.0.0.1:8000/callback",
        "scope": "launch/patient openid fhirUser patient/*.rs patient/Observation.cruds",
        "state": secrets.token_urlsafe(24),
        "aud": f"{base}/fhir",
        "code_challenge": secrets.token_urlsafe(32),
        "code_challenge_method": "S256",
    }
    return f"{_named(base)}/oauth2/authorize?{urlencode(asked)}"


def _named(base: str) -> str:
    """The base as browsers open it: passkeys are bound to a name, not to an address."""
    return base.replace("127.0.0.1", "localhost", 1)


def stop() -> None:
    """End the emulator; state and messages stay for the next start."""
    FILE.unlink(missing_ok=True)
    ended = Emulator(LOCAL, DEFAULT_PORT).stop()
    console.print("the sandbox has ended" if ended else "no sandbox was running")


def status() -> int:
    """Say what runs, and where."""
    ours = emulator()
    if ours.pid() is None or not FILE.exists():
        console.print("no sandbox is running (`make run` starts one)")
        return 1
    _tell(json.loads(FILE.read_text("utf-8")))
    return 0


def logs() -> None:
    """What the functions logged in the last quarter of an hour, oldest first."""
    client = Deployment(emulator(), parameters()).client("logs")
    since = int((time.time() - 900) * 1000)
    found = []
    for group in client.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=name, startTime=since
        )
        for page in pages:
            found += [
                (e["timestamp"], name.rpartition("/")[2], e["message"]) for e in page["events"]
            ]
    for _, name, message in sorted(found):
        if not message.startswith(("START ", "END ", "REPORT ")) and message.strip():
            console.print(f"{name}: {message}", markup=False, soft_wrap=True)


def _tell(described: dict[str, Any]) -> None:
    console.print(f"\nthe sandbox of region {described['region']} is up")
    for name in ("fhir_base", "token_url", "activation_url", "account_url", "messages_url"):
        console.print(f"  {name:<15} {described[name]}", soft_wrap=True)
    console.print(f"  sign-in page    {described['sign_in_url']}", soft_wrap=True, markup=False)
    for what in ("clients", "patients", "people"):
        console.print(f"  {what:<15} {len(described.get(what, []))}")
    console.print(f"  all of it in    {FILE.relative_to(build.ROOT)}; `make stop` ends it")


def main() -> int:
    """The command."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        match command:
            case "start":
                _tell(start(fresh="--fresh" in sys.argv))
            case "stop":
                stop()
            case "status":
                return status()
            case "logs":
                logs()
            case _:
                console.print(
                    "usage: python -m infra.local.sandbox start [--fresh]|stop|status|logs"
                )
                return 2
    except CannotRun as problem:
        console.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
