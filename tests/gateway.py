"""The API in one process: the template's routes, its authorizer, and the functions behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.template import of_type
from tests.stack import ACCOUNT, REGION, Context, Stack
from tests.world import Reply, event_of

API = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api1234567/test"
Handler = Callable[[dict[str, Any], object], Any]


@dataclass(frozen=True)
class Route:
    """A route of the template: `parts` as in its path, `open` when no token is asked for."""

    method: str
    path: str
    function: str
    open: bool

    def taken(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters, if the route is the one of this request."""
        parts, wanted = path.strip("/").split("/"), self.path.strip("/").split("/")
        if method != self.method or len(parts) != len(wanted):
            return None
        pairs = [(w, p) for w, p in zip(wanted, parts, strict=True) if w != p]
        if not all(w.startswith("{") for w, _ in pairs):
            return None
        return {w.strip("{}"): p for w, p in pairs}

    @property
    def order(self) -> tuple[int, str]:
        """Static parts go before variables, as at the gateway."""
        return self.path.count("{"), self.path


class Gateway:
    """Requests to the real handlers; a bearer token goes through the real authorizer first."""

    def __init__(self, stack: Stack, address: str = "192.0.2.77") -> None:
        self._stack = stack
        self._address = address
        self._handlers: dict[str, Handler] = {}
        self._routes = sorted(_routes(stack.template), key=lambda route: route.order)

    def handler(self, function: str) -> Handler:
        """A function's handler, imported once."""
        if function not in self._handlers:
            properties = self._stack.template["Resources"][function]["Properties"]
            folder = properties["CodeUri"].strip("/").rpartition("/")[2]
            name = properties.get("Handler", "app.handler").partition(".")[2]
            self._handlers[function] = getattr(self._stack.app(folder, function), name)
        return self._handlers[function]

    def send(self, method: str, url: str, token: str = "", body: str = "", **headers: str) -> Reply:
        """`send("GET", "/fhir/Patient/x", token)`; a full URL of the API does as well."""
        split = urlsplit(url.removeprefix(self._stack.environment("Tokens")["BASE_URL"]))
        route, parameters = self._route(method, split.path)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent.setdefault("Content-Type", "application/json")
        if token:
            sent["Authorization"] = f"Bearer {token}"
        event = event_of(method, route.path, parameters, split.query, sent, body or None)
        event["requestContext"]["identity"]["sourceIp"] = self._address
        if not route.open:
            context = self._authorized(event, split.path)
            if context is None:
                return Reply(401, {}, "{}")
            event["requestContext"]["authorizer"] = context
        answered = self.handler(route.function)(event, Context(route.function))
        return Reply(answered["statusCode"], answered["headers"], answered["body"])

    def _authorized(self, event: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        asked = {**event, "type": "REQUEST", "methodArn": f"{API}/{event['httpMethod']}{path}"}
        try:
            answered = self.handler("Authorizer")(asked, Context("Authorizer"))
        except Exception as error:
            if str(error) != "Unauthorized":
                raise
            return None
        context: dict[str, Any] = answered["context"]
        return context

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        for route in self._routes:
            parameters = route.taken(method, path)
            if parameters is not None:
                return route, parameters
        raise LookupError(f"{method} {path}: the template has no such route")


def _routes(template: Mapping[str, Any]) -> Iterator[Route]:
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "Api":
                given = json.loads(json.dumps(event["Properties"], default=str))
                anybody = given.get("Auth", {}).get("Authorizer") == "NONE"
                yield Route(given["Method"], given["Path"], name, anybody)
