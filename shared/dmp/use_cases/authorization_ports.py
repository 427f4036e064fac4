"""What the authorization server keeps; each docstring is the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dmp.domain.authorization import App, Code, Launch, Pending
from dmp.domain.directory import Client


class Clients(Protocol):
    """Registrations and the rows that must be live; consistent reads, absence is None."""

    def client(self, client_id: str) -> Client | None:
        """The registration."""

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """The rows as `Caller.require_live` reads them; absent ones are left out."""


class Authorizations(Protocol):
    """Requests, codes, launches and the apps that people let in.

    Every write is conditional, so that of two at once one wins and the other learns it; expiry is
    a condition too. Secrets come as hashes.
    """

    def keep_launch(self, hashed: str, launch: Launch, expires: int) -> None:
        """Keep what an EHR launches an app with."""

    def launch(self, hashed: str, now: int) -> Launch | None:
        """What an unused launch holds."""

    def start(self, pending: Pending, launch: str, now: int) -> bool:
        """Keep the request, and use up the launch it came with; False when that was used."""

    def pending(self, request_id: str, now: int) -> Pending | None:
        """A request that waits for its person."""

    def approve(self, request_id: str, code: Code, now: int) -> bool:
        """The request becomes a code, together; False when it waits no more."""

    def drop(self, request_id: str) -> bool:
        """The request ends; False when it waits no more."""

    def code(self, hashed: str) -> Code | None:
        """A code, used or not, past its end or not."""

    def exchange(self, code: Code, app: App, now: int) -> bool:
        """The code is used up, the app let in and put on its owner's list, together.

        False when the code was used, or is over.
        """

    def app(self, app_id: str) -> App | None:
        """An app that is let in; None when it was ended."""

    def rotate(self, app: App, refresh: str, expires: int) -> bool:
        """Replace the refresh hash; False when it is no longer the app's, or the app ended."""

    def stay(self, session: str, expires: int) -> None:
        """A session that an app is used in goes on until then, within its longest life."""

    def end(self, app_id: str) -> None:
        """The app is out from now on; no error when there is none."""

    def apps(self, owner: str, now: int) -> list[App]:
        """The apps that are in, of one owner; those that are not are taken off the list."""
