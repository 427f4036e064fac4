"""Deployed stacks, as operators' commands reach them: a region's on AWS, or the sandbox."""

from __future__ import annotations

import os

import boto3

SANDBOX = "dmp-sandbox"


def outputs(stack: str) -> dict[str, str]:
    """The stack's outputs by name. The sandbox is reached without any AWS setting."""
    if stack == SANDBOX and "AWS_ENDPOINT_URL" not in os.environ:
        from infra.local.sandbox import emulator  # noqa: PLC0415  # operators have no emulator

        os.environ.update(
            AWS_ENDPOINT_URL=emulator().url,
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",  # noqa: S106  # what the emulator takes for its root
        )
    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
