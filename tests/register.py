"""A population register under moto, the activation API and its state machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from moto.ses import ses_backends
from moto.sns import sns_backends

from dmp.adapters.macs import Macs
from dmp.domain.person import Person
from tests.stack import ACCOUNT, REGION, Context, Stack
from tests.world import Reply, event_of

CIN = "urn:ma:cin"
IDCS = "urn:ma:idcs"
NADIA = Person(
    family="El Idrissi",
    given=("Nadia", "Zahra"),
    birth_date="1985-03-14",
    phone="+212612345678",
    identifiers=((CIN, "BE742318"), (IDCS, "7700112233")),
    language="fr",
)


def asked(person: Person = NADIA, **changes: Any) -> dict[str, Any]:
    """The body with which that person asks for a record."""
    system, value = person.identifiers[0]
    body: dict[str, Any] = {
        "identifier": {"system": system, "value": value},
        "family": person.family,
        "given": [person.given[0]],
        "birthDate": person.birth_date,
        "telecom": {"phone": person.phone or "+212661111111"},
        "language": "fr",
        "notify": "sms",
    }
    return {**body, **changes}


def code_of(text: str) -> str:
    """The six digits of a message."""
    return next(word for word in text.split() if len(word) == 6 and word.isdigit())


def sms() -> list[tuple[str, str]]:
    """(number, text) of every SMS that the emulated provider took."""
    return [(to, text) for to, text, *_ in sns_backends[ACCOUNT][REGION].sms_messages.values()]


def mails() -> list[Any]:
    """Every mail that the emulated provider took."""
    return list(ses_backends[ACCOUNT][REGION].sent_messages)


@dataclass
class Town:
    """Functions, tables and the executing state machine of one stack.

    moto runs executions in a thread of its own; functions take turns, for neither moto's tables nor
    Powertools' metrics are for two threads.
    """

    stack: Stack
    source: str = "192.0.2.1"
    travel: Any = None
    hinder: Callable[[str], None] = field(default=lambda _: None)
    deafen: Callable[[str], None] = field(default=lambda _: None)
    turn: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """The machine calls the real step handler in this process."""
        self.api = self.stack.app("activation", "ActivationApi")
        self.steps = self.stack.app("activation", "ActivationSteps")
        self.machine = self.stack.machine(self._step)
        self.macs = Macs(self.stack.client("kms"), self.stack.output("IdentifierKeyArn"))

    def _step(self, event: dict[str, Any], context: object) -> Any:
        with self.turn:
            self.hinder(event["step"])
            answer = self.steps.step(event, context)
            self.deafen(event["step"])
            return answer

    def register(self, person: Person = NADIA, **changes: Any) -> Person:
        """Put a person in the register under every identifier."""
        person = replace(person, **changes)
        item: dict[str, Any] = {
            "family": {"S": person.family},
            "given": {"L": [{"S": name} for name in person.given]},
            "birth_date": {"S": person.birth_date},
            "identifiers": {"L": [{"S": f"{s}|{v}"} for s, v in person.identifiers]},
            "language": {"S": person.language},
            "died": {"BOOL": person.died},
        }
        if person.phone:
            item["phone"] = {"S": person.phone}
        for system, value in person.identifiers:
            key = {"pk": {"S": self.macs.identifier(system, value)}}
            self.stack.client("dynamodb").put_item(
                TableName=self.stack.output("PopulationTable"), Item={**key, **item}
            )
        return person

    def call(self, request: str, body: str | None = None) -> Reply:
        """`POST /activations` sent to the real handler."""
        method, _, path = request.partition(" ")
        parts = path.strip("/").split("/")
        parameters = {"id": parts[1]} if len(parts) > 1 else {}
        route = "/".join(["", "activations", *(["{id}"] if parameters else []), *parts[2:]])
        headers = {"Content-Type": "application/json"} if body is not None else {}
        event = event_of(method, route, parameters, "", headers, body)
        event["requestContext"]["identity"]["sourceIp"] = self.source
        with self.turn:
            answered = self.api.handler(event, Context("ActivationApi"))
        return Reply(answered["statusCode"], answered["headers"], answered["body"])

    def view(self, activation: str) -> dict[str, Any]:
        """What GET tells."""
        shown: dict[str, Any] = self.call(f"GET /activations/{activation}").json
        return shown

    def wait_for(self, activation: str, *statuses: str) -> dict[str, Any]:
        """Until GET tells one of these."""
        deadline = time.monotonic() + 20
        while (view := self.view(activation))["status"] not in statuses:
            if time.monotonic() > deadline:
                raise AssertionError(f"still {self.row(activation)}")
            time.sleep(0.1)
        return view

    def row(self, activation: str) -> dict[str, Any]:
        """The operator's view: the row itself."""
        got = self.stack.client("dynamodb").get_item(
            TableName=self.stack.output("RegistryTable"),
            Key={"pk": {"S": f"activation#{activation}"}},
        )
        return {name: next(iter(value.values())) for name, value in got["Item"].items()}

    def ends(self, activation: str, run: int = 1) -> str:
        """How the execution ended."""
        arn = self.machine.replace(":stateMachine:", ":execution:") + f":{activation}-{run}"
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            status = self.stack.client("stepfunctions").describe_execution(executionArn=arn)
            if status["status"] != "RUNNING":
                return str(status["status"])
            time.sleep(0.05)
        raise AssertionError("still running")

    def rows(self, table: str) -> list[str]:
        """Keys of a table, without what expires by itself."""
        items = self.stack.client("dynamodb").scan(TableName=self.stack.output(table))["Items"]
        keys = [f"{i['pk']['S']} {i.get('sk', {}).get('S', '')}".strip() for i in items]
        return sorted(k for k in keys if not k.startswith(("rate#", "activation#")))
