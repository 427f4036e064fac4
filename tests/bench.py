"""`make bench`: calls, units and CPU of the main operations, beside their budgets (DESIGN 12).

The functions' own code runs in this process, DynamoDB and KMS in the emulator's, so that CPU here
is what a function burns. Counts are exact; CPU is a ratio to read beside the reference loop.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from typing import Any
from unittest import mock

from rich.console import Console
from rich.table import Table

from dmp.adapters import aws
from dmp.domain.identifiers import commit_id
from dmp.fhir import json_reader
from dmp.fhir.validator import validate
from infra.cost import MEASURED, Measured
from infra.local.emulator import LOCAL, Emulator
from tests import bench_doors, cold, samples
from tests.measure import Meter
from tests.stack import ACCOUNT, AWS, Context, Stack
from tests.world import Reply, World, consent, observation

console = Console(highlight=False)
SERVICES = ("dynamodb", "kms", "sqs", "sns", "s3")
# Budgets in GetItems of 0.6 ms, boto3's own share; they hold on any machine. What is opened anew
# has no budget: it is to get no worse. On a machine with much else to do figures rise a little.
READ_GETS, EVERYTHING_GETS, WRITE_GETS, OPENED_ANEW_GETS = 4.7, 8.3, 25, 12
NOISE = 1.05


@dataclass(frozen=True)
class Row:
    """One operation: its figures and its budget, both as text; `over` when it is beyond it."""

    what: str
    calls: str
    units: str
    cpu: str
    budget: str
    over: bool = False


class Bench:
    """One record on the emulator, and the operations on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.meter = Meter().attach(*map(aws.client, SERVICES))
        self.counts: dict[str, Measured] = {}
        self.patient = world.open_record()
        self.doctor = world.doctor()
        self.pid = self.patient.patient or ""
        granted = world.call("POST /fhir/Consent", self.patient, consent(self.pid))
        assert granted.status == 201, granted.body
        self.rows: list[Row] = []

    def measure(
        self,
        what: str,
        budget: str,
        times: int,
        one: Callable[[int], Any],
        *,
        gets: float = math.inf,
        before: Callable[[], object] | None = None,
    ) -> None:
        """Run an operation so many times; the mean of each figure.

        `before` is not measured. It may cost as much CPU as `gets` GetItems of boto3, here and now.
        """
        cpu, sent = 0.0, 0
        with redirect_stdout(StringIO()) as logged:
            if times > 1:
                self._prepared(before)
                one(-1)
            bare = self.bare_get(50)
            self.meter.reset()
            logged.truncate(0)
            for i in range(times):
                self._prepared(before)
                began, metered = time.process_time(), self.meter.cpu_s
                reply = one(i)
                cpu += time.process_time() - began - (self.meter.cpu_s - metered)
                sent += len(reply.body) if isinstance(reply, Reply) else 0
        ratio = cpu / times / bare
        text = f"{1000 * cpu / times:.1f} ms, {ratio:.1f} gets"
        limit = f"{budget}; {gets:g} gets" if gets < math.inf else budget
        shown = Row(what, "", "", text, limit, ratio > NOISE * gets)
        self._keep(shown, times, (cpu, sent, len(logged.getvalue().strip("\0"))))

    def bare_get(self, times: int) -> float:
        """Seconds of CPU that boto3 alone burns for the smallest call, as this machine is now."""
        client, table = aws.client("dynamodb"), self.world.tables["RECORDS_TABLE"]
        key = {"pk": {"S": self.pid}, "sk": {"S": "GUARD"}}
        with self.meter.paused():
            client.get_item(TableName=table, Key=key, ConsistentRead=True)
            began, metered = time.process_time(), self.meter.cpu_s
            for _ in range(times):
                client.get_item(TableName=table, Key=key, ConsistentRead=True)
            return (time.process_time() - began - (self.meter.cpu_s - metered)) / times

    def _prepared(self, before: Callable[[], object] | None) -> None:
        if before is not None:
            with self.meter.paused():
                before()

    def _keep(self, shown: Row, times: int, sums: tuple[float, int, int]) -> None:
        cpu, sent, logged = sums
        calls, kms = self.meter.count("dynamodb") / times, self.meter.count("kms") / times
        units = f"{self.meter.write_units / times:g} w, {self.meter.read_units / times:g} r"
        self.rows.append(replace(shown, calls=f"{calls:g} + {kms:g} KMS", units=units))
        self.counts[shown.what] = Measured(
            calls=sum(self.meter.calls.values()) / times,
            kms=kms,
            signatures=self.meter.calls["kms.Sign"] / times,
            puts=self.meter.calls["s3.PutObject"] / times,
            write_units=self.meter.write_units / times,
            read_units=self.meter.read_units / times,
            cpu_s=cpu / times,
            bytes_out=sent / times,
            bytes_logged=logged / times,
            bytes_stored=self.meter.stored / times,
        )

    def unopened(self) -> None:
        """Let the reading function forget what it has opened; it keeps the keys."""
        for _, ring in self.world.app("access_queries", "AccessQueries").vault._rings.values():
            ring.forget()

    def call(self, request: str, body: object = None, status: int = 200, **headers: str) -> Any:
        """A request of the doctor's that must succeed."""
        reply = self.world.call(request, self.doctor, body, **headers)
        assert reply.status == status, (request, reply.status, reply.body[:500])
        return reply


