"""A clock wrong by an hour opens nothing and writes nothing; it rings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from dmp.edge.caller import context_of
from infra.template import of_type
from tests.gateway import Gateway
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.world import World, event_of

NOW = 1_795_000_000
HOUR = 3600
WRONG = (-HOUR, HOUR)
ANSWERING = (
    "AccessQueries", "RecordWrites", "ConsentChanges", "Journal", "NotificationsApi", "Tokens",
    "ActivationApi", "Authorization", "Passkeys", "Apps", "Public", "Account",
    "People", "Security",
)  # fmt: skip


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[World, Gateway]]:
    with deployed() as made:
        yield World(made), Gateway(made)


def rows(stack: Stack) -> int:
    """How many items there are in all."""
    client = stack.client("dynamodb")
    return sum(
        client.scan(TableName=name)["Count"]
        for name in of_type(stack.template, "AWS::DynamoDB::Table")
    )


def first_route(world: World, function: str) -> tuple[str, str]:
    """A route that the template leads to this function."""
    events = world.stack.template["Resources"][function]["Properties"]["Events"].values()
    route = next(e["Properties"] for e in events if e["Type"] == "Api")
    return route["Method"].upper(), route["Path"]


def test_every_function_that_answers_is_asked_here(asked: tuple[World, Gateway]) -> None:
    functions = of_type(asked[0].stack.template, "AWS::Serverless::Function")
    answering = {
        name
        for name, function in functions.items()
        if any(e["Type"] == "Api" for e in function["Properties"].get("Events", {}).values())
    }
    assert answering == set(ANSWERING)


@pytest.mark.parametrize("function", ANSWERING)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_function_an_hour_off_answers_503_and_does_nothing(
    asked: tuple[World, Gateway], function: str, wrong: int, capsys: pytest.CaptureFixture[str]
) -> None:
    world, gateway = asked
    caller = world.open_record()
    method, path = first_route(world, function)
    parameters = {"type": "Observation", "id": str(caller.patient)}
    event = event_of(method, path, parameters, "", {}, None)
    event["requestContext"]["authorizer"] = context_of(caller)
    event["requestContext"]["requestTimeEpoch"] = (NOW + wrong) * 1000
    before = rows(world.stack)
    handler = gateway.handler(function)
    capsys.readouterr()
    with time_machine.travel(NOW, tick=False):
        answered = handler(event, Context(function))

    assert (answered["statusCode"], rows(world.stack)) == (503, before)
    assert '"ClockWrong":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("apart", [-59, 0, 59])
def test_a_minute_is_nothing(asked: tuple[World, Gateway], apart: int) -> None:
    world, gateway = asked
    caller = world.open_record()
    query = f"patient={caller.patient}"
    event = event_of("GET", "/fhir/{type}", {"type": "Observation"}, query, {}, None)
    event["requestContext"]["authorizer"] = context_of(caller)
    event["requestContext"]["requestTimeEpoch"] = (NOW + apart) * 1000
    with time_machine.travel(NOW, tick=False):
        assert gateway.handler("AccessQueries")(event, Context("x"))["statusCode"] == 200


@pytest.mark.parametrize("wrong", WRONG)
def test_the_authorizer_judges_no_token_by_a_wrong_clock(
    asked: tuple[World, Gateway], wrong: int
) -> None:
    event = {
        "requestContext": {"requestTimeEpoch": (NOW + wrong) * 1000},
        "headers": {"Authorization": "Bearer any"},
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:api/test/GET/fhir",
    }
    handler = asked[1].handler("Authorizer")
    with time_machine.travel(NOW, tick=False), pytest.raises(Exception, match="clock"):
        handler(event, Context("Authorizer"))
