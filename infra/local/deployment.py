"""Deploys the operators' own template on the emulator: packages it, creates or updates the stack.

What `sam deploy` does on AWS, without its command: code and layers to a bucket, their places into
the template, CloudFormation. The template itself is not changed; layers are built for this machine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra import build
from infra.local.emulator import REGION, CannotRun, Emulator
from infra.template import load, of_type

STACK = "dmp-sandbox"
BUCKET = "dmp-artifacts"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_SOUND = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Deployment:
    """The stack on one emulator; `parameters` are the template's, BaseUrl is found out."""

    def __init__(self, emulator: Emulator, parameters: dict[str, str]) -> None:
        self.emulator = emulator
        self.parameters = parameters
        self._marker = emulator.folder / "deployed.json"

    def client(self, service: str) -> Any:
        """A client with the rights of the account."""
        connect: Any = boto3.client
        return connect(
            service,
            endpoint_url=self.emulator.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # what the emulator takes for its root
        )

    def forget(self) -> None:
        """What was deployed is no longer there."""
        self._marker.unlink(missing_ok=True)

    @property
    def completed(self) -> bool:
        """Whether a deployment has ever been finished on this state."""
        return self._marker.exists()

    def deploy(self) -> dict[str, str]:
        """Bring the stack to the template and code of this folder; the stack's outputs."""
        template, key = self._packaged()
        status = self._status()
        done = json.loads(self._marker.read_text("utf-8")) if self.completed else {}
        if status in _SOUND and done.get("key") == key:
            return self.outputs()
        if status is not None and status not in _SOUND:
            self.client("cloudformation").delete_stack(StackName=STACK)
            self._settled()
            status = None
        self._upload(template)
        if status is None:
            self._apply("create_stack", "https://unset.invalid")
        self._apply("update_stack", self._base_url(self.outputs()))
        sender = self.outputs()["MailSender"]  # operators verify theirs once, see the runbook
        self.client("ses").verify_email_identity(EmailAddress=sender)
        self._marker.write_text(json.dumps({"key": key}), "utf-8")
        return self.outputs()

    def outputs(self) -> dict[str, str]:
        """The stack's outputs, with the base URL under which it answers here."""
        described = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        found = {o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", [])}
        return {
            **found,
            "BaseUrl": self._base_url(found),
            "RegionCode": self.parameters["RegionCode"],
            "EndpointUrl": self.emulator.url,
        }

    def _base_url(self, outputs: dict[str, str]) -> str:
        path = f"_aws/execute-api/{outputs['ApiId']}/{outputs['StageName']}"
        return f"{self.emulator.url}/{path}"

    def _packaged(self) -> tuple[dict[str, Any], str]:
        template = load()
        self._blobs: dict[str, bytes] = {}
        for resource in of_type(template, "AWS::Serverless::Function").values():
            folder = build.ROOT / resource["Properties"]["CodeUri"]
            if not (folder / "app.py").exists():
                raise CannotRun(f"{folder.relative_to(build.ROOT)}/app.py is missing")
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
            resource["Properties"]["CodeUri"] = self._place(build.archive(folder))
        for resource in of_type(template, "AWS::Serverless::LayerVersion").values():
            layer = Path(resource["Properties"]["ContentUri"]).name
            content = build.packed(layer, build.here())
            resource["Properties"]["ContentUri"] = self._place(content)
        for resource in of_type(template, "AWS::Serverless::StateMachine").values():
            path = build.ROOT / resource["Properties"]["DefinitionUri"]
            resource["Properties"]["DefinitionUri"] = self._place(path.read_bytes())
        stated = json.dumps([template, self.parameters, self.emulator.port], sort_keys=True)
        return template, hashlib.sha256(stated.encode()).hexdigest()

    def _place(self, content: bytes) -> dict[str, str]:
        name = hashlib.sha256(content).hexdigest()[:32]
        self._blobs[name] = content
        return {"Bucket": BUCKET, "Key": name}

    def _upload(self, template: dict[str, Any]) -> None:
        s3 = self.client("s3")
        try:
            place = {"LocationConstraint": REGION}
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        except ClientError as error:
            if "AlreadyOwned" not in str(error):
                raise
        packaged = json.dumps(template).encode()
        for name, content in {**self._blobs, "template.json": packaged}.items():
            s3.put_object(Bucket=BUCKET, Key=name, Body=content)

    def _apply(self, action: str, base_url: str) -> None:
        given = {
            **self.parameters,
            "BaseUrl": base_url,
            "EndpointUrl": self.emulator.url,
            # WebAuthn takes no address for a name: pages that ask for passkeys are opened so
            "PasskeyOrigin": self.emulator.url.replace("127.0.0.1", "localhost"),
        }
        try:
            getattr(self.client("cloudformation"), action)(
                StackName=STACK,
                TemplateURL=f"{self.emulator.url}/{BUCKET}/template.json",
                Capabilities=_CAPABILITIES,
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return
            raise CannotRun(f"the template is refused: {str(error)[:2000]}") from error
        status = self._settled()
        if status not in _SOUND:
            raise CannotRun(f"the stack ended as {status}:\n{self._failures()}")

    def _status(self) -> str | None:
        try:
            found = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        except ClientError:
            return None
        status = str(found[0]["StackStatus"]) if found else "DELETE_COMPLETE"
        return None if status == "DELETE_COMPLETE" else status

    def _settled(self) -> str | None:
        for _ in range(600):
            status = self._status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.1)
        return self._status()

    def _failures(self) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
        failed = [e for e in events if "FAILED" in e["ResourceStatus"]]
        return "\n".join(
            f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in failed[:10]
        )
