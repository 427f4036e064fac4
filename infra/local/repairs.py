"""Defects of ministack 1.5.33, repaired from outside: nothing in its package is touched.

Each repair asserts what it replaces, so that an upgrade fails here and not in a function; each has
a test in tests/infra/test_launcher.py that fails once upstream has mended it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import tempfile
import threading
import types
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ministack.core import iam_actions, lambda_runtime
from ministack.services import apigateway_v1, lambda_svc, stepfunctions

VERSION = "1.5.33"
_unpacking = threading.Lock()


def _takes(function: Callable[..., Any], *names: str) -> None:
    found = tuple(inspect.signature(function).parameters)
    assert found == names, f"ministack changed, look at the repair again: {function.__name__}"


def _replace_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"ministack changed, look at the repair again: {old[:60]}"
    return text.replace(old, new)


def repair_error_classes() -> None:
    """A raise lost its class and killed the worker; a silent invocation waited 50 ms for a log."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    done = '_real_stdout.write(json.dumps({"status": "ok", "result": result}) + "\\n")'
    failed = (
        '_real_stdout.write(json.dumps({"status": "error", "error": str(e), '
        '"trace": traceback.format_exc()}) + "\\n")'
    )
    answered = (
        'traceback.print_exc(); print("", flush=True); _real_stdout.write(json.dumps({"status": '
        '"ok", "result": {"__raised__": {"errorMessage": str(e), "errorType": type(e).__name__, '
        '"stackTrace": traceback.format_tb(e.__traceback__)}}}) + "\\n")'
    )
    script = _replace_once(script, failed, answered)
    lambda_runtime._PYTHON_WORKER_SCRIPT = _replace_once(
        script, done, 'print("", flush=True); ' + done
    )
    warm = lambda_svc._execute_function_warm
    _takes(warm, "func", "event", "request_id")

    def execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = warm(func, event, request_id)
        body = answer.get("body")
        raised = body.get("__raised__") if isinstance(body, dict) else None
        return {**answer, "body": raised, "error": True} if raised else answer

    lambda_svc._execute_function_warm = execute


def repair_stream_positions() -> None:
    """Positions were restored but stream records are not: as many new ones were skipped."""
    _takes(lambda_svc._restore_esm_positions, "store", "positions")
    lambda_svc._restore_esm_positions = lambda *_: None


def repair_stream_failures() -> None:
    """`batchItemFailures` of a stream batch was ignored: count it as a failed batch."""
    execute = lambda_svc._execute_function
    _takes(execute, "func", "event")

    def executed(func: dict[str, Any], event: Any) -> dict[str, Any]:
        answer: dict[str, Any] = execute(func, event)
        records = (event.get("Records") if isinstance(event, dict) else None) or [{}]
        body = answer.get("body") if records[0].get("eventSource") == "aws:dynamodb" else None
        if not isinstance(body, dict) or not body.get("batchItemFailures"):
            return answer
        failed = {"errorType": "BatchItemFailures", "errorMessage": "reported by the function"}
        return {**answer, "error": True, "body": failed}

    lambda_svc._execute_function = executed


def repair_gateway_responses() -> None:
    """SAM's GatewayResponses lie in the OpenAPI body, which the import did not read."""
    imported = apigateway_v1._import_rest_api
    _takes(imported, "spec", "base_data")
    _takes(apigateway_v1._put_gateway_response, "api_id", "response_type", "data")

    def import_rest_api(spec: dict[str, Any], base_data: Any = None) -> str:
        api_id: str = imported(spec, base_data)
        for kind, response in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
            data = {**response, "statusCode": response.get("statusCode") or None}
            apigateway_v1._put_gateway_response(api_id, kind, data)
        return api_id

    apigateway_v1._import_rest_api = import_rest_api


