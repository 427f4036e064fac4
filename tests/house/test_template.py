"""Safety settings of the template that no emulator honours, and who may do what."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.template import ROOT, load, of_type

TEMPLATE = load()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
TABLES = of_type(TEMPLATE, "AWS::DynamoDB::Table")
ALARMS = of_type(TEMPLATE, "AWS::CloudWatch::Alarm")
QUEUES = of_type(TEMPLATE, "AWS::SQS::Queue")


def statements(name: str) -> list[dict[str, Any]]:
    policies = RESOURCES[name]["Properties"].get("Policies", [])
    return [s for policy in policies for s in policy["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    given = statement["Action"]
    return [given] if isinstance(given, str) else given


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_encrypted_recoverable_and_kept(name: str) -> None:
    table = TABLES[name]
    properties = table["Properties"]

    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert properties["DeletionProtectionEnabled"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"


def test_erased_keys_can_come_back_for_a_week_at_most() -> None:
    keys = TABLES["KeysTable"]["Properties"]["PointInTimeRecoverySpecification"]
    assert keys["RecoveryPeriodInDays"] == 7


def test_what_expires_has_a_time_to_live() -> None:
    with_ttl = {n for n, t in TABLES.items() if "TimeToLiveSpecification" in t["Properties"]}
    assert with_ttl == {"RecordsTable", "RegistryTable"}
    for name in with_ttl:
        ttl = TABLES[name]["Properties"]["TimeToLiveSpecification"]
        assert ttl == {"AttributeName": "ttl", "Enabled": True}


def test_kms_keys_are_kept_and_rotate_where_they_can() -> None:
    keys = of_type(TEMPLATE, "AWS::KMS::Key")
    assert {n: k["Properties"].get("KeySpec") for n, k in keys.items()} == {
        "RecordKey": None,
        "IdentifierKey": "HMAC_256",
        "TokenKey": "ECC_NIST_P256",
        "LogKey": "ECC_NIST_P256",
    }
    assert keys["RecordKey"]["Properties"]["EnableKeyRotation"] is True
    assert all(k["DeletionPolicy"] == k["UpdateReplacePolicy"] == "Retain" for k in keys.values())


def test_tiles_cannot_be_rewritten() -> None:
    bucket = RESOURCES["TilesBucket"]["Properties"]
    rule = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert bucket["ObjectLockEnabled"] is True
    assert rule["Mode"] == "COMPLIANCE"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert bucket["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] is True


def test_the_public_reads_tiles_and_checkpoint_and_does_no_more() -> None:
    policy = RESOURCES["TilesBucketPolicy"]["Properties"]["PolicyDocument"]
    *guarded, allowed = policy["Statement"]
    ((_, _, secured),) = [statement["Fn::If"] for statement in guarded]
    assert (secured["Effect"], secured["Action"]) == ("Deny", "s3:*")
    assert secured["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Effect"] == "Allow"
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Resource"] == [
        {"Fn::Sub": "${TilesBucket.Arn}/tile/*"},
        {"Fn::Sub": "${TilesBucket.Arn}/checkpoint"},
    ]


def test_the_mail_provider_alone_tells_what_became_of_a_mail() -> None:
    policy = RESOURCES["MailReceiptsTopicPolicy"]["Properties"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "ses.amazonaws.com"}
    assert set(allowed["Condition"]["StringEquals"]) == {"AWS:SourceAccount", "AWS:SourceArn"}
    (topic,) = policy["Topics"]
    heard = FUNCTIONS["Receipts"]["Properties"]["Events"]["Topic"]["Properties"]
    told = RESOURCES["MailReceiptsDestination"]["Properties"]["EventDestination"]
    assert heard["Topic"] == told["SnsDestination"]["TopicARN"] == topic
    assert {"bounce", "complaint", "delivery", "reject"} == set(told["MatchingEventTypes"])
    assert [actions(s) for s in statements("Receipts")] == [
        ["dynamodb:UpdateItem"], ["sqs:SendMessage"],
    ]  # fmt: skip


def test_no_role_has_a_wildcard() -> None:
    """Log delivery alone has no resource of its own; SMS go to numbers, which have no ARN."""
    for name in [*FUNCTIONS, "ActivationMachine"]:
        for statement in statements(name):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in actions(statement)), name
            if statement.get("Resource") == "*":
                assert all(a.startswith("logs:") for a in actions(statement)), name
            if "NotResource" in statement:
                assert actions(statement) == ["sns:Publish"], name


def test_the_state_machine_may_call_its_steps_alone() -> None:
    called = [s for s in statements("ActivationMachine") if "lambda:InvokeFunction" in actions(s)]
    assert [s["Resource"] for s in called] == [{"Fn::GetAtt": ["ActivationSteps", "Arn"]}]
    logging = RESOURCES["ActivationMachine"]["Properties"]["Logging"]
    assert logging["IncludeExecutionData"] is False


def _unwraps(purpose: str) -> set[str]:
    return {
        name
        for name in FUNCTIONS
        for s in statements(name)
        if "kms:Decrypt" in actions(s)
        and s["Condition"] == {"StringEquals": {"kms:EncryptionContext:purpose": purpose}}
    }


def test_who_may_open_records_and_who_contacts() -> None:
    assert _unwraps("record") == {
        "ActivationSteps",
        "RecordWrites",
        "AccessQueries",
        "ConsentChanges",
        "Journal",
        "Compaction",
        "Account",
        "People",
    }
    assert _unwraps("notice") == {
        "Tokens",
        "Authorization",
        "Account",
        "Apps",
        "People",
        "NotificationsApi",
        "NotificationsSender",
        "Passkeys",
        "Security",
    }


def test_every_use_of_the_record_key_names_its_purpose() -> None:
    for name in FUNCTIONS:
        for statement in statements(name):
            if statement.get("Resource") == {"Fn::GetAtt": ["RecordKey", "Arn"]}:
                assert "kms:EncryptionContext:purpose" in statement["Condition"]["StringEquals"]


def test_nobody_but_the_authorization_server_signs_tokens() -> None:
    signing = {
        n: s["Resource"] for n in FUNCTIONS for s in statements(n) if "kms:Sign" in actions(s)
    }
    own, log = ({"Fn::GetAtt": [name, "Arn"]} for name in ("TokenKey", "LogKey"))
    tokens = {"Fn::If": ["OwnSigningKey", own, {"Ref": "SigningKeyArn"}]}
    assert signing == {"Tokens": tokens, "SealingSealer": log}


def test_nothing_of_the_record_is_ever_deleted() -> None:
    """Only the authorization server takes away what was used up: challenges, requests, browsers."""
    deleting = [
        (name, statement["Resource"])
        for name in FUNCTIONS
        for statement in statements(name)
        if "dynamodb:DeleteItem" in actions(statement)
    ]
    registry = {"Fn::GetAtt": ["RegistryTable", "Arn"]}
    taking = ("Tokens", "Authorization", "Passkeys", "Account", "Security")
    assert deleting == [(name, registry) for name in taking]


STREAMS = ["NotificationsAnnouncer", "Compaction"]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_gives_up_in_time_and_says_so(name: str) -> None:
    mapping = FUNCTIONS[name]["Properties"]["Events"]["Stream"]["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] <= 10
    assert 0 < mapping["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_streams_hand_over_only_what_is_meant() -> None:
    patterns = {
        name: json.loads(
            FUNCTIONS[name]["Properties"]["Events"]["Stream"]["Properties"]["FilterCriteria"][
                "Filters"
            ][0]["Pattern"]
        )
        for name in STREAMS
    }
    assert patterns["NotificationsAnnouncer"] == {
        "eventName": ["INSERT"],
        "dynamodb": {
            "Keys": {"sk": {"S": [{"prefix": "N#"}]}},
            "NewImage": {"due": {"N": [{"exists": True}]}},
        },
    }
    assert patterns["Compaction"] == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "K#"}]}}},
    }


def test_queues_are_encrypted_and_end_in_a_dead_letter_queue() -> None:
    assert all(q["Properties"]["SqsManagedSseEnabled"] for q in QUEUES.values())
    notices = QUEUES["NoticesQueue"]["Properties"]
    assert notices["RedrivePolicy"]["maxReceiveCount"] == 5
    mapping = FUNCTIONS["NotificationsSender"]["Properties"]["Events"]["Queue"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    assert notices["VisibilityTimeout"] >= 6 * timeout


def test_failures_are_heard() -> None:
    watched = {
        (a["Properties"].get("Namespace"), a["Properties"].get("MetricName"))
        for a in ALARMS.values()
    }
    assert {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Lambda", "IteratorAge"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/States", "ExecutionsFailed"),
    } <= watched
    for metric in ("Errors", "Throttles"):
        assert _alarmed(metric) == set(FUNCTIONS), metric


def test_an_alarm_on_a_sum_has_ten_metrics_at_most() -> None:
    sums = {
        name: [m for m in alarm["Properties"].get("Metrics", []) if "MetricStat" in m]
        for name, alarm in ALARMS.items()
    }
    assert {name: len(found) for name, found in sums.items() if len(found) > 10} == {}


def _alarmed(metric: str) -> set[str]:
    found = set()
    for alarm in ALARMS.values():
        properties = alarm["Properties"]
        assert properties["AlarmActions"]
        parts = [
            m["MetricStat"]["Metric"] for m in properties.get("Metrics", []) if "MetricStat" in m
        ]
        for part in [properties, *parts]:
            if part.get("MetricName") == metric:
                found |= {d["Value"]["Ref"] for d in part["Dimensions"]}
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_log_ends(name: str) -> None:
    group = FUNCTIONS[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}


def test_access_logs_hold_neither_path_nor_query_nor_header() -> None:
    api = RESOURCES["Api"]["Properties"]
    text = api["AccessLogSetting"]["Format"]
    used = set(re.findall(r"\$context\.([\w.]+)", text))

    json.loads(text)
    assert used <= {
        "requestId",
        "requestTimeEpoch",
        "httpMethod",
        "resourceId",
        "status",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "error.responseType",
    }
    (settings,) = api["MethodSettings"]
    assert settings["LoggingLevel"] == "OFF"
    assert settings["DataTraceEnabled"] is False


def test_the_gateways_own_answers_are_operation_outcomes() -> None:
    responses = RESOURCES["Api"]["Properties"]["GatewayResponses"]
    codes = {name: r.get("StatusCode") for name, r in responses.items()}

    assert (
        codes.items()
        >= {
            "UNAUTHORIZED": "401",
            "ACCESS_DENIED": "401",
            "MISSING_AUTHENTICATION_TOKEN": "404",
            "DEFAULT_4XX": None,
            "DEFAULT_5XX": None,
        }.items()
    )
    for name, response in responses.items():
        outcome = json.loads(response["ResponseTemplates"]["application/json"])
        headers = response["ResponseParameters"]["Headers"]
        (issue,) = outcome["issue"]
        assert outcome["resourceType"] == "OperationOutcome"
        assert issue["details"]["coding"][0]["code"]
        assert "$context.requestId" in issue["diagnostics"]
        assert headers["Content-Type"] == "'application/fhir+json'"
        assert headers["Access-Control-Allow-Origin"] == "'*'"
        assert (codes[name] == "401") == ("WWW-Authenticate" in headers)


def test_pages_of_any_origin_may_ask_and_are_given_no_credentials() -> None:
    properties = RESOURCES["Api"]["Properties"]

    assert properties["Auth"]["AddDefaultAuthorizerToCorsPreflight"] is False
    assert properties["Cors"]["AllowOrigin"] == "'*'"
    assert "Authorization" in properties["Cors"]["AllowHeaders"]
    assert "AllowCredentials" not in properties["Cors"]


def test_functions_run_where_the_layers_are_built_for() -> None:
    shared = TEMPLATE["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", ["arm64"])
    assert shared["Timeout"] == 29


def test_the_workflow_waits_as_long_as_the_parameter_says() -> None:
    """No emulator honours a path or a heartbeat: the figure is written in by substitution."""
    text = (ROOT / "infra/state_machines/activation.asl.json").read_text("utf-8")
    assert '"TimeoutSeconds": ${CodeSeconds}' in text
    assert "TimeoutSecondsPath" not in text
    assert "HeartbeatSeconds" not in text


def test_there_is_a_file_for_each_of_the_twelve_regions() -> None:
    files = sorted((ROOT / "infra" / "regions").glob("*.yaml"))
    assert [f.stem for f in files] == TEMPLATE["Parameters"]["RegionCode"]["AllowedValues"]
    for file in files:
        given = load(file)
        assert given["RegionCode"] == file.stem
        assert set(given) <= set(TEMPLATE["Parameters"])
