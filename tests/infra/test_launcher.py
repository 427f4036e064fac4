"""Each repair is still needed, and repairs: when upstream mends a defect, its first half fails."""

from __future__ import annotations

import inspect
import io
import json
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from ministack import app as gateway
from ministack.core import iam_actions, lambda_runtime
from ministack.services import apigateway_v1, dynamodb, lambda_svc, ses, ses_v2, sns
from ministack.services import stepfunctions as workflows

from infra.local import launcher, repairs

# The emulator leaves the pipes of the workers it ends to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATCHED = (lambda_runtime, lambda_svc, apigateway_v1, iam_actions, gateway, sns, ses, ses_v2)
RAISES = b"""
import os
count = 0
def handler(event, context):
    global count
    count += 1
    if event.get("fail"):
        raise LookupError("no such thing")
    return {"count": count, "batchItemFailures": event.get("failures", [])}
"""


@pytest.fixture(autouse=True)
def unrepaired() -> Iterator[None]:
    """Put back what a repair replaces."""
    kept = [(module, dict(vars(module))) for module in PATCHED]
    yield
    for module, names in kept:
        for name, value in names.items():
            if getattr(module, name) is not value:
                setattr(module, name, value)


def _zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def _function() -> dict[str, Any]:
    config = {
        "FunctionName": "probe",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:probe",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Timeout": 10,
    }
    return {"config": config, "code_zip": _zipped("app.py", RAISES)}


def test_the_repairs_are_written_for_the_version_that_is_locked() -> None:
    assert version("ministack") == repairs.VERSION


def test_a_raise_loses_its_class_and_its_worker() -> None:
    broken = lambda_svc._execute_function_warm(_function(), {"fail": True}, "r1")
    assert broken["body"]["errorType"] == "Runtime.HandlerError"
    after = lambda_svc._execute_function_warm(_function(), {}, "r2")
    assert after["body"]["count"] == 1, "the worker had to start anew"
    lambda_runtime.invalidate_worker("probe")

    repairs.repair_error_classes()

    mended = lambda_svc._execute_function_warm(_function(), {"fail": True}, "r3")
    assert mended["error"]
    assert mended["body"]["errorType"] == "LookupError"
    assert lambda_svc._execute_function_warm(_function(), {}, "r4")["body"]["count"] == 2
    lambda_runtime.invalidate_worker("probe")


def test_a_silent_invocation_waits_for_a_log_line() -> None:
    drain = inspect.signature(lambda_runtime.Worker._drain_stderr_bounded)
    assert drain.parameters["first_line_wait"].default == 0.050

    repairs.repair_error_classes()

    answered = lambda_svc._execute_function_warm(_function(), {}, "r1")
    answered = lambda_svc._execute_function_warm(_function(), {}, "r2")
    assert answered["log"] == "", "one empty line, so that nothing is waited for"
    assert 'print("", flush=True)' in lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_runtime.invalidate_worker("probe")


def test_positions_of_a_stream_are_kept_without_its_records() -> None:
    assert not any("stream" in name for name in dynamodb.get_state())
    store: dict[Any, Any] = {}
    lambda_svc._restore_esm_positions(
        lambda_svc._dynamodb_stream_positions, {("1", "eu-west-1", "m"): 7}
    )
    assert lambda_svc._dynamodb_stream_positions._data.pop(("1", "eu-west-1", "m")) == 7

    repairs.repair_stream_positions()

    lambda_svc._restore_esm_positions(store, {("1", "eu-west-1", "m"): 7})
    assert store == {}


def test_failures_that_a_stream_function_reports_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "batchItemFailures" not in inspect.getsource(lambda_svc._poll_dynamodb_streams)
    answer = {"body": {"batchItemFailures": [{"itemIdentifier": "1"}]}}

    def executed(func: dict[str, Any], event: Any) -> dict[str, Any]:
        return answer if event and func is not None else {}

    monkeypatch.setattr(lambda_svc, "_execute_function", executed)

    repairs.repair_stream_failures()

    stream = {"Records": [{"eventSource": "aws:dynamodb"}]}
    queue = {"Records": [{"eventSource": "aws:sqs"}]}
    assert lambda_svc._execute_function({}, stream)["error"]
    assert "error" not in lambda_svc._execute_function({}, queue)


def test_gateway_responses_of_the_body_are_not_read() -> None:
    response = {"statusCode": "401", "responseTemplates": {"application/json": "{}"}}
    spec = {
        "info": {"title": "probe"},
        "paths": {},
        "x-amazon-apigateway-gateway-responses": {"UNAUTHORIZED": response},
    }
    api = apigateway_v1._import_rest_api(spec)
    assert not apigateway_v1._gateway_responses.get(api)

    repairs.repair_gateway_responses()

    api = apigateway_v1._import_rest_api(spec)
    assert apigateway_v1._gateway_responses[api]["UNAUTHORIZED"]["statusCode"] == "401"


