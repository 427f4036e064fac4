"""Passkeys, PIN, recovery codes, practitioners' enrolment (the routes: dmp.edge.passkeys)."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.credentials import CredentialRows
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.passkeys import WebAuthn
from dmp.edge.passkeys import Served, passkeys_api
from dmp.settings import PasskeysSettings
from dmp.use_cases.ceremonies import Ceremonies
from dmp.use_cases.enrolments import Enrolments
from dmp.use_cases.passkeys import Passkeys
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.proving import Own, Proofs

settings = PasskeysSettings.from_environment()
kms, clock, registry = client("kms"), SystemClock(), settings.registry_table
vault = Vault(kms, settings.record_key_arn)
credentials = CredentialRows(vault, settings.records_table, settings.keys_table, registry)
ceremonies = Ceremonies(credentials, WebAuthn(settings.origin), clock)
sessions = PractitionerSessions(credentials, Registry(registry), clock)
own = Own(credentials, clock)
passkeys = Passkeys(own, ceremonies, sessions, Rates(dynamodb(), registry))
proofs = Proofs(own, Macs(kms, settings.identifier_key_arn))
enrolments = Enrolments(credentials, ceremonies, sessions, clock)
secure = settings.base_url.startswith("https:")
api = passkeys_api(Served(passkeys, proofs, enrolments, sessions, secure))
handler = api.handler
