"""A journal entry's way into the log, through the real handlers, to one who checks offline."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import dmp_verify
from dmp.domain.caller import Caller
from dmp.domain.checkpoint import cosigned, signature_line, witness_key_id
from infra.template import ROOT
from tests.post import Post, message_of
from tests.stack import Context, Stack
from tests.world import World, observation


class Sealing:
    """The sealer, its queue and a bucket."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.world = stack, World(stack)
        self.post = Post(self.world, None)
        self.app = stack.app("sealing", "SealingSealer")
        self.sweeper = stack.app("sealing", "SealingSweeper")
        self.queue = stack.output("LeavesQueueUrl")
        self.sqs = stack.client("sqs")
        self.patient = self.world.open_record()

    def announce(self) -> None:
        """All that the stream holds, once more."""
        written = self.post.stream(
            lambda r: (
                r["eventName"] == "INSERT" and r["dynamodb"]["Keys"]["sk"]["S"].startswith("J#")
            )
        )
        assert self.post.announce(written) == []

    def messages(self) -> list[dict[str, Any]]:
        """What waits; it stays."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            got = self.sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"]
            ).get("Messages", [])
            if not got:
                return list(found.values())
            found |= {message["MessageId"]: message for message in got}

    def seal(self) -> list[str]:
        """One batch of everything that waits; what failed stays."""
        got = self.messages()
        event = {"Records": [message_of(message) for message in got]}
        answered = self.app.seal(event, Context("SealingSealer"))
        failed = [failure["itemIdentifier"] for failure in answered["batchItemFailures"]]
        for message in got:
            handle = {"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] in failed:
                self.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self.sqs.delete_message(**handle)
        return failed

    def get(self, path: str, caller: Caller | None = None) -> str:
        """A text of the journal's."""
        reply = self.world.call(f"GET {path}", caller)
        assert reply.status == 200, reply.body
        return str(reply.body)

    def entries(self) -> list[str]:
        """The ids of the patient's journal, without a look that would be one more."""
        found = self.stack.client("dynamodb").query(
            TableName=self.world.tables["RECORDS_TABLE"],
            KeyConditionExpression="pk = :p AND begins_with(sk, :j)",
            ExpressionAttributeValues={
                ":p": {"S": str(self.patient.patient)}, ":j": {"S": "J#"},
            },
            ScanIndexForward=False,
        )["Items"]  # fmt: skip
        return [f"{row['pk']['S']}.{row['sk']['S'][2:]}" for row in found]


@pytest.fixture
def sealing(stack: Stack) -> Sealing:
    made = Sealing(stack)
    record = made.patient.patient
    for _ in range(3):
        made.world.call("POST /fhir/Observation", made.patient, observation(str(record)))
    return made


def test_an_entry_is_proved_offline_once_it_is_sealed(sealing: Sealing) -> None:
    name = sealing.entries()[0]
    early = sealing.world.call(f"GET /journal/proof/{name}", sealing.patient)
    assert early.status == 404
    sealing.announce()
    assert sealing.seal() == []
    sealed = len(sealing.entries())

    leaf = sealing.get(f"/journal/entry/{name}", sealing.patient).encode()
    proof = sealing.get(f"/journal/proof/{name}", sealing.patient)
    key = sealing.get("/journal/key").encode()
    _, told = dmp_verify.verify(leaf, proof, key)
    assert told.origin == "dmp.ma/test/MA-06"
    assert told.size == sealed
    with pytest.raises(dmp_verify.DoesNotHold):
        dmp_verify.verify(leaf.replace(b"permit", b"refuse"), proof, key)


def test_nobody_else_gets_the_proof(sealing: Sealing) -> None:
    name = sealing.entries()[0]
    sealing.announce()
    sealing.seal()
    for caller in (sealing.world.doctor(), sealing.world.open_record()):
        assert sealing.world.call(f"GET /journal/proof/{name}", caller).status in (403, 404)


def test_the_log_grows_and_proves_it(sealing: Sealing) -> None:
    sealing.announce()
    sealing.seal()
    older = sealing.get("/journal/checkpoint")
    record = sealing.patient.patient
    sealing.world.call("POST /fhir/Observation", sealing.patient, observation(str(record)))
    sealing.announce()  # all of the stream again: what was sealed is known
    assert sealing.seal() == []
    size = older.split("\n")[1]
    key = sealing.get("/journal/key").encode()
    old, new = dmp_verify.verify_grown(older, sealing.get(f"/journal/consistency/{size}"), key)
    assert old.size < new.size == len(sealing.entries())
    assert sealing.world.call("GET /journal/consistency/99999").status == 404


def test_after_erasure_the_log_still_verifies_and_reveals_nothing(sealing: Sealing) -> None:
    sealing.announce()
    sealing.seal()
    older = sealing.get("/journal/checkpoint")
    record = str(sealing.patient.patient)
    sealing.stack.client("dynamodb").delete_item(
        TableName=sealing.world.tables["KEYS_TABLE"], Key={"pk": {"S": record}}
    )
    other = sealing.world.open_record()
    sealing.world.call("POST /fhir/Observation", other, observation(str(other.patient)))
    sealing.announce()
    assert sealing.seal() == []
    key = sealing.get("/journal/key").encode()
    size = older.split("\n")[1]
    dmp_verify.verify_grown(older, sealing.get(f"/journal/consistency/{size}"), key)
    bucket = sealing.stack.output("TilesBucket")
    s3 = sealing.stack.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        assert record.encode() not in body
        assert "journal" not in found["Key"]


