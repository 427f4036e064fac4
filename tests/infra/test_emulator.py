"""The emulator's process: loopback, IAM, a dated record of messages, and what kill -9 leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.emulator import LOCAL, REGION, CannotRun, Emulator, living

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One of our own, beside the sandbox's."""
    Emulator(LOCAL, 0).install()
    folder = tmp_path_factory.mktemp("local")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Emulator(folder, port)
    made.start()
    yield made
    made.stop()


def client(emulator: Emulator, service: str, **credentials: str) -> Any:
    connect: Any = boto3.client
    keys = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return connect(service, endpoint_url=emulator.url, region_name=REGION, **keys)


def messages(emulator: Emulator) -> list[dict[str, str]]:
    with urllib.request.urlopen(emulator.messages_url, timeout=5) as answer:  # noqa: S310
        found: list[dict[str, str]] = json.load(answer)
    return found


def test_a_port_in_use_is_told(emulator: Emulator, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=f"port {emulator.port} is in use"):
        Emulator(tmp_path, emulator.port).start()

    assert emulator.answers(), "the first one is unharmed"


def test_it_listens_on_loopback_alone(emulator: Emulator) -> None:
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        assert emulator._process_environment()["BIND_HOST"] == "127.0.0.1"
        return
    rows = [line.split() for line in listening.read_text().splitlines()[1:]]
    ours = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{emulator.port:04X}")}
    assert ours == {f"0100007F:{emulator.port:04X}"}


def test_messages_are_told_with_their_date_newest_last(emulator: Emulator) -> None:
    client(emulator, "ses").verify_email_identity(EmailAddress="dmp@example.org")
    client(emulator, "sns").publish(PhoneNumber="+212600000000", Message="رمز 123456")
    client(emulator, "ses").send_email(
        Source="dmp@example.org",
        Destination={"ToAddresses": ["a@example.org"]},
        Message={"Subject": {"Data": "ⴰⵣⵓⵍ"}, "Body": {"Text": {"Data": "texte"}}},
    )

    sms, mail = messages(emulator)[-2:]

    assert (sms["channel"], sms["to"], sms["text"]) == ("sms", "+212600000000", "رمز 123456")
    assert (mail["channel"], mail["subject"], mail["text"]) == ("email", "ⴰⵣⵓⵍ", "texte")
    assert sms["at"] <= mail["at"]


def test_a_role_opens_only_what_its_purpose_allows(emulator: Emulator) -> None:
    kms, iam = client(emulator, "kms"), client(emulator, "iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    wrapped = {
        purpose: kms.generate_data_key(
            KeyId=key, KeySpec="AES_256", EncryptionContext={"patient": "p", "purpose": purpose}
        )["CiphertextBlob"]
        for purpose in ("notice", "record")
    }
    allowed = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": key,
        "Condition": {"StringEquals": {"kms:EncryptionContext:purpose": "notice"}},
    }
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    role = iam.create_role(RoleName="n", AssumeRolePolicyDocument=json.dumps(_policy(trust)))
    iam.put_role_policy(RoleName="n", PolicyName="p", PolicyDocument=json.dumps(_policy(allowed)))
    assumed = client(emulator, "sts").assume_role(
        RoleArn=role["Role"]["Arn"], RoleSessionName="session"
    )["Credentials"]
    notifier = client(
        emulator,
        "kms",
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )

    def unwrap(purpose: str) -> bytes:
        opened = notifier.decrypt(
            CiphertextBlob=wrapped[purpose],
            EncryptionContext={"patient": "p", "purpose": purpose},
        )
        return bytes(opened["Plaintext"])

    assert len(unwrap("notice")) == 32
    with pytest.raises(ClientError, match="AccessDenied"):
        unwrap("record")


def test_kill_9_leaves_tables_and_messages(emulator: Emulator) -> None:
    dynamodb = client(emulator, "dynamodb")
    dynamodb.create_table(
        TableName="kept",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="kept", Item={"pk": {"S": "x"}})
    client(emulator, "sns").publish(PhoneNumber="+212611111111", Message="kept")
    state = emulator.folder / "state" / "dynamodb.json"
    for _ in range(150):
        if state.exists() and "kept" in state.read_text():
            break
        time.sleep(0.1)
    pid = emulator.pid()
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert living(emulator.folder) is None
    emulator.start()

    assert dynamodb.get_item(TableName="kept", Key={"pk": {"S": "x"}})["Item"]
    assert messages(emulator)[-1]["text"] == "kept"


def _policy(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}
