"""Notifications: preferences, and the way of a notice from the stream to phone or mail."""

# ruff: noqa: PLC0415  # announcer and sweeper have no layer that opens anything, and need no Babel
from __future__ import annotations

from functools import cache

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.due_notices import DueIndex
from dmp.adapters.queues import LeavesQueue, NoticeQueue
from dmp.edge.notifications import announcing, delivering, preferences_api, sweeping
from dmp.settings import NotificationsSettings
from dmp.use_cases.notifications import Announcer, Sender, Sweeper
from dmp.use_cases.preferences import Preferences
from dmp.use_cases.sealing import LeafAnnouncer

settings = NotificationsSettings.from_environment()
clock = SystemClock()


@cache
def announcer() -> Announcer:
    """From the stream to the queue."""
    settings.need("notices_queue_url", "notices_dlq_url")
    urls = settings.notices_queue_url, settings.notices_dlq_url
    return Announcer(*(NoticeQueue(client("sqs"), url) for url in urls))


@cache
def leaf_announcer() -> LeafAnnouncer:
    """From the stream to the sealer's queue."""
    settings.need("leaves_queue_url", "leaves_dlq_url")
    urls = (settings.leaves_queue_url, settings.leaves_dlq_url)
    return LeafAnnouncer(*(LeavesQueue(client("sqs"), url) for url in urls))


@cache
def sweeper() -> Sweeper:
    """From the index of what is owed to the queue."""
    return Sweeper(DueIndex(dynamodb(), settings.records_table), announcer().queue, clock)


@cache
def sender() -> Sender:
    """From the queue to phone or mail."""
    from dmp.adapters.dynamodb.notices import SealedNotices
    from dmp.adapters.envelope import Vault
    from dmp.adapters.messages import Messages
    from dmp.adapters.texts import Texts

    settings.need("sms_sender", "mail_sender")
    vault = Vault(client("kms"), settings.record_key_arn)
    messages = Messages(client("sns"), client("ses"), *settings.senders)
    notices = SealedNotices(dynamodb(), vault, *settings.tables)
    return Sender(notices, messages, Texts(), clock)


@cache
def preferences() -> Preferences:
    """What the API does."""
    from dmp.adapters.dynamodb.preferences import SealedPreferences
    from dmp.adapters.envelope import Vault
    from dmp.adapters.macs import Macs
    from dmp.adapters.phones import mobile

    kms = client("kms")
    vault = Vault(kms, settings.record_key_arn)
    contacts = SealedPreferences(vault, *settings.tables)
    told = sender().messages, sender().texts
    return Preferences(contacts, *told, Macs(kms, settings.identifier_key_arn), clock, mobile)


api = preferences_api(preferences)
handler = api.handler
announce = announcing(announcer, leaf_announcer)
deliver = delivering(sender)
sweep = sweeping(sweeper)