def repair_mock_answers() -> None:
    """SAM's preflights (`Cors`) are mocks, whose answers' headers the import did not read."""
    imported = apigateway_v1._import_operation
    parameters = ("api_id", "resource_id", "http_method", "operation")
    _takes(imported, *parameters, "scheme_map", "default_security")
    put = apigateway_v1._put_integration_response
    _takes(put, "api_id", "resource_id", "http_method", "status_code", "data")

    def import_operation(api: str, resource: str, method: str, told: Any, *rest: Any) -> None:
        imported(api, resource, method, told, *rest)
        integration = (told or {}).get("x-amazon-apigateway-integration") or {}
        for answer in (integration.get("responses") or {}).values():
            put(api, resource, method, answer["statusCode"], answer)

    apigateway_v1._import_operation = import_operation


def _fields(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def repair_condition_keys() -> None:
    """Policies that condition KMS contexts, or the sender of mail, denied everything."""
    context = iam_actions.request_tag_context
    _takes(context, "service", "iam_action", "body", "params")

    def request_context(
        service: str, action: str, body: bytes, params: dict[str, Any]
    ) -> dict[str, Any]:
        found = dict(context(service, action, body, params))
        if service == "kms":
            given = _fields(body).get("EncryptionContext") or {}
            found.update({f"kms:EncryptionContext:{k}": v for k, v in given.items()})
        if service == "ses":
            sender = params.get("Source") or [_fields(body).get("FromEmailAddress", "")]
            found["ses:FromAddress"] = sender[0] if isinstance(sender, list) else sender
        return found

    iam_actions.request_tag_context = request_context


def repair_resource_names() -> None:
    """A task token's machine and a mail's identity were `*`, which no ARN in a policy matches."""
    resource_arn = iam_actions.extract_resource_arn
    parameters = ("service", "method", "path", "headers", "body", "query_params")
    _takes(resource_arn, *parameters, "region", "account_id")

    def extract(service: str, *rest: Any) -> str:
        arn: str = resource_arn(service, *rest)
        body, region, account = rest[3], rest[5], rest[6]
        if service == "states" and _fields(body).get("taskToken"):
            machines = [str(m) for m in stepfunctions._state_machines if ":stateMachine:" in str(m)]
            return machines[0] if len(machines) == 1 else arn
        if service == "ses" and arn == "*":
            return f"arn:aws:ses:{region}:{account}:identity/sender"
        return arn

    iam_actions.extract_resource_arn = extract


def repair_layers() -> None:
    """Each cold start unpacked every layer anew: unpack one once and link to it."""
    unpack = "lzf.extractall(layer_dir)"
    source = inspect.getsource(lambda_runtime.Worker._spawn)
    assert source.count(unpack) == 1, "ministack changed, look at the repair again: layers"
    archive = lambda_runtime.zipfile.ZipFile

    class Once(archive):  # type: ignore[misc, valid-type]
        def _layer(self) -> bool:
            return Path(str(self.filename)).name.startswith("layer_")

        def namelist(self) -> list[str]:
            return [] if self._layer() else super().namelist()

        def extractall(self, path: Any = None, *rest: Any) -> None:
            if not self._layer():
                super().extractall(path, *rest)
                return
            digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()[:16]
            kept = Path(tempfile.gettempdir(), f"layer-{digest}")
            with _unpacking:
                if not kept.exists():
                    part = Path(tempfile.mkdtemp())
                    super().extractall(part, super().namelist())
                    part.rename(kept)
            Path(path).rmdir()
            Path(path).symlink_to(kept)

    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": Once})


def repair_all() -> None:
    """Apply every repair; another version than the one they were written for is refused."""
    assert version("ministack") == VERSION, f"the repairs are for ministack {VERSION}"
    for repair in REPAIRS:
        repair()


REPAIRS = (
    repair_error_classes,
    repair_stream_positions,
    repair_stream_failures,
    repair_gateway_responses,
    repair_mock_answers,
    repair_condition_keys,
    repair_resource_names,
    repair_layers,
)
