"""Searches: a query string parsed against the official parameters, and resources tested by it.

Pure and without an index: it looks at whole resources, in memory. What R4 defines and this does not
serve (`_filter`, `_text`, `:in`…) is refused by name, never silently ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dmp.domain.refusals import BadParameter
from dmp.fhir.definitions import Json
from dmp.fhir.search_criteria import Criterion, Reading
from dmp.fhir.search_includes import Include
from dmp.fhir.search_joins import Criteria, UnknownParameter
from dmp.fhir.search_parameters import Parameter
from dmp.fhir.search_results import Results
from dmp.fhir.search_values import relative
from dmp.fhir.search_view import View

__all__ = ["Query", "Reading", "matches", "parse", "patients_named"]
PARAMETERS_MAX = 100
_NAMING = ("patient", "subject", "patient:Patient", "subject:Patient")
_IGNORED = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one resource type; `unknown` are the parameters that lenient reading skipped."""

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    sort: tuple[tuple[Parameter, bool], ...] = ()
    count: int | None = None
    total: str | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def joined(self) -> list[frozenset[str]]:
        """The types that chains and `_has` look into: of each set, at least one."""
        return [kinds for criterion in self.criteria for kinds in criterion.joined]

    @property
    def whole(self) -> bool:
        """Whether resources are asked for as they stand."""
        return self.summary in (None, "false") and not self.elements


def parse(
    resource_type: str, parameters: Sequence[tuple[str, str]], reading: Reading | None = None
) -> Query:
    """The query that decoded (name, value) pairs ask for.

    Raises BadParameter naming the parameter for a bad value, a modifier that its type has not, and
    (unless lenient) a name that is unknown or not served.
    """
    reading = reading or Reading()
    if len(parameters) > PARAMETERS_MAX:
        raise BadParameter(f"at most {PARAMETERS_MAX} parameters")
    made, results = Criteria(reading), Results()
    criteria: list[Criterion] = []
    unknown: list[str] = []
    for name, value in parameters:
        if name in _IGNORED or results.take(resource_type, name, value):
            continue
        try:
            criteria.append(made.of(resource_type, name, value))
        except UnknownParameter as why:
            if not reading.lenient:
                raise BadParameter(str(why), name) from None
            unknown.append(name)
    results.settle()
    return Query(
        resource_type,
        tuple(criteria),
        results.sort,
        results.count,
        results.total,
        results.summary,
        results.elements,
        tuple(results.includes),
        tuple(dict.fromkeys(unknown)),
    )


def matches(query: Query, resource: Json, view: View | None = None) -> bool:
    """Whether the resource is of the query's type and satisfies every criterion, in this view."""
    if resource.get("resourceType") != query.resource_type:
        return False
    view = view or View()
    return all(criterion.test(resource, view) for criterion in query.criteria)


def patients_named(
    resource_type: str, parameters: Iterable[tuple[str, str]], base: str = ""
) -> set[str]:
    """The patients that a search names: by `patient` or `subject`, or by `_id` of Patient.

    `subject` may name others than patients; those are left to its criterion.
    """
    names = ("_id",) if resource_type == "Patient" else _NAMING
    found = [relative(value, base).rpartition("/") for name, value in parameters if name in names]
    return {own for kind, _, own in found if kind in ("", "Patient")}
