"""Requests made up from the served OpenAPI document, with ids that lead somewhere half the time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

Json = dict[str, Any]
SEARCHED = ("Observation", "Patient", "Encounter")  # whose search has a path of its own here
FEW = 4  # of the parameters that a route takes
JUNK: tuple[Any, ...] = (None, "", "x", -1, 1.5, [], {}, [None], "2026-02-30", "é\u0000", True)


@dataclass(frozen=True)
class Seeds:
    """What is there to be found: ids by type, callers' tokens, bodies by schema."""

    patient: str
    tokens: Mapping[str, Callable[[], str]]
    ids: Mapping[str, Sequence[str]]
    bodies: Mapping[str, Json]
    secured: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def by_type(document: Json) -> Json:
    """The document with one search for each of some types, and none for all of them.

    A parameter's description says whose it is; of all at once nearly every request is refused.
    """
    paths = dict(document["paths"])
    whole = {**paths["/fhir/{type}"]}
    search = whole.pop("get")
    paths["/fhir/{type}"] = whole
    held = document["components"]["parameters"]
    for kind in SEARCHED:
        taken = [
            one for one in search["parameters"]
            if " of " not in (told := held[one["$ref"].rpartition("/")[2]].get("description", ""))
            or kind in re.split(r",? ", told)
        ]  # fmt: skip
        own = {**search, "operationId": f"get_{kind}", "parameters": taken}
        paths[f"/fhir/{kind}"] = {"get": own}
    return {**document, "paths": paths}


def cases(operation: Any, seeds: Seeds, mode: GenerationMode) -> st.SearchStrategy[Case]:
    """Requests of one operation: as declared or not, and half the time at what is there."""
    made = operation.as_strategy(generation_mode=mode)
    return st.tuples(made, st.randoms(use_true_random=False)).map(
        lambda pair: _settled(pair[0], seeds, pair[1])
    )


def document_of(served: Json, base: str) -> Any:
    """The served document as schemathesis reads it."""
    schema = schemathesis.openapi.from_dict(by_type(served))
    schema.config.update(base_url=base)
    return schema


def _settled(case: Case, seeds: Seeds, luck: Any) -> Case:
    kept = luck.sample(sorted(case.query or {}), min(FEW, len(case.query or {})))
    case.query = {name: case.query[name] for name in kept}
    if luck.random() < 0.8:
        _seed_path(case, seeds, luck)
    if luck.random() < 0.8 and case.path.startswith("/fhir/") and "{id}" not in case.path:
        case.query["patient"] = seeds.patient
    if isinstance(case.body, dict) and luck.random() < 0.7:
        _seed_body(case, seeds, luck)
    headers = dict(case.headers or {})
    headers.pop("Authorization", None)
    if (case.method.lower(), case.path) in seeds.secured and luck.random() < 0.95:
        headers["Authorization"] = f"Bearer {seeds.tokens[luck.choice(sorted(seeds.tokens))]()}"
    case.headers = headers
    return case


def _seed_path(case: Case, seeds: Seeds, luck: Any) -> None:
    parts = dict(case.path_parameters or {})
    static = re.match(r"/(?:fhir/)?([A-Za-z]+)/", case.path)
    kind = static[1] if static else ""
    if "type" in parts:
        kind = parts["type"] = luck.choice([k for k in SEARCHED if k in seeds.ids])
    if "id" in parts and kind in seeds.ids:
        parts["id"] = luck.choice(seeds.ids[kind])
    if "vid" in parts:
        parts["vid"] = luck.choice("12")
    case.path_parameters = parts


def _seed_body(case: Case, seeds: Seeds, luck: Any) -> None:
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    for told in content.values():
        name = told["schema"].get("$ref", "").rpartition("/")[2]
        wanted = (case.path_parameters or {}).get("type", name)
        wanted = "Consent" if case.path.startswith("/fhir/Consent") else wanted
        found = seeds.bodies.get(wanted) or seeds.bodies.get(name)
        if found:
            case.body = {**found}
            if luck.random() < 0.5:
                case.body[luck.choice(sorted(case.body))] = luck.choice(JUNK)
            return
