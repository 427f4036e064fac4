"""What fuzzing begins with: the project's own events, the public data, and a few of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from dmp.fhir import json_reader
from dmp.fhir.search_criteria import MODIFIERS
from dmp.fhir.search_parameters import parameter, parameters_of
from infra.template import ROOT
from tests import oauth
from tests.fhir import examples
from tests.fuzz import record
from tests.shelf import PID

Json = dict[str, Any]
NOW = 1_795_000_000
BYTES_MAX = 4000
FOLDERS = ("hl7-r4-examples", "ihe-pcf", "ihe-balp", "validator-cases", "cds-hooks")
VALUES = {
    "token": ("a", "http://loinc.org|8480-6", "|x", "http://x|", "a,b", "t|c|v"),
    "string": ("abc", "é\\,x"),
    "reference": (f"Patient/{PID}", "x", "http://x/Patient/1/_history/2", "urn:x|1"),
    "date": ("2024", "ge2024-02-29", "sa2024-01-01T00:00:00Z", "ap2024-01", "ne2024-01-01T10:00"),
    "number": ("1", "gt1.50", "ap1e-3", "-0"),
    "quantity": ("5", "gt80.5||kg", "ap1|http://unitsofmeasure.org|mg/dL", "1||"),
    "uri": ("http://x", "urn:oid:1.2"),
    "composite": ("x$y", "http://loinc.org|1$gt2||kg"),
    "special": ("33.5|-7.6|10|km", "33|-7"),
}
RESULTS = (
    "_sort=-date,code&_count=2&_total=none", "_summary=text", "_elements=id,code",
    "_include=*&_revinclude=*:*", "_include:iterate=Observation:derived-from", "_count=0",
    "_has:Observation:subject:code=x", "subject:Patient.name:exact=x", "_lastUpdated=gt2020",
    "_page=e30", "_filter=x", "_id=a,b", "code:not=x", "code:in=http://x", "patient=1&patient=2",
    "_has:Observation:has-member:_has:Provenance:target:agent.name=x",
)  # fmt: skip
JSON_PATCHES: tuple[Any, ...] = (
    [{"op": "replace", "path": "/status", "value": "x"}, {"op": "test", "path": "", "value": {}}],
    [{"op": "add", "path": "/note/-", "value": {"text": "x"}}, {"op": "remove", "path": "/text"}],
    [{"op": "move", "from": "/meta", "path": "/x~1y"}, {"op": "copy", "from": "/id", "path": "/a"}],
)


def _events(*folders: str) -> Iterator[Json]:
    for folder in folders:
        for path in sorted((ROOT / "events" / folder).glob("*.json")):
            yield json.loads(path.read_text("utf-8"))


def _bodies() -> Iterator[bytes]:
    for event in _events("record_writes", "consent_changes"):
        if event.get("body"):
            yield record.own(event["body"]).encode()


def _documents() -> Iterator[bytes]:
    """Small files of the public data, whatever they hold, without what only people read."""
    for folder in FOLDERS:
        for path in examples.files(folder):
            if path.stat().st_size <= BYTES_MAX * 3:
                text = _bare(path.read_text("utf-8"))
                if len(text) <= BYTES_MAX:
                    yield record.own(text).encode()


def _bare(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:  # some are there for being none
        return text
    kept = {k: v for k, v in value.items() if k != "text"} if isinstance(value, dict) else value
    return json.dumps(kept, ensure_ascii=False)


def _json_reader() -> Iterator[bytes]:
    yield from _bodies()
    yield from _documents()
    yield b'[1.50,-0,1e2,1E-7,"\\ud83d\\ude00","\\\\\\"",true,false,null,{"":[]}]'


def _search() -> Iterator[bytes]:
    for event in _events("access_queries"):
        if event["resource"] == "/fhir/{type}":
            pairs = event["queryStringParameters"].items()
            yield ("Observation?" + "&".join(f"{k}={v}" for k, v in pairs)).encode()
    for kind in ("Observation", "Patient", "Location"):
        for name in sorted(parameters_of(kind)):
            found = parameter(kind, name)
            assert found is not None
            for value in VALUES[found.type]:
                yield f"{kind}?{name}={value}".encode()
            for modifier in MODIFIERS[found.type]:
                value = "true" if modifier == "missing" else VALUES[found.type][-1]
                yield f"{kind}?{name}:{modifier}={value}".encode()
    yield from (f"Observation?{shape}".encode() for shape in RESULTS)


def _bundle() -> Iterator[bytes]:
    yield from _bodies()
    for resource in record.resources():
        kind, own = resource["resourceType"], resource["id"]
        sent = {k: v for k, v in resource.items() if k not in ("text", "id", "meta")}
        full = "urn:uuid:00000000-0000-4000-8000-000000000001"
        yield _sent({"fullUrl": full, "resource": sent, "request": _asks("POST", kind)})
        if len(kind) % 3 == 0:
            yield _sent({"resource": resource, "request": _asks("PUT", f"{kind}/{own}")})
            yield _sent({"request": _asks("DELETE", f"{kind}/{own}", ifMatch='W/"1"')}, "batch")
    kind, own = "Observation", "x"
    yield _sent({"request": _asks("GET", f"Observation?patient={PID}&code=x")}, "batch")
    yield _sent({"request": _asks("GET", f"Patient/{PID}/$everything?_count=1")}, "batch")
    yield _sent({"request": _asks("GET", f"Patient/{PID}/_history/1")}, "transaction")
    yield _sent({"request": _asks("DELETE", f"Observation?patient={PID}&code=x")})
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": "W10=",
    }
    yield _sent({"resource": binary, "request": _asks("PATCH", f"Observation/{PID}.cli-1")})


def _asks(method: str, url: str, **more: str) -> Json:
    return {"method": method, "url": url, **more}


def _sent(entry: Json, kind: str = "transaction") -> bytes:
    return json_reader.write({"resourceType": "Bundle", "type": kind, "entry": [entry]})


def _patch() -> Iterator[bytes]:
    yield from (json.dumps(patch).encode() for patch in JSON_PATCHES)
    kinds = {r["resourceType"] for r in record.faultless()}
    for kind in sorted(kinds):
        yield _operation("replace", path=f"{kind}.status", value="x")
        yield _operation("add", path=kind, name="language", value="fr")
        yield _operation("delete", path=f"{kind}.identifier[0]")
        yield _operation("insert", path=f"{kind}.identifier", index=0, value="x")
        yield _operation("move", path=f"{kind}.code.coding", source=0, destination=0)
        yield _operation("delete", path=f"{kind}.name.where(use='official').given[1]")


def _operation(kind: str, **parts: str | int) -> bytes:
    made: list[Json] = [{"name": "type", "valueCode": kind}]
    for name, value in parts.items():
        member = "valueInteger" if isinstance(value, int) else "valueString"
        made.append({"name": name, member: value})
    operation = {"name": "operation", "part": made}
    return json.dumps({"resourceType": "Parameters", "parameter": [operation]}).encode()


@cache
def tokens() -> tuple[str, ...]:
    """Assertions that are taken at NOW, by either kind of key."""
    claims = oauth.claims_of(exp=NOW + 60, iat=NOW, nbf=NOW, jti="x")
    return tuple(oauth.signed(claims, key) for key in (oauth.EC, oauth.RSA))


def _token() -> Iterator[bytes]:
    yield from (token.encode() for token in tokens())


def _key_set() -> Iterator[bytes]:
    yield oauth.jwks_of(oauth.EC).encode()
    yield oauth.jwks_of(oauth.EC, oauth.RSA).encode()


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "json_reader": _json_reader,
    "search": _search,
    "bundle": _bundle,
    "patch": _patch,
    "token": _token,
    "key_set": _key_set,
}
