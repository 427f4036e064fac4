"""`python -m infra.deploy MA-06 --stage prod`: one region's cell on AWS, with the SAM command.

Account, AWS region and endpoints come from the usual environment (AWS_PROFILE, AWS_REGION,
AWS_ENDPOINT_URL). The API learns its own public address: unless the region's file names a BaseUrl,
the first deployment is followed by a second one with the address that AWS gave.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import boto3
import yaml

from dmp.fhir.sensitivity import table
from infra.build import ROOT

REGIONS = ROOT / "infra" / "regions"
SAM = [str(Path(sys.executable).parent / "sam")]


def deploy(region: str, stage: str) -> str:
    """Build, deploy, and give the API its address; the address.

    ValueError, before anything is built, for a row of the sensitivity tables that is none.
    """
    table()
    stack = f"dmp-{stage}-{region.lower()}"
    given = REGIONS / f"{region}.yaml"
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "DMP_ROOT": str(ROOT)}
    subprocess.run([*SAM, "build"], cwd=ROOT, env=environment, check=True)  # noqa: S603
    named = yaml.safe_load(given.read_text("utf-8")).get("BaseUrl")
    before = named or _address(stack)
    _deploy(environment, stack, [f"file://{given}", f"Stage={stage}", *_base_url(before)])
    after = named or _address(stack)
    if after is None:
        raise LookupError(f"the stack {stack} names no ApiUrl")
    if after != before:
        _deploy(environment, stack, [f"file://{given}", f"Stage={stage}", *_base_url(after)])
    return after


def _base_url(address: str | None) -> list[str]:
    return [f"BaseUrl={address}"] if address else []


def _deploy(environment: dict[str, str], stack: str, overrides: list[str]) -> None:
    command = [*SAM, "deploy", "--stack-name", stack, "--parameter-overrides", *overrides]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603


def _address(stack: str) -> str | None:
    """What AWS calls the API of a stack that is already there."""
    cloudformation = boto3.client("cloudformation")
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except cloudformation.exceptions.ClientError:
        return None
    outputs = {o["OutputKey"]: o["OutputValue"] for s in found for o in s.get("Outputs", [])}
    return outputs.get("ApiUrl")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("region", choices=sorted(p.stem for p in REGIONS.glob("MA-*.yaml")))
    parser.add_argument("--stage", required=True)
    asked = parser.parse_args()
    print(deploy(asked.region, asked.stage))


if __name__ == "__main__":
    main()