def operations(bench: Bench) -> None:
    """Create, read, search, everything, update, transaction."""
    pid = bench.pid
    first = bench.call("POST /fhir/Observation", observation(pid), 201).json

    def create(resource: dict[str, Any]) -> Any:
        return bench.call("POST /fhir/Observation", resource, 201)

    bench.measure("create", "2 calls", 100,
                  lambda i: create(observation(pid, value=i)))  # fmt: skip
    bench.measure("read", "3 calls; 2.8 s per 1000", 100, gets=READ_GETS,
                  one=lambda _: bench.call(f"GET /fhir/Observation/{first['id']}"))  # fmt: skip
    held = {"resource": first}

    def update(i: int) -> None:
        changed = {**held["resource"], "note": [{"text": f"vu {i}"}]}
        held["resource"] = bench.call(f"PUT /fhir/Observation/{first['id']}", changed).json

    bench.measure("update", "3 calls, 8 w", 50, update)
    bench.measure("transaction of 20", "2 calls, 16 w; 15 s per 1000", 50, gets=WRITE_GETS,
                  one=lambda i: bench.call("POST /fhir", samples.transaction(pid, 20, i))
                  )  # fmt: skip


def reading_much(bench: Bench) -> None:
    """Search and everything on a record of 200 resources in ten commits."""
    pid = bench.pid
    for i in range(10):
        bench.call("POST /fhir", samples.transaction(pid, 20, i))
    query = f"GET /fhir/Observation?patient={pid}&code=2339-0&_count=50"
    bench.measure("search, 50 of 200", "4 calls", 30, lambda _: bench.call(query))
    joined = f"GET /fhir/Observation?patient={pid}&encounter.status=finished&_count=50"
    bench.measure("search, chained, with includes", "4 calls", 30,
                  lambda _: bench.call(f"{joined}&_include=Observation:encounter"))  # fmt: skip
    journal = f"GET /fhir/AuditEvent?patient={pid}&action=R&_count=20"
    bench.measure("journal, a search of 20", "", 30,
                  lambda _: bench.world.call(journal, bench.patient))  # fmt: skip
    every = f"GET /fhir/Patient/{pid}/$everything"
    bench.measure("$everything of 200", "4 calls; 5 s per 1000", 30, gets=EVERYTHING_GETS,
                  one=lambda _: bench.call(every))  # fmt: skip
    bench.measure("$everything of 200, opened anew", "4 calls", 30, gets=OPENED_ANEW_GETS,
                  one=lambda _: bench.call(every), before=bench.unopened)  # fmt: skip


