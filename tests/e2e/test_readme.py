"""README's examples, cut out of it and run on the sandbox as a partner would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from infra.build import ROOT
from tests.e2e.place import Place

EXAMPLES = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}


@pytest.mark.parametrize("language", EXAMPLES)
def test_an_example_runs_and_tells_what_readme_says(place: Place, language: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)

    done = subprocess.run(  # noqa: S603
        EXAMPLES[language],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"},
        cwd=ROOT,
        input=code,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    status, _, told = done.stdout.partition(" ")
    assert place.base
    if status == "403":  # nobody has consented, unless another test's patient has
        assert "OperationOutcome" in told
    else:
        assert (status, "Patient" in told) == ("200", True), json.dumps(done.stdout)
