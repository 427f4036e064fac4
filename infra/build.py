"""Builds the layers, for AWS Lambda (3.13, arm64) or for the machine this runs on.

`python -m infra.build runtime --into <folder>` is what `sam build` calls; the sandbox calls `build`
with `HERE`. Versions and hashes come from requirements.lock. Nothing is built twice: a key over all
inputs lies beside what was built. Neither Docker nor Python 3.13 is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("dmp", "runtime", "crypto", "pages", "passkeys", "viewer")
LOCK = ROOT / "requirements.lock"

# boto3 carries every service of AWS; functions use these.
SERVICES = ("dynamodb", "kms", "s3", "ses", "sesv2", "sns", "sqs", "stepfunctions", "sts")
VIEWER = ("__init__.py", "LICENSE", "swagger-ui.css", "swagger-ui-bundle.js",
          "swagger-ui-bundle.js.LICENSE.txt")  # fmt: skip
LANGUAGES = ("ar", "en", "fr", "zgh")


@dataclass(frozen=True)
class Platform:
    """Where a layer will run: the installer's options, and who can compile for it, if anyone."""

    name: str
    options: tuple[str, ...]
    python: str | None


def _python_3_13() -> str | None:
    found = shutil.which("python3.13")
    if found is None:
        return None
    asked = subprocess.run(  # noqa: S603
        [found, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=False
    )
    return found if asked.stdout.strip() == b"(3, 13)" else None


def lambda_platform() -> Platform:
    """AWS Lambda as template.yaml asks for it."""
    options = ("--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_28")
    return Platform("lambda", (*options, "--only-binary", ":all:"), _python_3_13())


def here() -> Platform:
    """This interpreter on this machine, as the sandbox's emulator."""
    name = f"here-{sys.version_info[0]}.{sys.version_info[1]}"
    return Platform(name, ("--python", sys.executable), sys.executable)


def requirements(layer: str) -> Path:
    """Where a layer names what it holds."""
    return ROOT / "layers" / layer / "requirements.txt"


def pinned(names_file: Path) -> str:
    """Part of the lock: each name of the file with its version and hashes."""
    lines = map(str.strip, names_file.read_text("utf-8").splitlines())
    names = [line for line in lines if line and not line.startswith("#")]
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK.read_text("utf-8"))
    locked = {block.partition("==")[0]: block for block in blocks if "==" in block}
    return "\n".join(locked[name] for name in names)


def _sources() -> Iterator[Path]:
    for path in sorted((ROOT / "shared" / "dmp").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _key(layer: str, platform: Platform) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(repr(platform).encode())
    if layer == "dmp":
        for path in _sources():
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    else:
        digest.update(pinned(requirements(layer)).encode())
    return digest.hexdigest()


def build(layer: str, platform: Platform) -> Path:
    """The built layer's folder (it holds `python/`), made anew only when an input changed."""
    folder = ROOT / ".build" / platform.name / layer
    marker = folder.with_suffix(".key")
    key = _key(layer, platform)
    if marker.exists() and marker.read_text("utf-8") == key and folder.exists():
        return folder
    marker.unlink(missing_ok=True)
    folder.with_suffix(".zip").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "python"
    if layer == "dmp":
        for path in _sources():
            copy = python / path.relative_to(ROOT / "shared")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    else:
        _install(pinned(requirements(layer)), python, platform)
        _trim(python)
    _compile(python, platform)
    marker.write_text(key, "utf-8")
    return folder


def archive(folder: Path) -> bytes:
    """The folder as a zip that is the same for the same content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), (2020, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return packed.getvalue()


def packed(layer: str, platform: Platform) -> bytes:
    """The built layer as a zip, kept beside it."""
    folder = build(layer, platform)
    kept = folder.with_suffix(".zip")
    if not kept.exists():
        part = kept.with_suffix(".part")
        part.write_bytes(archive(folder))
        part.replace(kept)
    return kept.read_bytes()


def _install(requirements: str, python: Path, platform: Platform) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write(requirements)
        listed.flush()
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--link-mode", "copy", *platform.options]
        subprocess.run(  # noqa: S603
            [*command, "--target", str(python), "-r", listed.name], check=True
        )


def _unreachable(python: Path) -> Iterator[Path]:
    """What no function can reach: it would be unpacked at each cold start."""
    for name in ("bin", ".lock", "tests", "boto3/examples", "phonenumbers/geodata"):
        yield python / name
    yield from python.glob("*/tests")
    services = (python / "botocore" / "data").glob("*/")
    yield from (s for s in services if s.is_dir() and s.name not in SERVICES)
    locales = (python / "babel" / "locale-data").glob("*.dat")
    yield from (p for p in locales if p.stem.partition("_")[0] not in (*LANGUAGES, "root"))
    viewer = (python / "drf_spectacular_sidecar").rglob("*")
    yield from (p for p in viewer if p.is_file() and p.name not in VIEWER)
    chalice = (python / "chalice").glob("*")  # all but its runtime is its command line
    yield from (p for p in chalice if p.name not in ("__init__.py", "app.py"))


def _trim(python: Path) -> None:
    for path in list(_unreachable(python)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _compile(python: Path, platform: Platform) -> None:
    """Bytecode that is never checked against its source: archives do not keep times."""
    if platform.python is None:
        return
    command = [platform.python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    place = ["-s", str(python), "-p", "/opt/python"]
    subprocess.run([*command, *place, str(python)], check=True)  # noqa: S603


def main() -> None:
    """Build one layer for AWS Lambda into a folder (the Makefile of each layer)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", choices=LAYERS)
    parser.add_argument("--into", required=True, type=Path)
    asked = parser.parse_args()
    shutil.copytree(build(asked.layer, lambda_platform()), asked.into, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
