"""Whatever JSON comes in place of an element: faults are told, nothing raises, nothing recurses."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.refusals import Invalid
from dmp.fhir.bundle import conditional_references, entries_of, rewrite, unresolved
from dmp.fhir.json_reader import MAX_DEPTH, read_object, write
from dmp.fhir.validator import validate
from tests.fhir import examples

Json = dict[str, Any]
EXAMPLES = [
    examples.example(name)
    for name in ("Observation-ekg", "Patient-f201", "Bundle-bundle-references")
] + [examples.resource(examples.files("ihe-pcf")[0])]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-10, 10**12)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.sampled_from(["#x", "Patient/1", "urn:uuid:x", "Patient?x=y", "2020-02-30", "", "<div/>"])
    | st.text(max_size=5)
)
NAMES = st.sampled_from(
    [
        "reference", "type", "coding", "system", "code", "extension", "url", "valueString", "id",
        "contained", "resourceType", "_id", "div", "resource", "entry", "given", "_given", "value",
    ]
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def _slots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value that can be given another: container and key or index."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, dict | list):
            found.extend(_slots(item))
    return found


@settings(max_examples=400)
@given(st.sampled_from(EXAMPLES), st.integers(0, 10**6), ANYTHING, st.none() | NAMES)
def test_nothing_raises(original: Json, at: int, new: Any, name: str | None) -> None:
    changed = copy.deepcopy(original)
    slots = _slots(changed)
    container, key = slots[at % len(slots)]
    container[name if name and isinstance(container, dict) else key] = new
    for issue in validate(changed):
        assert issue.expression
        assert issue.text
    rewritten = rewrite(changed, {"urn:uuid:x": "Patient/1", "Patient/1": "Patient/2"})
    assert write(rewritten)
    assert conditional_references([(0, changed)]) is not None
    assert unresolved([(0, changed)], set()) is not None
    try:
        entries_of(changed)
    except Invalid as refused:
        assert refused.issues  # noqa: PT017 - it may as well be taken apart


def test_the_deepest_body_is_validated() -> None:
    levels = (MAX_DEPTH - 2) // 2
    inner = b'{"url":"u","extension":[' * levels + b"]}" * levels
    body = b'{"resourceType":"Patient","extension":[%b]}' % inner
    assert validate(read_object(body))
    contained = b'{"resourceType":"Patient","contained":[' * levels + b"]}" * levels
    assert validate(read_object(contained))