def telling(bench: Bench) -> None:
    """The first query of an access, its way to the phone, and its leaf into the log."""
    pid, stack = bench.pid, bench.world.stack
    found = bench.call("POST /fhir/Observation", observation(pid), 201).json["id"]
    table = bench.world.tables["RECORDS_TABLE"]
    client = stack.client("dynamodb")

    def closed() -> None:
        for key in _keys(client, table, pid, "A#"):
            client.delete_item(TableName=table, Key=key)

    bench.measure("first read", "3 calls", 30, before=closed,
                  one=lambda _: bench.call(f"GET /fhir/Observation/{found}"))  # fmt: skip
    owed = [key["sk"]["S"][2:] for key in _keys(client, table, pid, "N#")]
    sender = stack.app("notifications", "NotificationsSender")
    announcer = stack.app("notifications", "NotificationsAnnouncer")
    bench.measure("announce", "", len(owed) - 1, lambda i: announcer.announce(
        {"Records": [_change(pid, f"N#{owed[i]}"), _change(pid, f"J#{owed[i]}")]}, Context("a")
    ))  # fmt: skip
    bench.measure("tell", "", len(owed) - 1, lambda i: sender.deliver(
        {"Records": [_message({"patient": pid, "entry": owed[i]})]}, Context("s")))  # fmt: skip
    sealer = stack.app("sealing", "SealingSealer")

    def seal(turn: int) -> None:
        leaves = [commit_id(1_795_000_000_000 + turn, n) for n in range(1000)]
        records = [_message({"id": f"{pid}.{n}", "leaf": "11" * 32}, n) for n in leaves]
        assert not sealer.seal({"Records": records}, Context("s"))["batchItemFailures"]

    bench.measure("seal 1,000 leaves", "", 3, seal)


def _keys(client: Any, table: str, patient: str, prefix: str) -> list[dict[str, Any]]:
    found = client.query(
        TableName=table, KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
        ExpressionAttributeValues={":p": {"S": patient}, ":s": {"S": prefix}},
    )["Items"]  # fmt: skip
    return [{"pk": item["pk"], "sk": item["sk"]} for item in found]


def _message(body: dict[str, str], name: str = "m") -> dict[str, Any]:
    return {
        "messageId": name, "body": json.dumps(body), "attributes": {}, "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q", "messageAttributes": {},
    }  # fmt: skip


def _change(patient: str, sk: str) -> dict[str, Any]:
    keys = {"pk": {"S": patient}, "sk": {"S": sk}}
    image = {**keys, "leaf": {"B": "ERERERERERERERERERERERERERERERERERERERERERE="}}
    told = {"Keys": keys, "NewImage": image, "SequenceNumber": "1"}
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": told}


def largest(bench: Bench) -> None:
    """The largest Synthea bundle, where it is at hand."""
    prepared = samples.largest_synthea(bench.world, bench.pid)
    if prepared is None:
        bench.rows.append(Row("the largest Synthea bundle", "not at hand", "", "", "1 transaction"))
        return
    text = json.dumps(prepared, ensure_ascii=False)
    bench.measure(f"a Synthea bundle, {len(text) // 1000} kB", "1 transaction; under 1 s", 1,
                  lambda _: bench.call("POST /fhir", text))  # fmt: skip


def validation() -> list[Row]:
    """CPU of validating alone: a small resource, and the largest Synthea bundle."""
    small = json_reader.read_object(json.dumps(observation("0" * 20)).encode())
    rows = [_validated("validate an Observation", small, 2000, "0.1 ms at 2 kB")]
    if files := samples.synthea_files():
        bundle = json_reader.read_object(files[-1].read_bytes())
        size = f"{files[-1].stat().st_size // 1000} kB"
        rows.append(_validated(f"validate a bundle, {size}", bundle, 3, "350 ms"))
    return rows


