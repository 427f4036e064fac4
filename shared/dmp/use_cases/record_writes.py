"""Writing one resource: create, update, patch and delete, each also conditional.

What is checked here needs nothing of the record; the rest is `dmp.use_cases.commit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dmp.domain.refusals import BadParameter, Invalid, NotFound
from dmp.fhir import compartment
from dmp.fhir.validator import validate
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.changes import Change, Kind, Patch, target
from dmp.use_cases.commit import Committer
from dmp.use_cases.ports import Clock, Directory, Records
from dmp.use_cases.withdrawals import Withdrawals
from dmp.use_cases.written import Request, Written, one_answer


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL and its headers say of the resource to change.

    `id` and `criteria` exclude each other; a create has at most criteria (If-None-Exist).
    """

    type: str
    id: str | None = None
    criteria: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None


class RecordWrites:
    """Create, update, patch and delete in one patient's record."""

    def __init__(
        self, records: Records, directory: Directory, clock: Clock, macs: Macs, base: str
    ) -> None:
        self.committer = Committer(records, directory, clock, macs)
        self._withdrawals = Withdrawals(records, clock)
        self._base = base

    def create(self, request: Request, where: Target, resource: dict[str, Any]) -> Written:
        """`POST /fhir/{type}`: 201; 200 with what If-None-Exist found."""
        check(where.type, resource)
        return self._write(request, change_of(request, where, "create", where.type, resource))

    def update(self, request: Request, where: Target, resource: dict[str, Any]) -> Written:
        """`PUT /fhir/{type}/{id}` or `?criteria`: 200, or 201 for a new id of the client's own."""
        check(where.type, resource)
        return self._write(request, change_of(request, where, "update", where.type, resource))

    def patch(self, request: Request, where: Target, patch: Patch) -> Written:
        """`PATCH /fhir/{type}/{id}` or `?criteria`: 200 with the resource as patched.

        An author who is not let in any more may withdraw their own, and reads nothing of it.
        """
        change = change_of(request, where, "patch", where.type, None, patch)
        return self._withdrawals.withdraw(request, change) or self._write(request, change)

    def delete(self, request: Request, where: Target) -> Written:
        """`DELETE /fhir/{type}/{id}` or `?criteria`: 204, also when nothing is left to delete."""
        return self._write(request, change_of(request, where, "delete", where.type))

    def _write(self, request: Request, change: Change) -> Written:
        action = "update" if change.kind == "patch" else change.kind
        assert action != "nothing"
        return self.committer.write(request, [change], action, one_answer(self._base, request))


def change_of(
    request: Request,
    where: Target,
    kind: Kind,
    path: str,
    resource: dict[str, Any] | None = None,
    patch: Patch | None = None,
) -> Change:
    """The change that a request or an entry asks for, its scope and target checked."""
    writable(where.type, path)
    request.caller.require_scope(where.type, kind, by_content=True)
    if where.criteria == "":
        raise BadParameter("criteria or an id are expected", path)
    name = None
    own = (resource or {}).get("id")
    if where.id is not None:
        name = target(where.id, request.caller, path)
        if resource is not None and own != where.id:
            raise Invalid("the resource's id must be the one in the URL", f"{path}.id")
    elif kind == "update" and isinstance(own, str):
        name = target(own, request.caller, path)
    return Change(
        kind=kind,
        type=where.type,
        path=path,
        resource=resource,
        id=name,
        if_match=where.if_match,
        if_none_match=where.if_none_match,
        criteria=where.criteria,
        patch=patch,
    )


def writable(resource_type: str, expression: str) -> None:
    """Refuse types that no record holds, or that are written through another route."""
    if resource_type not in compartment.writable():
        if resource_type in compartment.served():
            raise Invalid(f"{resource_type} is not written through this route", expression)
        raise NotFound("the resource type is not served", expression)


def check(resource_type: str, resource: dict[str, Any]) -> None:
    """422 with every fault of a resource."""
    writable(resource_type, "type")
    if resource.get("resourceType") != resource_type:
        raise Invalid("the resource is not of the type in the URL", "resourceType")
    if issues := validate(resource):
        raise Invalid(issues)
