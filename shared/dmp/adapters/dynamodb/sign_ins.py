"""Challenges, the codes that were asked for, and patients' sessions, in the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pynamodb.connection import Connection
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.batch import Batch, deserialize
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.registry import (
    ChallengeItem,
    CodesItem,
    SessionItem,
    SessionsItem,
    found,
)
from dmp.adapters.dynamodb.tables import IdentifierItem
from dmp.domain.sign_in import (
    DAY_S,
    PURPOSE,
    SESSION_S_MAX,
    Challenge,
    CodesSent,
    Session,
    with_one_more,
)


class SignInRows:
    """One call each; expiry is a condition, TTL only tidies up."""

    def __init__(self, table: str) -> None:
        bind(IdentifierItem, table)
        bind(CodesItem, table)
        bind(ChallengeItem, table)
        bind(SessionsItem, table)
        self._table = table
        self._connection: Connection = bind(SessionItem, table)

    def patient_of(self, identifier: str) -> str | None:
        """The patient behind the MAC of an identifier."""
        item = found(IdentifierItem, f"identifier#{identifier}")
        return None if item is None else item.patient

    def codes_sent(self, subject: str) -> CodesSent:
        """What the subject asked for in the last day."""
        item = found(CodesItem, codes_key(subject))
        if item is None:
            return CodesSent(subject)
        sent = tuple(int(at) for at in item.sent)
        return CodesSent(subject, sent, item.challenge, int(item.version))

    def start(
        self, challenge: Challenge, counted: Sequence[CodesSent], ended: str | None, now: int
    ) -> bool:
        """One TransactWriteItems; False when a subject changed since it was read."""

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.save(
                    ChallengeItem(
                        f"challenge#{challenge.id}",
                        patient=challenge.patient,
                        identifier=challenge.identifier,
                        mac=challenge.mac,
                        tries=challenge.tries,
                        expires=challenge.expires,
                        ttl=challenge.expires,
                    ),
                    condition=ChallengeItem.pk.does_not_exist(),
                )
                for subject in counted:
                    transaction.save(
                        _codes_item(subject, challenge.id, now),
                        condition=CodesItem.pk.does_not_exist()
                        | (CodesItem.version == subject.version),
                    )
                if ended:
                    transaction.delete(ChallengeItem(f"challenge#{ended}"))

        try:
            retrying(write)
        except ConditionsFailed:
            return False
        return True

    def attempt(self, challenge_id: str, now: int) -> Challenge | None:
        """One UpdateItem: the try is off before the code is looked at."""
        item = ChallengeItem(f"challenge#{challenge_id}")
        live = (ChallengeItem.tries > 0) & (ChallengeItem.expires > now)
        tried = ChallengeItem.tries.set(ChallengeItem.tries - 1)
        try:
            available(lambda: item.update(actions=[tried], condition=live))
        except ConditionsFailed:
            return None
        return _challenge(challenge_id, item)

    def challenge(self, challenge_id: str) -> Challenge | None:
        """One GetItem: the challenge as it stands, used up or over perhaps."""
        item = found(ChallengeItem, f"challenge#{challenge_id}")
        return None if item is None else _challenge(challenge_id, item)

    def open(self, challenge: Challenge, session: Session) -> bool:
        """One TransactWriteItems; False when the challenge was used or ended meanwhile."""

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.delete(
                    ChallengeItem(f"challenge#{challenge.id}"),
                    condition=ChallengeItem.expires == challenge.expires,
                )
                begin(transaction, session)

        try:
            retrying(write)
        except ConditionsFailed:
            return False
        return True

    def session(self, session_id: str) -> Session | None:
        """A session that is active."""
        item = found(SessionItem, f"session#{session_id}")
        if item is None or not item.active or not item.patient:
            return None
        return _session(deserialize(item.serialize()))

    def sessions(self, patient: str, now: int) -> list[Session]:
        """A patient's sessions that are live: two BatchGetItems, more beyond a hundred."""
        listed = Batch(dynamodb())
        for began in (now, now - SESSION_S_MAX):
            listed.want(self._table, pk=sessions_key(patient, began))
        batch = Batch(dynamodb())
        for row in listed.fetch()[self._table]:
            for name in row["ids"]:
                batch.want(self._table, pk=f"session#{name}")
        rows = batch.fetch()[self._table]
        return [_session(row) for row in rows if row["active"] and now < row["expires"]]

    def rotate(self, session: Session, refresh: str, expires: int) -> bool:
        """One UpdateItem; False when the refresh hash or the session is no longer what it was."""
        item = SessionItem(f"session#{session.id}")
        # what it is to be counts as well: the SDK sends again what was not answered
        unused = (SessionItem.active == True) & (  # noqa: E712
            (SessionItem.refresh_hash == session.refresh) | (SessionItem.refresh_hash == refresh)
        )
        actions: list[Action] = [
            SessionItem.refresh_hash.set(refresh),
            SessionItem.expires.set(expires),
        ]
        try:
            available(lambda: item.update(actions=actions, condition=unused))
        except ConditionsFailed:
            return False
        return True

    def end(self, session_id: str) -> None:
        """One UpdateItem; nothing happens when there is no such session."""
        item = SessionItem(f"session#{session_id}")
        inactive = SessionItem.active.set(False)
        try:
            available(lambda: item.update(actions=[inactive], condition=SessionItem.pk.exists()))
        except ConditionsFailed:
            return


def begin(transaction: TransactWrite, session: Session) -> None:
    """A new session and its place on its patient's list of the day, in a transaction."""
    transaction.save(session_item(session), condition=SessionItem.pk.does_not_exist())
    listed = SessionsItem(sessions_key(session.patient, session.until - SESSION_S_MAX))
    kept: list[Action] = [
        SessionsItem.ids.add({session.id}),
        SessionsItem.version.add(1),
        SessionsItem.ttl.set(session.until),
    ]
    transaction.update(listed, kept)


def sessions_key(patient: str, began: int) -> str:
    """Of the day on which a session began; none lasts longer than half of one."""
    return f"sessions#{patient}#{datetime.fromtimestamp(began, UTC).date().isoformat()}"


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        id=row["pk"].removeprefix("session#"),
        patient=row["patient"],
        client_id=row["client_id"],
        scope=row["scope"],
        family=row["family"],
        refresh=row["refresh"],
        expires=row["expires"],
        until=row["until"],
        strong_until=row.get("strong_until", 0),
        agent=row.get("agent", ""),
    )


def _challenge(challenge_id: str, item: ChallengeItem) -> Challenge:
    return Challenge(
        id=challenge_id,
        patient=item.patient,
        mac=item.mac,
        expires=int(item.expires),
        tries=int(item.tries),
        identifier=item.identifier or "",
    )


def codes_key(subject: str) -> str:
    """Of the row that tells when a subject's codes were sent, and which is the newest."""
    return f"rate#{PURPOSE}-{subject}"


def _codes_item(subject: CodesSent, challenge: str, now: int) -> CodesItem:
    return CodesItem(
        codes_key(subject.subject),
        sent=list(with_one_more(subject.sent, now)),
        challenge=challenge,
        version=subject.version + 1,
        ttl=now + DAY_S,
    )


def session_item(session: Session) -> SessionItem:
    """The row of a new session."""
    return SessionItem(
        f"session#{session.id}",
        patient=session.patient,
        active=True,
        client_id=session.client_id,
        scope=session.scope,
        family=session.family,
        refresh_hash=session.refresh,
        expires=session.expires,
        until=session.until,
        strong_until=session.strong_until or None,
        ttl=session.until,
    )
