"""A patient who signs in, for the tests of tokens: one-time codes and refresh tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import time_machine
from moto.sns import sns_backends

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.tables import CONTACT, IdentifierItem, KeysItem, RecordItem
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.domain.contact import Contact
from dmp.domain.instants import instant
from dmp.domain.refusals import Unauthenticated
from tests import oauth
from tests.stack import ACCOUNT, REGION, Stack

PATIENT = "0123456789abcdefghij"
PHONE = "+212612345678"
CIN = ("urn:ma:cin", "BE742318")
IDCS = ("urn:ma:idcs", "7700112233")
OTP = "urn:dmp:params:oauth:grant-type:otp"


@contextmanager
def signing_in(made: Stack, app: Any) -> Iterator[Any]:
    """The app as just deployed, with one patient; time stands still until `app.traveller` moves."""
    empty(made)
    oauth.registered(made.output("RegistryTable"))
    settle(made)
    with (
        mock.patch.object(app, "settings", replace(app.settings, otp_answer_ms=0)),
        time_machine.travel(time.time(), tick=False) as traveller,
    ):
        app.traveller = traveller
        yield app


def empty(made: Stack) -> None:
    """As if just deployed, in a fraction of the time."""
    dynamodb, table = made.client("dynamodb"), made.output("RegistryTable")
    for item in dynamodb.scan(TableName=table, ProjectionExpression="pk")["Items"]:
        dynamodb.delete_item(TableName=table, Key=item)
    sns_backends[ACCOUNT][REGION].sms_messages.clear()


def settle(stack: Stack, channel: Any = "sms") -> None:
    """A patient with keys, a sealed contact and two identifiers."""
    kms = stack.client("kms")
    vault = Vault(kms, stack.output("RecordKeyArn"))
    keys = vault.new_keys(PATIENT)
    contact = Contact(PHONE, "s.alaoui@example.org", "fr", channel)
    for model, table in ((RecordItem, "Records"), (KeysItem, "Keys"), (IdentifierItem, "Registry")):
        bind(model, stack.output(f"{table}Table"))
    KeysItem(PATIENT, kv=keys.kv, rec=keys.rec, ntc=keys.ntc).save()
    sealed = vault.notice_ring(PATIENT, keys).seal("notice", CONTACT, contact.to_bytes())
    RecordItem(PATIENT, CONTACT, b=sealed).save()
    macs = Macs(kms, stack.output("IdentifierKeyArn"))
    for identifier in (CIN, IDCS):
        IdentifierItem(f"identifier#{macs.identifier(*identifier)}", patient=PATIENT).save()


def texts() -> list[str]:
    """What was sent by SMS, oldest first."""
    return [sent[1] for sent in sns_backends[ACCOUNT][REGION].sms_messages.values()]


def code_of(text: str) -> str:
    """The code in a text."""
    words = (word.rstrip(".") for word in text.split())
    return next(word for word in words if len(word) == 6 and word.isdigit())


def start(app: Any, identifier: tuple[str, str] = CIN, ip: str = "") -> tuple[int, dict[str, Any]]:
    """Ask for a code."""
    sent = oauth.event("tokens/otp")
    system, value = identifier
    sent["body"] = f'{{"identifier": {{"system": "{system}", "value": "{value}"}}}}'
    sent["requestContext"]["identity"]["sourceIp"] = ip or "192.0.2.10"
    return oauth.answered(app.handler, sent)


def exchange(app: Any, challenge: str, code: str, **form: str) -> tuple[int, dict[str, Any]]:
    """Give a code."""
    form = {"grant_type": OTP, "challenge": challenge, "code": code, **form}
    return oauth.answered(app.handler, oauth.event("tokens/one_time_code", **form))


def refresh(app: Any, token: str, **form: str) -> tuple[int, dict[str, Any]]:
    """Use a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return oauth.answered(app.handler, oauth.event("tokens/refresh", **form))


def revoke(app: Any, token: str) -> int:
    """End a token's session; the status."""
    return oauth.answered(app.handler, oauth.event("tokens/revoke", token=token))[0]


def live(app: Any, access_token: str) -> bool:
    """Whether a function would let the token in now."""
    now = app.clock.now_ms() // 1000
    try:
        caller = app.key.caller(access_token, now)
        rows = app.tokens.directory.rows(caller.registry_keys())
        caller.require_live(rows, now, instant(now * 1000)[:10])
    except Unauthenticated:
        return False
    return True


def signed_in(app: Any) -> dict[str, Any]:
    """The tokens of a patient who just signed in."""
    _, body = start(app)
    status, tokens = exchange(app, body["challenge"], code_of(texts()[-1]))
    assert status == 200
    return tokens


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06}"
