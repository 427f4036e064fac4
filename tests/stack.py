"""The deployed system in one process: moto, filled from the template's own resources.

`with stack() as s:` gives tables, keys, queues and the bucket; `s.app("tokens", "Tokens")`
imports a function afresh under the environment that the template gives it. One thread only: moto
is not safe under several.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws
from moto.awslambda.models import LambdaFunction

from infra.template import ROOT, Resolver, load, of_type
from tests import honesty

REGION = "eu-west-1"
ACCOUNT = "123456789012"
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
PARAMETERS = {"Stage": "test", "BaseUrl": "https://dmp.test/test"}
# Only deployed tables have these; moto ignores them or fails on them (house tests assert them).
_UNKNOWN_TO_MOTO = (
    "SSESpecification",
    "PointInTimeRecoverySpecification",
    "TimeToLiveSpecification",
    "DeletionProtectionEnabled",
)
_serial = itertools.count()
Handler = Callable[[dict[str, Any], object], Any]


class Context:
    """The Lambda context that handlers and Powertools look at."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    memory_limit_in_mb = "1024"
    function_version = "$LATEST"

    def __init__(self, function_name: str = "test") -> None:
        self.function_name = function_name
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name}"
        self.log_group_name = self.log_stream_name = function_name

    def get_remaining_time_in_millis(self) -> int:
        """As much as the gateway allows."""
        return 29_000


