"""The only reader of the environment: one class for each function, read once at import.

A missing variable fails the cold start with its name; the template and these classes are compared
by tests/house/test_settings.py. Optional variables have a default here.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields
from typing import Self


class MissingSetting(Exception):
    """The environment lacks the named variable: the deployment is wrong."""


@dataclass(init=False, repr=False, eq=False)
class Settings:
    """What every function knows. Field `x_y` is read from the variable `X_Y`.

    Of what dataclasses can have these have their fields alone: the rest of it, fifteen times, would
    be a twentieth of a cold start.
    """

    stage: str
    region_code: str
    base_url: str

    def __init__(self, **values: str | int) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"{name}: settings are read once")

    @classmethod
    def from_environment(cls) -> Self:
        """Read every field of the class, converted to int where its type says so."""
        values: dict[str, str | int] = {}
        for field in fields(cls):
            text = os.environ.get(field.name.upper())
            if text is not None:
                values[field.name] = int(text) if field.type == "int" else text
            elif field.default is MISSING:
                raise MissingSetting(field.name.upper())
        return cls(**values)

    def need(self, *names: str) -> None:
        """Fail as `from_environment` does when one of these optional fields is empty."""
        for name in names:
            if not getattr(self, name):
                raise MissingSetting(name.upper())

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL, without a slash at its end."""
        return f"{self.base_url}/fhir"


@dataclass(init=False, repr=False, eq=False)
class RecordSettings(Settings):
    """Functions that read or write the record."""

    records_table: str
    keys_table: str
    registry_table: str
    record_key_arn: str

    @property
    def tables(self) -> tuple[str, str, str]:
        """Records, keys, registry: as adapters take them."""
        return self.records_table, self.keys_table, self.registry_table


@dataclass(init=False, repr=False, eq=False)
class AuthorizerSettings(Settings):
    """The authorizer: it checks tokens and reads nothing else."""

    token_key_arn: str
    other_token_key_arn: str = ""


@dataclass(init=False, repr=False, eq=False)
class TokensSettings(RecordSettings):
    """The authorization server.

    `codes_per_address`: sign-in codes an hour from one source address (more where a carrier puts
    many households behind one). `otp_answer_ms`: how long asking for a code takes at least, so
    that the time does not tell whether a message was sent. `private_key_hosts`: hosts of apps' key
    sets, by commas, that may have addresses inside the operator's network.
    """

    identifier_key_arn: str
    token_key_arn: str
    sms_sender: str
    mail_sender: str
    codes_per_address: int = 30
    otp_answer_ms: int = 700
    private_key_hosts: str = ""
    other_token_key_arn: str = ""


@dataclass(init=False, repr=False, eq=False)
class AuthorizationSettings(RecordSettings):
    """The sign-in and consent pages; as `TokensSettings`, without the key that signs tokens."""

    identifier_key_arn: str
    sms_sender: str
    mail_sender: str
    codes_per_address: int = 30
    otp_answer_ms: int = 700


@dataclass(init=False, repr=False, eq=False)
class AccountSettings(AuthorizationSettings):
    """The patient's own pages: they sign in, and prove what stands in the sealed log."""

    tiles_bucket: str = ""


@dataclass(init=False, repr=False, eq=False)
class IdentifierSettings(RecordSettings):
    """access_queries and record_writes: they also find a person by national identifier."""

    identifier_key_arn: str


@dataclass(init=False, repr=False, eq=False)
class ConsentSettings(RecordSettings):
    """consent_changes: it also sends the codes of first meetings.

    `break_glass_roles`: those who may break the glass, with commas between. `request_answer_ms`:
    how long asking for a first meeting takes at least, so that the time does not tell whether
    there is a record.
    """

    identifier_key_arn: str
    sms_sender: str
    mail_sender: str
    break_glass_roles: str
    request_answer_ms: int = 700


@dataclass(init=False, repr=False, eq=False)
class JournalSettings(RecordSettings):
    """journal: it also proves what stands in the sealed log."""

    log_key_arn: str
    tiles_bucket: str


@dataclass(init=False, repr=False, eq=False)
class ActivationSettings(RecordSettings):
    """Both functions of activation: the machine's ARN is the API's, the senders are the steps'.

    `activations_per_address`: requests an hour from one source address.
    """

    population_table: str
    identifier_key_arn: str
    code_seconds: int
    activation_machine_arn: str = ""
    sms_sender: str = ""
    mail_sender: str = ""
    activations_per_address: int = 20


@dataclass(init=False, repr=False, eq=False)
class NotificationsSettings(RecordSettings):
    """The four functions of notifications; queues and senders are there where they are used.

    `mail_receipts`: the configuration set of the mails whose receipts are heard.
    """

    identifier_key_arn: str
    notices_queue_url: str = ""
    notices_dlq_url: str = ""
    leaves_queue_url: str = ""
    leaves_dlq_url: str = ""
    sms_sender: str = ""
    mail_sender: str = ""
    mail_receipts: str = ""

    @property
    def senders(self) -> tuple[str, str, str]:
        """Who sends SMS, who sends mail, and by which configuration set."""
        return self.sms_sender, self.mail_sender, self.mail_receipts


@dataclass(init=False, repr=False, eq=False)
class ReceiptsSettings(Settings):
    """receipts: it changes notices and opens none."""

    records_table: str
    notices_queue_url: str


@dataclass(init=False, repr=False, eq=False)
class SealingSettings(Settings):
    """The sealer, and the hourly comparison: it looks at one of `sweep_parts` of the table."""

    records_table: str
    registry_table: str
    log_key_arn: str
    tiles_bucket: str
    leaves_queue_url: str = ""
    sweep_parts: int = 24

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return f"dmp.ma/{self.stage}/{self.region_code}"


@dataclass(init=False, repr=False, eq=False)
class PasskeysSettings(RecordSettings):
    """passkeys and security.

    `passkey_origin`: that of the pages that ask for passkeys, when not the API's own.
    """

    identifier_key_arn: str
    passkey_origin: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers write them."""
        return self.passkey_origin or "/".join(self.base_url.split("/")[:3])
