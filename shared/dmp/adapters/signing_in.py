"""What every function of pages signs people in with, and lets them prove more: assembled once."""

from __future__ import annotations

from dataclasses import dataclass

from dmp.adapters.aws import client
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
class SigningIn:
    """Browsers and the step beyond the code, with the adapters that a function goes on with."""

    clock: SystemClock
    vault: Vault
    macs: Macs
    messages: Messages
    texts: Texts
    registry: Registry
    contacts: SealedContacts
    credentials: CredentialRows
    browsers: Browsers
    step_up: StepUp


def signing_in(
    tables: tuple[str, str, str], keys: tuple[str, str], senders: tuple[str, str], per_address: int
) -> SigningIn:
    """All of it for one function.

    `tables`: records, keys, registry. `keys`: the ARNs of record and identifier key. `senders`: of
    SMS and of mail. `per_address`: codes an hour from one source address.
    """
    records, wrapped, table = tables
    kms, clock, texts = client("kms"), SystemClock(), Texts()
    vault, macs = Vault(kms, keys[0]), Macs(kms, keys[1])
    messages = Messages(client("sns"), client("ses"), *senders)
    registry, sign_ins = Registry(table), SignInRows(table)
    contacts = SealedContacts(vault, records, wrapped, table)
    codes = OneTimeCodes(
        sign_ins=sign_ins,
        rates=Rates(dynamodb(), table),
        macs=macs,
        contacts=contacts,
        messages=SignInCodes(messages, texts),
        clock=clock,
        per_address_hour=per_address,
    )
    credentials = CredentialRows(vault, records, wrapped, table)
    by_passkey = PasskeySignIns(sign_ins, PractitionerSessions(credentials, registry, clock), clock)
    return SigningIn(
        clock=clock,
        vault=vault,
        macs=macs,
        messages=messages,
        texts=texts,
        registry=registry,
        contacts=contacts,
        credentials=credentials,
        browsers=Browsers(BrowserRows(table), codes, sign_ins, clock, by_passkey),
        step_up=StepUp(Proofs(Own(credentials, clock), macs), by_passkey),
    )