class Stack:
    """What the template makes, under moto."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.template = load()
        self._made: dict[str, dict[str, str]] = {}
        self._handlers: dict[str, Handler] = {}
        self.resolver = Resolver(self.template, {**PARAMETERS, **parameters}, self._attribute)
        for kind in _MAKERS:
            for name in of_type(self.template, kind):
                self._attribute(name, "Ref")
        self.client("ses").verify_email_identity(
            EmailAddress=self.resolver.parameters["MailSender"]
        )

    def client(self, service: str) -> Any:
        """A client of the emulated service."""
        return boto3.client(service, region_name=REGION)

    def output(self, name: str) -> str:
        """An output of the template (`RecordsTable`, `RecordKeyArn`, `NoticesQueueUrl`…)."""
        return str(self.resolver.value(self.template["Outputs"][name]["Value"]))

    def environment(self, resource: str) -> dict[str, str]:
        """The environment variables that the template gives the function."""
        merged = dict(self.template["Globals"]["Function"]["Environment"]["Variables"])
        properties = self.template["Resources"][resource]["Properties"]
        merged |= properties.get("Environment", {}).get("Variables", {})
        return {name: str(value) for name, value in self.resolver.value(merged).items()}

    def app(self, folder: str, resource: str) -> ModuleType:
        """functions/<folder>/app.py, imported afresh with that function's environment."""
        name = f"app_{folder}_{resource}_{next(_serial)}"
        path = ROOT / "functions" / folder / "app.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(os.environ, self.environment(resource)):
            spec.loader.exec_module(module)
        return module

    def machine(self, steps: Handler) -> str:
        """Create the activation state machine; its tasks call `steps` in this process. Its ARN."""
        self._handlers["ActivationSteps"] = steps
        properties = self.template["Resources"]["ActivationMachine"]["Properties"]
        text = (ROOT / properties["DefinitionUri"]).read_text("utf-8")
        for name, value in self.resolver.value(properties["DefinitionSubstitutions"]).items():
            text = text.replace(f"${{{name}}}", str(value))
        role = self._role()
        self.client("lambda").create_function(
            FunctionName="ActivationSteps",
            Runtime="python3.13",
            Role=role,
            Handler="app.step",
            Code={"ZipFile": b"-"},
        )
        created = self.client("stepfunctions").create_state_machine(
            name="ActivationMachine", definition=text, roleArn=role
        )
        return str(created["stateMachineArn"])

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Answer for a function that moto was asked to invoke."""
        return self._handlers[function](event, Context(function))

    def _role(self) -> str:
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        made = self.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=trust)
        return str(made["Role"]["Arn"])

    def _attribute(self, name: str, attribute: str) -> str:
        if name not in self._made:
            resource = self.template["Resources"][name]
            make = _MAKERS.get(resource["Type"], _named)
            self._made[name] = make(self, name, resource.get("Properties", {}))
        return self._made[name][attribute]


def _table(stack: Stack, name: str, properties: dict[str, Any]) -> dict[str, str]:
    wanted = {k: v for k, v in properties.items() if k not in _UNKNOWN_TO_MOTO}
    if "StreamSpecification" in wanted:
        wanted["StreamSpecification"] = {**wanted["StreamSpecification"], "StreamEnabled": True}
    made = stack.client("dynamodb").create_table(TableName=name, **wanted)["TableDescription"]
    return {"Ref": name, "Arn": made["TableArn"], "StreamArn": made.get("LatestStreamArn", "")}


def _key(stack: Stack, _: str, properties: dict[str, Any]) -> dict[str, str]:
    wanted = {k: v for k, v in properties.items() if k in ("KeySpec", "KeyUsage", "Description")}
    made = stack.client("kms").create_key(**wanted)["KeyMetadata"]
    return {"Ref": made["KeyId"], "Arn": made["Arn"]}


def _queue(stack: Stack, name: str, properties: dict[str, Any]) -> dict[str, str]:
    known = {k: v for k, v in properties.items() if k in ("VisibilityTimeout", "RedrivePolicy")}
    attributes = {
        k: json.dumps(v) if isinstance(v, dict) else str(v)
        for k, v in stack.resolver.value(known).items()
    }
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return {"Ref": url, "QueueName": name, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}


def _bucket(stack: Stack, name: str, properties: dict[str, Any]) -> dict[str, str]:
    bucket = f"dmp-{name.lower()}"
    stack.client("s3").create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=properties.get("ObjectLockEnabled", False),
    )
    return {"Ref": bucket, "Arn": f"arn:aws:s3:::{bucket}"}


def _named(stack: Stack, name: str, properties: dict[str, Any]) -> dict[str, str]:
    """Resources that moto need not hold: only their names are asked for."""
    kind = stack.template["Resources"][name]["Type"]
    if kind == "AWS::Serverless::StateMachine":
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        return {"Ref": arn, "Arn": arn, "Name": name}
    return {"Ref": name, "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"}


_MAKERS: dict[str, Callable[[Stack, str, dict[str, Any]], dict[str, str]]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::KMS::Key": _key,
    "AWS::SQS::Queue": _queue,
    "AWS::S3::Bucket": _bucket,
}


def _invoker(stack: Stack) -> Callable[..., bytes]:
    """moto would start Docker; call the handler here instead, errors by class name as AWS."""

    def invoke(
        self: LambdaFunction, body: str | bytes, _: object, response_headers: dict[str, str]
    ) -> bytes:
        try:
            answer = stack.call(self.function_name, json.loads(body or b"{}"))
        except Exception as error:  # noqa: BLE001  # a function's error is an answer, as on AWS
            response_headers["x-amz-function-error"] = "Unhandled"
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        return json.dumps(answer).encode()

    return invoke


@contextmanager
def stack(**parameters: str) -> Iterator[Stack]:
    """A fresh deployment; `parameters` are the template's (`CodeSeconds="2"`)."""
    honesty.install()
    honesty.forget_tokens()
    config: Any = {
        "stepfunctions": {"execute_state_machine": True},
        "core": {"reset_boto3_session": True},
    }
    loaded = set(sys.modules)
    with mock.patch.dict(os.environ, AWS), mock_aws(config=config):
        made = Stack(parameters)
        with mock.patch.object(LambdaFunction, "invoke", _invoker(made)):
            yield made
    assert not {name for name in set(sys.modules) - loaded if name == "app"}
