"""`python -m infra.enrolment`: a code by which an administrator registers their first passkey.

The directory must give the practitioner a role in the organisation today. The code is good once and
for a day; it is printed here and nowhere else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import boto3

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.credentials import CredentialRows
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.envelope import Vault
from dmp.adapters.passkeys import WebAuthn
from dmp.domain.refusals import Refusal
from dmp.use_cases.ceremonies import Ceremonies
from dmp.use_cases.enrolments import OPERATOR, Enrolments
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from infra.stacks import outputs


def enrolment(
    names: Mapping[str, str], practitioner: str, organization: str, *, replaces: bool = False
) -> str:
    """The code; `names` are the stack's outputs. A Refusal says why there is none."""
    clock, registry = SystemClock(), names["RegistryTable"]
    vault = Vault(boto3.client("kms"), names["RecordKeyArn"])
    rows = CredentialRows(vault, names["RecordsTable"], names["KeysTable"], registry)
    sessions = PractitionerSessions(rows, Registry(registry), clock)
    ceremonies = Ceremonies(rows, WebAuthn(names["ApiUrl"]), clock)
    enrolments = Enrolments(rows, ceremonies, sessions, clock)
    made = enrolments.made(practitioner, organization, OPERATOR, replaces=replaces)
    return str(made["enrolment"])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", required=True, help="dmp-<stage>-<region>")
    parser.add_argument("--practitioner", required=True, help="INPE number, nine digits")
    parser.add_argument("--organization", required=True, help="INPE number, nine digits")
    parser.add_argument("--replaces", action="store_true", help="earlier passkeys there end")
    asked = parser.parse_args(arguments)
    try:
        people = asked.practitioner, asked.organization
        code = enrolment(outputs(asked.stack), *people, replaces=asked.replaces)
    except Refusal as refusal:
        sys.exit(str(refusal))
    sys.stdout.write(f"{code}\n")


if __name__ == "__main__":
    main()