def _validated(what: str, resource: dict[str, Any], times: int, budget: str) -> Row:
    assert validate(resource) == []
    began = time.process_time()
    for _ in range(times):
        validate(resource)
    cpu = (time.process_time() - began) / times
    return Row(what, "", "", f"{1000 * cpu:.3f} ms", budget)


def many_commits(bench: Bench, count: int) -> None:
    """A record of so many one-resource commits, compacted as the stream would have it."""
    pid = bench.pid
    with redirect_stdout(StringIO()):
        samples.single_commits(bench.world, bench.doctor, pid, count, _progress)
    query = f"GET /fhir/Observation?patient={pid}&code=2339-0&_count=50"
    pages: list[Any] = []
    bench.measure(f"{count} commits: search, page 1", "6 calls, 250 r, 1 s", 3,
                  lambda _: pages.append(bench.call(query)))  # fmt: skip
    link = next(x["url"] for x in pages[-1].json["link"] if x["relation"] == "next")
    onward = "GET /fhir/" + link.partition("/fhir/")[2]
    bench.measure(f"{count} commits: search, page 2", "no more than page 1", 3,
                  lambda _: bench.call(onward))  # fmt: skip


def _progress(done: int, total: int) -> None:
    if done % 500 == 0:
        console.print(f"  {done} of {total} commits", style="dim")


def one_get(bench: Bench) -> Row:
    """What boto3 alone burns for the smallest call, here and now: the measure of the other rows."""
    cpu = f"{1000 * bench.bare_get(200):.2f} ms, 1 get"
    return Row("boto3, one GetItem", "1", "", cpu, "0.6 ms where the budgets were set")


def reference() -> float:
    """Seconds of a fixed pure Python loop: what this machine makes of CPU today."""
    began = time.process_time()
    total = 0
    for i in range(2_000_000):
        total += i & 7
    return time.process_time() - began


@contextmanager
def emulated() -> Iterator[Stack]:
    """The template's tables and keys on an emulator of the bench's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = Emulator(LOCAL / "bench", port)
    ours.folder.mkdir(parents=True, exist_ok=True)
    ours.install()
    shutil.rmtree(ours.folder / "state", ignore_errors=True)
    ours.start()
    try:
        credentials = {"AWS_ACCESS_KEY_ID": ACCOUNT}  # which the emulator takes for the account
        with mock.patch.dict(os.environ, {**AWS, **ours.environment(), **credentials}):
            yield Stack({})
    finally:
        ours.stop()


def main() -> int:
    """Every row, then the table; 1 when a row is over what it may cost."""
    count = int(os.environ.get("DMP_BENCH_COMMITS", "5000"))
    with emulated() as stack:
        console.print("operations on the emulator")
        bench = Bench(World(stack))
        rows = [one_get(bench)]
        operations(bench)
        rows += bench.rows
        counts = dict(bench.counts)
        parts = (reading_much, telling, bench_doors.granting, bench_doors.pages, largest)
        for part in (*parts, lambda b: many_commits(b, count)):
            another = Bench(World(stack))
            part(another)
            rows += another.rows
            counts |= another.counts
        kept = {name: asdict(count) for name, count in counts.items()}
        MEASURED.write_text(json.dumps(kept, indent=1), "utf-8")
        rows += validation()
        console.print("cold imports")
        rows += [Row(*row) for row in cold.imports(stack)]
    table = Table(title=f"reference loop: {reference():.3f} s")
    for heading in ("operation", "calls", "units", "CPU", "budget"):
        table.add_column(heading)
    for row in rows:
        style = "bold red" if row.over else None
        table.add_row(row.what, row.calls, row.units, row.cpu, row.budget, style=style)
    console.print(table)
    return int(any(row.over for row in rows))


if __name__ == "__main__":
    sys.exit(main())
