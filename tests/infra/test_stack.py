"""The moto stack is what the template says, and moto is honest where it was not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.honesty import assert_rollback
from tests.stack import Stack


def test_a_function_gets_the_environment_of_its_resource(stack: Stack) -> None:
    variables = stack.environment("NotificationsAnnouncer")

    assert variables["RECORDS_TABLE"] == stack.output("RecordsTable")
    assert variables["NOTICES_QUEUE_URL"].endswith("NoticesQueue")
    assert variables["CODE_SECONDS"] == "900"
    assert "AWS_ENDPOINT_URL" not in variables
    assert "SMS_SENDER" not in variables


def test_the_records_table_has_the_templates_stream_and_index(stack: Stack) -> None:
    table = stack.client("dynamodb").describe_table(TableName=stack.output("RecordsTable"))["Table"]

    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert [i["IndexName"] for i in table["GlobalSecondaryIndexes"]] == ["due-index"]


def test_a_cancelled_transaction_leaves_nothing(stack: Stack) -> None:
    assert_rollback(stack.client("dynamodb"), stack.output("RegistryTable"))


def test_a_request_token_is_remembered(stack: Stack) -> None:
    dynamodb = stack.client("dynamodb")
    table = stack.output("RegistryTable")

    def put(name: str) -> None:
        item = {"TableName": table, "Item": {"pk": {"S": name}}}
        item["ConditionExpression"] = "attribute_not_exists(pk)"
        dynamodb.transact_write_items(TransactItems=[{"Put": item}], ClientRequestToken="t" * 36)

    put("once")
    put("once")
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        put("other")


def test_a_transaction_over_four_megabytes_is_refused(stack: Stack) -> None:
    blob = b"x" * 390_000
    puts = [
        {
            "Put": {
                "TableName": stack.output("RegistryTable"),
                "Item": {"pk": {"S": str(n)}, "b": {"B": blob}},
            }
        }
        for n in range(11)
    ]

    with pytest.raises(ClientError, match="4MB"):
        stack.client("dynamodb").transact_write_items(TransactItems=puts)


@pytest.mark.parametrize("ending", ["disable_key", "schedule_key_deletion"])
def test_a_key_out_of_service_opens_nothing(stack: Stack, ending: str) -> None:
    kms, key = stack.client("kms"), stack.output("RecordKeyArn")
    wrapped = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=wrapped)["Plaintext"]

    getattr(kms, ending)(KeyId=key)

    with pytest.raises(ClientError, match="Disabled|InvalidState"):
        kms.decrypt(CiphertextBlob=wrapped)
    with pytest.raises(ClientError, match="Disabled|InvalidState"):
        kms.generate_data_key(KeyId=key, KeySpec="AES_256")


def test_macs_and_signatures_come_from_keys_of_their_kind(stack: Stack) -> None:
    kms = stack.client("kms")

    mac = kms.generate_mac(
        KeyId=stack.output("IdentifierKeyArn"), Message=b"m", MacAlgorithm="HMAC_SHA_256"
    )
    signature = kms.sign(
        KeyId=stack.output("TokenKeyArn"), Message=b"m", SigningAlgorithm="ECDSA_SHA_256"
    )

    assert len(mac["Mac"]) == 32
    assert signature["Signature"]