def test_answers_of_a_mock_in_the_body_are_not_read() -> None:
    answer = {"statusCode": "200", "responseParameters": {"method.response.header.A": "'b'"}}
    integration = {"type": "mock", "responses": {"default": answer}}
    path = {"options": {"x-amazon-apigateway-integration": integration}}
    spec = {"info": {"title": "probe"}, "paths": {"/a": path}}

    def headers() -> dict[str, str]:
        api = apigateway_v1._import_rest_api(spec)
        every = apigateway_v1._resources[api].values()
        (method,) = [r["resourceMethods"]["OPTIONS"] for r in every if r["path"] == "/a"]
        found: dict[str, str] = apigateway_v1._invoke_mock_v1(method["methodIntegration"])[1]
        return found

    assert "A" not in headers()

    repairs.repair_mock_answers()

    assert headers()["A"] == "b"


def test_conditions_on_kms_contexts_and_senders_never_hold() -> None:
    context = json.dumps({"EncryptionContext": {"purpose": "notice"}}).encode()
    assert iam_actions.request_tag_context("kms", "kms:Decrypt", context, {}) == {}
    mail = {"Source": ["dmp@example.org"]}
    assert iam_actions.request_tag_context("ses", "ses:SendEmail", b"", mail) == {}

    repairs.repair_condition_keys()

    found = iam_actions.request_tag_context("kms", "kms:Decrypt", context, {})
    assert found == {"kms:EncryptionContext:purpose": "notice"}
    found = iam_actions.request_tag_context("ses", "ses:SendEmail", b"", mail)
    assert found == {"ses:FromAddress": "dmp@example.org"}


def test_a_task_token_and_a_mail_name_no_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = "arn:aws:states:eu-west-1:1:stateMachine:a"
    monkeypatch.setattr(workflows, "_state_machines", {machine: {}})
    token = json.dumps({"taskToken": "t"}).encode()
    states = ("states", "POST", "/", {}, token, {}, "eu-west-1", "1")
    mail = ("ses", "POST", "/", {}, b"", {"Source": ["a@b"]}, "eu-west-1", "1")
    assert iam_actions.extract_resource_arn(*states) == "*"
    assert iam_actions.extract_resource_arn(*mail) == "*"

    repairs.repair_resource_names()

    assert iam_actions.extract_resource_arn(*states) == machine
    assert ":identity/" in iam_actions.extract_resource_arn(*mail)


def test_a_layer_is_unpacked_for_each_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    packed = tmp_path / "layer_0.zip"
    packed.write_bytes(_zipped("python/dmp.py", b"x = 1"))

    def unpack(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        with lambda_runtime.zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
        return folder

    assert not unpack("a").is_symlink()

    repairs.repair_layers()

    first, second = unpack("b"), unpack("c")
    assert first.resolve() == second.resolve()
    assert (first / "python" / "dmp.py").read_bytes() == b"x = 1"


def test_an_sms_has_no_date_and_mail_is_not_kept(tmp_path: Path) -> None:
    publish = {"PhoneNumber": ["+212600000000"], "Message": ["code 123456"]}
    sns._publish(publish)
    assert not any("time" in name.lower() for name in sns._sms_messages["+212600000000"][0])
    assert not any("sent" in name for name in ses.get_state())

    messages = launcher.Messages(tmp_path / "messages.jsonl")
    launcher.record_messages(messages)

    sns._publish(publish)
    ses._record_send("dmp@example.org", ["a@example.org"], subject="s", body_text="t")
    sms, mail = json.loads(messages.answer())
    assert (sms["channel"], sms["to"], sms["text"]) == ("sms", "+212600000000", "code 123456")
    assert (mail["channel"], mail["to"], mail["subject"]) == ("email", "a@example.org", "s")
    assert sms["at"] <= mail["at"]


def test_the_state_is_saved_at_a_clean_end_alone() -> None:
    assert inspect.getsource(gateway).count("save_all(_build_persistence_save_dict())") == 1


def test_a_quiet_emulator_saves_nothing_and_a_light_call_nothing_heavy() -> None:
    called = launcher.Called()
    assert called.take() == (False, False)

    called.note(_signed("dynamodb") | {b"x-amz-target": b"DynamoDB_20120810.GetItem"})
    assert called.take() == (True, False)

    called.note(_signed("cloudformation"))
    assert called.take() == (True, True)
    assert json.loads(called.answer()) == {"dynamodb.GetItem": 1, "cloudformation": 1}
    assert called.take() == (False, False)


def _signed(service: str) -> dict[bytes, bytes]:
    scope = f"Credential=test/20261122/eu-west-1/{service}/aws4_request"
    return {b"authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host".encode()}


def test_a_changed_upstream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_runtime, "_PYTHON_WORKER_SCRIPT", "something else")
    with pytest.raises(AssertionError, match="ministack changed"):
        repairs.repair_error_classes()
    monkeypatch.setattr(repairs, "VERSION", "0")
    with pytest.raises(AssertionError, match="for ministack 0"):
        repairs.repair_all()
