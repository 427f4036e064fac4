"""The log's head goes along with a notice, whole way, and costs no call more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

import dmp_verify
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.domain.checkpoint import Checkpoint
from dmp.domain.contact import Contact
from dmp.domain.log import Log
from tests.aws_calls import counted
from tests.post import Post
from tests.register import mails, sms
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.verify.test_tampering import ORIGIN, OURS, honest, log, tree
from tests.world import World

DELIVERY = ["UpdateItem", "BatchGetItem", "UpdateItem"]


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def post(system: Stack) -> Iterator[Post]:
    with time_machine.travel(1_795_000_000, tick=False) as travel:
        yield Post(World(system), travel)


def welcomed(post: Post, contact: Contact) -> tuple[str, list[str]]:
    """What a patient whose record opens is told, and the calls that it cost."""
    before = len(sms()), len(mails())
    patient = post.world.open_record(contact=contact).patient
    post.announce([r for r in post.stream() if r["dynamodb"]["Keys"]["pk"]["S"] == patient])
    with counted() as calls:
        while post.waiting():
            post.deliver()
    told = [text for _, text in sms()[before[0] :]] + [m.body for m in mails()[before[1] :]]
    return " ".join(told), [c for c in calls if c in DELIVERY]


def test_a_notice_bears_the_seal_of_the_newest_checkpoint(post: Post, system: Stack) -> None:
    mail = Contact(None, "nadia@example.org", "en", "email")
    phone = Contact("+212612345678", None, "fr", "sms")
    bare, first = welcomed(post, mail)
    assert "Seal" not in bare

    rows = DynamoLogRows(system.output("RegistryTable"))
    entries = honest(5)
    assert rows.append(rows.head(), [], _log(entries))
    assert rows.sign(rows.head(), OURS.note(entries))
    sealed, second = welcomed(post, mail)
    short, _ = welcomed(post, phone)

    head = Checkpoint(ORIGIN, 5, tree(entries))
    known = dmp_verify.Checkpoint(ORIGIN, 5, tree(entries))
    assert f"Seal of the journal: {head.short(64)}." in sealed
    assert short.endswith(f"Sceau {head.short()}")
    assert dmp_verify.matches(short.rpartition(" ")[2], known)
    assert first == second == DELIVERY


def _log(entries: Any) -> Log:
    made: Log = log(entries)
    return made
