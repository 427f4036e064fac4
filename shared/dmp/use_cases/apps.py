"""The apps that a person let in, for the person; and launches, for the EHR that opens an app.

Both stand in the patient's journal: an app that the patient took out together with its end, a
launch before the EHR has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from dmp.domain.authorization import LAUNCH_S, App, Launch, SignedIn
from dmp.domain.caller import Caller
from dmp.domain.identifiers import is_patient_id, resource_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry, who_of
from dmp.domain.refusals import (
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    OAuthError,
    Unauthenticated,
)
from dmp.domain.sign_in import SECRET_BITS, secret
from dmp.use_cases.acts import act
from dmp.use_cases.authorization import Authorization, hashed
from dmp.use_cases.authorization_ports import Authorizations, Clients
from dmp.use_cases.ports import Clock

T = TypeVar("T")


class AppJournal(Protocol):
    """Where a patient's journal is written, without the record's key."""

    def journal(self, entry: Entry) -> None:
        """Durable when it returns; Gone when there is no such record, or its keys are destroyed."""

    def end_app(self, app: App, entry: Entry) -> None:
        """The app is out, and forgotten as one that was told of, with the entry; all or nothing."""


@dataclass(frozen=True, slots=True)
class Apps:
    """The routes under /apps and /launches."""

    clients: Clients
    rows: Authorizations
    authorization: Authorization
    clock: Clock
    journal: AppJournal

    def launch(
        self, caller: Caller, body: Mapping[str, Any], request: str = ""
    ) -> dict[str, object]:
        """A value good once, for five minutes, that stands for the patient an EHR has open.

        Only the practitioner for whom the EHR asks can let in the app that comes with it. Nothing
        is told of the patient, nor whether there is a record: whether the app sees anything is
        decided when it asks.
        """
        if caller.kind != "practitioner" or caller.app:
            raise Forbidden("an EHR launches apps, with a practitioner's token of its own")
        now_ms = self.clock.now_ms()
        rows = self.clients.rows(caller.registry_keys())
        caller.require_live(rows, now_ms // 1000, instant(now_ms)[:10])
        caller.require_scope("Patient", "read", by_content=True)
        launch = _launch(caller, body)
        self._launched(caller, launch.patient, request)
        made = secret(self.clock.random_bits(SECRET_BITS))
        self.rows.keep_launch(hashed(made), launch, now_ms // 1000 + LAUNCH_S)
        issuer = f"{self.authorization.issuer}/fhir"
        return {"launch": made, "iss": issuer, "expires_in": LAUNCH_S}

    def listed(self, caller: Caller) -> list[dict[str, object]]:
        """Each app with its name, what it was let have, and until when."""
        found = self._own(self.authorization.apps, caller)
        names = {app.given.client_id: "" for app in found}
        for client_id in names:
            client = self.clients.client(client_id)
            names[client_id] = client.name if client else client_id
        return [
            {
                "id": app.id,
                "client_id": app.given.client_id,
                "name": names[app.given.client_id],
                "scope": " ".join(app.given.scopes),
                "since": instant(app.created * 1000),
                "expires": instant(app.expires * 1000),
            }
            for app in found
        ]

    def end(self, caller: Caller, app_id: str) -> None:
        """The app is out at its next request; 404 unless it is one of the person's own."""
        listed = self._own(self.authorization.apps, caller)
        app = next((app for app in listed if app.id == app_id), None)
        if app is None:
            raise NotFound("there is no such app on the list", "id")
        client = app.given.client_id
        entry = act(self.clock, caller.patient or "", "authorization", "app-ended", client=client)
        self.journal.end_app(app, entry)

    def _launched(self, caller: Caller, patient: str, request: str) -> None:
        entry = act(self.clock, patient, "authorization", "launch", client=caller.client_id)
        who, purpose = who_of(caller, patient), caller.purpose
        try:
            self.journal.journal(replace(entry, who=who, purpose=purpose, request=request))
        except Gone:  # nobody has that record: answered as if somebody had
            return

    def _own(self, act: Callable[[SignedIn], T], caller: Caller) -> T:
        """By the person themselves: an app neither sees nor ends the others."""
        if caller.kind != "patient" or caller.app or not caller.session:
            raise Forbidden("a patient sees and ends their apps, in their own session")
        if self.clock.now_ms() // 1000 >= caller.expires:
            raise Unauthenticated("the access token has expired")
        try:
            return act(SignedIn("patient", caller.session, caller.patient or ""))
        except OAuthError as refusal:
            raise Unauthenticated(str(refusal)) from None


def _launch(caller: Caller, body: Mapping[str, Any]) -> Launch:
    patient, encounter = body.get("patient"), body.get("encounter", "")
    if not isinstance(patient, str) or not is_patient_id(patient):
        raise Invalid("the id of a patient is expected", "patient")
    if not isinstance(encounter, str):
        raise Invalid("the id of an encounter is expected", "encounter")
    name = resource_id(encounter) if encounter else None
    if encounter and (name is None or name.patient != patient):
        raise Invalid("not the id of an encounter of that patient", "encounter")
    if unknown := sorted(set(body) - {"patient", "encounter"}):
        raise Invalid("a launch has patient and encounter", unknown[0])
    return Launch(patient, caller.practitioner or "", caller.organization or "", encounter)
