"""What every function of pages signs people in with, and lets them prove more: assembled once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dmp.adapters.aws import client, later
from dmp.adapters.clock import SystemClock
from dmp.adapters.code_messages import SignInCodes
from dmp.adapters.dynamodb.browsers import BrowserRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.credentials import CredentialRows
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.messages import Messages
from dmp.adapters.texts import Texts
from dmp.use_cases.browsers import Browsers
from dmp.use_cases.one_time_codes import OneTimeCodes
from dmp.use_cases.passkey_sign_in import PasskeySignIns
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.proving import Own, Proofs
from dmp.use_cases.step_up import StepUp


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Browsers, the step beyond the code, and the adapters that a function goes on with."""

    clock: SystemClock
    vault: Vault
    macs: Macs
    registry: Registry
    sign_ins: SignInRows
    contacts: SealedContacts
    credentials: CredentialRows
    browsers: Browsers
    step_up: StepUp


@dataclass(frozen=True, slots=True)
class SigningIn(SignedIn):
    """The same where people sign in by code, too."""

    messages: Messages
    texts: Texts


def signed_in(tables: tuple[str, str, str], keys: tuple[str, str]) -> SignedIn:
    """For a function that sends no code.

    `tables`: records, keys, registry. `keys`: the ARNs of record and identifier key.
    """
    records, wrapped, table = tables
    kms, clock = client("kms"), SystemClock()
    vault, macs = Vault(kms, keys[0]), Macs(kms, keys[1])
    registry, sign_ins = Registry(table), SignInRows(table)
    credentials = CredentialRows(vault, records, wrapped, table)
    by_passkey = PasskeySignIns(sign_ins, PractitionerSessions(credentials, registry, clock), clock)
    return SignedIn(
        clock=clock,
        vault=vault,
        macs=macs,
        registry=registry,
        sign_ins=sign_ins,
        contacts=SealedContacts(vault, records, wrapped, table),
        credentials=credentials,
        browsers=Browsers(BrowserRows(table), None, sign_ins, clock, by_passkey),
        step_up=StepUp(Proofs(Own(credentials, clock), macs), by_passkey),
    )


def signing_in(
    tables: tuple[str, str, str], keys: tuple[str, str], senders: tuple[str, str], per_address: int
) -> SigningIn:
    """For a function that sends codes, too.

    `senders`: of SMS and of mail. `per_address`: codes an hour from one source address.
    """
    door, texts = signed_in(tables, keys), Texts()
    messages = Messages(later("sns"), later("ses"), *senders)
    codes = OneTimeCodes(
        sign_ins=door.sign_ins,
        rates=Rates(dynamodb(), tables[2]),
        macs=door.macs,
        contacts=door.contacts,
        messages=SignInCodes(messages, texts),
        clock=door.clock,
        per_address_hour=per_address,
    )
    return SigningIn(
        clock=door.clock,
        vault=door.vault,
        macs=door.macs,
        registry=door.registry,
        sign_ins=door.sign_ins,
        contacts=door.contacts,
        credentials=door.credentials,
        browsers=replace(door.browsers, codes=codes),
        step_up=door.step_up,
        messages=messages,
        texts=texts,
    )
