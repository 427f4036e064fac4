"""The emulator as a process: its environment, its start on a port of ours, its end.

Everything it writes lies under .local/; it listens on 127.0.0.1 alone and enforces IAM.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from infra.build import ROOT, pinned

ENVIRONMENT = ROOT / ".local" / "emulator"  # one for every emulator of this project
LOCAL = ROOT / os.environ.get("DMP_LOCAL", ".local")  # state, messages, file: a sandbox's own
NAMES = ROOT / "infra" / "local" / "requirements.txt"
REGION = "eu-west-1"
START_S = 60
STOP_S = 20
_started: list[subprocess.Popen[bytes]] = []  # it outlives us: not to be waited for at our end


class CannotRun(Exception):
    """The sandbox cannot do what was asked; the text tells the person what to do."""


@dataclass(frozen=True)
class Emulator:
    """One emulator: where it keeps its things and on which port it listens."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Its endpoint, for every service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def messages_url(self) -> str:
        """Where it tells every SMS and mail."""
        return f"{self.url}/_dmp/messages"

    @property
    def python(self) -> Path:
        """The interpreter of its own environment, so that functions see their layers alone."""
        return ENVIRONMENT / "bin" / "python"

    @property
    def log(self) -> Path:
        """Its log, functions' output included."""
        return self.folder / "emulator.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "emulator.pid"

    def environment(self) -> dict[str, str]:
        """What a client of the emulator needs."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def install(self) -> bool:
        """Make its environment from the lock; whether there was anything to do."""
        wanted = pinned(NAMES)
        key = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()
        marker = ENVIRONMENT / ".key"
        if marker.exists() and marker.read_text("utf-8") == key:
            return False
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)])
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
            listed.write(wanted)
            listed.flush()
            install = [*uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
            options = ["--link-mode", "copy", "--python", str(self.python)]
            _run([*install, *options, "-r", listed.name])
        marker.write_text(key, "utf-8")
        return True

    def pid(self) -> int | None:
        """The process that was started here and still lives."""
        noted = living(self.folder)
        return noted[0] if noted else None

    def answers(self) -> bool:
        """Whether our launcher answers on the port."""
        try:
            with urllib.request.urlopen(self.messages_url, timeout=2) as answer:  # noqa: S310
                return bool(json.load(answer) is not None)
        except (OSError, ValueError):
            return False

    def start(self) -> None:
        """Start it and wait until it answers; the state of the last run is there again."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise CannotRun(
                    f"port {self.port} is in use by another program: end it, or choose a port "
                    f"with DMP_PORT=<port> make run"
                )
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)  # workers leave their folders
        (self.folder / "tmp").mkdir(parents=True)
        (self.folder / "state").mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [str(self.python), "-m", "infra.local.launcher"],
                env=self._process_environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _started.append(process)
        self._pid_file.write_text(json.dumps({"pid": process.pid, "port": self.port}), "utf-8")
        for _ in range(START_S * 10):
            if self.answers():
                return
            if process.poll() is not None:
                raise CannotRun(f"the emulator ended at once; the end of its log:\n{self.tail()}")
            time.sleep(0.1)
        self.stop()
        raise CannotRun(f"the emulator did not answer within {START_S} s:\n{self.tail()}")

    def stop(self) -> bool:
        """End it; it saves its state first. Whether there was one."""
        pid = self.pid()
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        if not _ended(pid, STOP_S):
            os.killpg(pid, signal.SIGKILL)  # it leads a process group of its own
            _ended(pid, 5)
        self._pid_file.unlink(missing_ok=True)
        return True

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        text = self.log.read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _process_environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        state = self.folder / "state"
        return {
            **kept,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "TMPDIR": str(self.folder / "tmp"),
            "DMP_MESSAGES": str(self.folder / "messages.jsonl"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def living(folder: Path) -> tuple[int, int] | None:
    """Process and port of the emulator that was started in the folder and still lives."""
    try:
        noted = json.loads((folder / "emulator.pid").read_text("utf-8"))
        os.kill(noted["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return int(noted["pid"]), int(noted["port"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CannotRun(f"{' '.join(command[:6])}… failed:\n{done.stderr.strip()}")


def _ended(pid: int, seconds: int) -> bool:
    for _ in range(seconds * 10):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a child of this very process would stay as a zombie
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
