"""What a record holds of the ids that a request is about, as one door and one batch told it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dmp.domain.identifiers import ResourceId
from dmp.domain.record import Version
from dmp.use_cases.ports import Key, Pointer


class Held:
    """What the record holds of the ids that a request changes."""

    def __init__(
        self, pointers: Mapping[Key, Pointer], commits: Mapping[str, Sequence[Version]]
    ) -> None:
        self._pointers = pointers
        self._commits = commits

    def current(self, resource_type: str, name: ResourceId) -> Version | None:
        """The newest version, deleted or not; None when the id was never used for the type."""
        commit = newest_commit(self._pointers.get((resource_type, name.text)), name)
        if commit is None:
            return None
        return find(self._commits.get(commit, ()), resource_type, name.text)

    def next_pointer(self, resource_type: str, name: ResourceId, commit: str) -> Pointer:
        """The pointer after one more version, in `commit`."""
        held = self._pointers.get((resource_type, name.text))
        if held is None:
            own = name.commit is None
            return Pointer(resource_type, name.text, 1 if own else 2, (commit,), own)
        return replace(held, version=held.version + 1, commits=(*held.commits, commit))


def newest_commit(pointer: Pointer | None, name: ResourceId) -> str | None:
    """The commit that holds the newest version of an id."""
    return pointer.commits[-1] if pointer else name.commit


def find(versions: Iterable[Version], resource_type: str, name: str) -> Version | None:
    """The version of that resource in a commit."""
    return next((v for v in versions if v.id == name and v.type == resource_type), None)
