"""Security labels of a version: what the sender gave, what was kept, what the codes propose.

A label once set is never taken off by a sender. What is added stands in `meta.security` too, as
FHIR lets servers, so that readers see it and `_security` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.domain.labels import LEVELS, SENSITIVE
from dmp.domain.record import Version
from dmp.fhir import compartment, json_reader
from dmp.fhir.sensitivity import proposed

_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_Json = Mapping[str, Any]


def labelled(resource: _Json, before: Version | None) -> tuple[_Json, tuple[str, ...]]:
    """The resource with every label in its meta, those of the version before too; their codes."""
    own = compartment.labels(resource)
    kept = before.labels if before else ()
    added = sorted({*kept, *proposed(resource)}.difference(own))
    if not added:
        return resource, own
    known = _given(before) if before and before.body else {}
    codings = [known.get(code) or _coding(code) for code in added]
    meta = resource.get("meta", {})
    labels = {**meta, "security": [*meta.get("security", ()), *codings]}
    return {**resource, "meta": labels}, tuple(sorted({*own, *added}))


def _given(before: Version) -> dict[str, _Json]:
    """The codings of the version before, as they were given."""
    codings = json_reader.reread(before.body).get("meta", {}).get("security", ())
    return {coding["code"]: coding for coding in codings if "code" in coding}


def _coding(code: str) -> dict[str, str]:
    if code in LEVELS:
        return {"system": _CONFIDENTIALITY, "code": code}
    return {"system": _ACT_CODE, "code": code} if code in SENSITIVE else {"code": code}