def test_a_poison_message_at_any_place_stops_nothing_else(sealing: Sealing) -> None:
    sealing.announce()
    for body in ("{}", "null", '{"id": "x", "leaf": "00"}', '{"id": 1}', "not json"):
        sealing.sqs.send_message(QueueUrl=sealing.queue, MessageBody=body)
    assert len(sealing.seal()) == 5
    count = len(sealing.entries())
    assert sealing.get("/journal/checkpoint").split("\n")[1] == str(count)


def _failing(*_: object, **__: object) -> None:
    raise ClientError({"Error": {"Code": "DisabledException"}}, "Sign")


def test_while_the_key_is_disabled_entries_wait_and_then_are_sealed(
    sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing.announce()
    waiting = len(sealing.messages())
    kms = sealing.app.sealer.signer._kms
    with monkeypatch.context() as broken:
        broken.setattr(kms, "sign", _failing)
        for message in sealing.messages():
            sealing.sqs.change_message_visibility(
                QueueUrl=sealing.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        event = {"Records": [message_of(message) for message in sealing.messages()]}
        answered = sealing.app.seal(event, Context("SealingSealer"))
        assert len(answered["batchItemFailures"]) == len(event["Records"])
    assert sealing.world.call("GET /journal/checkpoint").status == 404
    sealing.announce()
    assert sealing.seal() == []
    assert waiting >= 0
    assert int(sealing.get("/journal/checkpoint").split("\n")[1]) >= 4


def test_the_sweep_queues_what_the_stream_lost(
    sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = sealing.sweeper.comparison()
    later = comparison.clock.now_ms() + 400_000
    monkeypatch.setattr(type(comparison.clock), "now_ms", lambda _: later)
    for _ in range(24):  # every part in turn
        sealing.sweeper.sweep({"source": "aws.events"}, Context("SealingSweeper"))
        later += 3_600_000
    assert sealing.seal() == []
    assert sealing.get("/journal/checkpoint").split("\n")[1] == "4"


def test_a_registered_witness_cosigns_the_newest_note_once(sealing: Sealing) -> None:
    sealing.announce()
    sealing.seal()
    note, name, key = sealing.get("/journal/checkpoint"), "MA-07", Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    sealing.world.put_row(f"witness#{name}", active={"BOOL": True}, public={"B": raw})
    body = note.partition("\n\n")[0] + "\n"

    def line(when: int, signer: Ed25519PrivateKey = key) -> str:
        signed = when.to_bytes(8) + signer.sign(cosigned(when, body))
        return signature_line(name, witness_key_id(name, raw), signed)

    def post(text: str) -> Any:
        return sealing.world.call(
            "POST /journal/checkpoint", None, text, Content_Type="text/plain; charset=utf-8"
        )

    false = post(note + line(1, Ed25519PrivateKey.generate()))
    assert false.status == 422
    assert post(note + line(1_795_000_000)).status == 200
    again = post(note + line(1_795_000_001))
    assert again.body == note + line(1_795_000_000)
    assert sealing.get("/journal/checkpoint") == again.body
    dmp_verify.read_checkpoint(again.body, sealing.get("/journal/key").encode())


def test_the_verifier_needs_nothing_of_ours(sealing: Sealing, tmp_path: Any) -> None:
    text = (ROOT / "shared" / "dmp_verify.py").read_text("utf-8")
    assert "import dmp" not in text
    assert "from dmp" not in text
    sealing.announce()
    sealing.seal()
    name = sealing.entries()[-1]
    for file, path, caller in (
        ("entry", f"/journal/entry/{name}", sealing.patient),
        ("proof", f"/journal/proof/{name}", sealing.patient),
        ("key", "/journal/key", None),
    ):
        (tmp_path / file).write_text(sealing.get(path, caller), "utf-8")
    files = [str(tmp_path / file) for file in ("entry", "proof", "key")]
    assert dmp_verify.main(files) == 0
    (tmp_path / "entry").write_text("{}", "utf-8")
    assert dmp_verify.main(files) == 1
    assert dmp_verify.main(files[:2]) == 2


def test_the_event_files_are_what_the_handlers_take(sealing: Sealing) -> None:
    events = ROOT / "events" / "sealing"
    sealed = json.loads((events / "seal.json").read_text("utf-8"))
    answered = sealing.app.seal(sealed, Context("SealingSealer"))
    assert answered == {"batchItemFailures": []}
    assert sealing.get("/journal/checkpoint").split("\n")[1] == "1"
    swept = json.loads((events / "sweep.json").read_text("utf-8"))
    assert sealing.sweeper.sweep(swept, Context("SealingSweeper")) == {}
