"""Fills the sandbox: partner apps with fresh keys, the directory, the population, open records.

Everything may run again: keys and records that are there stay as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from dmp.adapters import jwt
from dmp.adapters.assertions import ALGORITHMS
from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.activations import ActivationRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.clients import DynamoClients
from dmp.adapters.dynamodb.directory_loads import DynamoLoads
from dmp.adapters.dynamodb.new_records import NewRecords
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.population import PopulationTable
from dmp.domain.activation import Activation, Asked
from dmp.domain.contact import Contact
from dmp.domain.identifiers import CIN, CNSS, IDCS
from dmp.use_cases.activation import Steps
from dmp.use_cases.clients import Clients
from dmp.use_cases.directory import Line, book_of
from dmp.use_cases.directory_loads import Loads

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
KEYS = Path(".local") / "clients"
_SYSTEMS = {"cin": CIN, "idcs": IDCS, "cnss": CNSS}
_SHOWN = ("cin", "given", "family", "birthDate", "phone", "language", "email")
_HOUR_S = 3600


def seed(outputs: dict[str, str], root: Path) -> Json:
    """Fill the deployed stack; what .local/sandbox.json tells of it (DESIGN, section 11).

    `outputs` are the stack's; the AWS environment leads to it; `root` is the project's folder.
    """
    directory, people = _read("directory.json"), _read("people.json")
    keys = {row["key"]: _key(row, root) for row in directory["clients"]}
    _load(outputs["RegistryTable"], _rows(directory, keys))
    macs = Macs(client("kms"), outputs["IdentifierKeyArn"])
    _fill_population(outputs["PopulationTable"], macs, people["patients"] + people["people"])
    desk = _Desk(outputs, macs)
    return {
        "clients": {row["key"]: _client(row, keys[row["key"]]) for row in directory["clients"]},
        "apps": {row["key"]: _app(row) for row in directory["apps"]},
        "practitioners": {row["key"]: _practitioner(row) for row in directory["practitioners"]},
        "organizations": {
            row["inpe"]: {"id": row["id"], "name": row["name"]}
            for row in directory["organizations"]
        },
        "patients": [{"id": desk.patient(row), **_shown(row)} for row in people["patients"]],
        "people": [_shown(row) for row in people["people"]],
    }


def _read(name: str) -> Json:
    content: Json = json.loads((HERE / name).read_text("utf-8"))
    return content


def _shown(row: Json) -> Json:
    return {name: row[name] for name in _SHOWN if name in row}


def _practitioner(row: Json) -> Json:
    return {name: row[name] for name in ("id", "inpe", "name", "role", "organization")}


def _client(row: Json, key: ECKey | RSAKey) -> Json:
    return {
        "client_id": row["client_id"],
        "private_key_file": str(KEYS / f"{row['key']}.pem"),
        "key_id": key.thumbprint(),
        "alg": row["alg"],
        "scopes": row["scopes"],
        "organization": row["organization"],
        "id_prefix": row["prefix"],
    }


def _app(row: Json) -> Json:
    """A public app: no key, and a callback on any port of this machine."""
    return {name: row[name] for name in ("client_id", "redirect_uris", "scopes")}


def _key(row: Json, root: Path) -> ECKey | RSAKey:
    """The app's key pair: made once for this folder, readable by its owner alone."""
    path = root / KEYS / f"{row['key']}.pem"
    kind: type[ECKey | RSAKey] = ECKey if row["alg"] == "ES384" else RSAKey
    if path.exists():
        return kind.import_key(path.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    made = ECKey.generate_key("P-384") if kind is ECKey else RSAKey.generate_key(3072)
    path.touch(mode=0o600)
    path.write_bytes(made.as_pem(private=True))
    return made


def _rows(directory: Json, keys: dict[str, ECKey | RSAKey]) -> Json:
    """The directory as operators would bring it."""
    roles = [
        {
            "practitioner": row["inpe"],
            "organization": row["organization"],
            "role": row["role"],
            "starts": "2020-01-01",
        }
        for row in directory["practitioners"]
    ]
    clients = [
        {
            **row,
            "organizations": [row["organization"]],
            "jwks": json.dumps({"keys": [_public(row, keys[row["key"]])]}),
        }
        for row in directory["clients"]
    ]
    public = [{**row, "kind": "public"} for row in directory["apps"]]
    return {**directory, "roles": roles, "clients": [*clients, *public]}


def _load(registry: str, rows: Json) -> None:
    """The directory and the apps, by the operators' own loader and acts."""
    loads, clock = Loads(DynamoLoads(registry), SystemClock()), SystemClock()
    kinds = ("organizations", "practitioners", "roles")
    lines = [Line(f"{k} {i}", k, row) for k in kinds for i, row in enumerate(rows[k], 1)]
    base, before = loads.in_force()
    loads.load(base, before, book_of(lines, before), "the sandbox", lambda _done, _of: None)
    store = DynamoClients(registry)
    clients = Clients(store, _usable, clock, "the sandbox")
    for row in rows["clients"]:
        known = store.find(row["client_id"])
        (clients.amend if known else clients.register)(row)


def _public(row: Json, key: ECKey | RSAKey) -> Json:
    members = dict(key.as_dict(private=False))
    return {**members, "kid": key.thumbprint(), "alg": row["alg"], "use": "sig"}


def _usable(jwks: str) -> list[str]:
    return list(jwt.registered_keys(jwks, ALGORITHMS))


def _identifiers(row: Json) -> list[tuple[str, str]]:
    return [(system, row[name]) for name, system in _SYSTEMS.items() if name in row]


def _fill_population(table: str, macs: Macs, rows: list[Json]) -> None:
    """Each person stands under every identifier they have."""
    for row in rows:
        identifiers = _identifiers(row)
        item = {
            "family": {"S": row["family"]},
            "given": {"L": [{"S": name} for name in row["given"]]},
            "birth_date": {"S": row["birthDate"]},
            "identifiers": {"L": [{"S": f"{system}|{value}"} for system, value in identifiers]},
            "language": {"S": row["language"]},
        }
        if row["phone"]:
            item["phone"] = {"S": row["phone"]}
        for system, value in identifiers:
            key = {"S": macs.identifier(system, value)}
            dynamodb().put_item(TableName=table, Item={"pk": key, **item})


class _NoCodes:
    """Nobody is asked for a code here: the register's own phone stands for the proof."""

    def send_code(self, contact: Contact, code: str) -> None:
        """Never called by the one step that runs."""
        raise AssertionError(contact.channel, len(code))


class _Desk:
    """Opens records by the activation's own last step."""

    def __init__(self, outputs: dict[str, str], macs: Macs) -> None:
        self._macs = macs
        self._clock = SystemClock()
        self._sign_ins = SignInRows(outputs["RegistryTable"])
        self._activations = ActivationRows(outputs["RegistryTable"])
        self._steps = Steps(
            activations=self._activations,
            population=PopulationTable(dynamodb(), outputs["PopulationTable"], macs),
            records=NewRecords(
                Vault(client("kms"), outputs["RecordKeyArn"]),
                outputs["RecordsTable"],
                outputs["KeysTable"],
                outputs["RegistryTable"],
            ),
            macs=macs,
            codes=_NoCodes(),
            clock=self._clock,
            code_seconds=_HOUR_S,
        )

    def patient(self, row: Json) -> str:
        """The id of the person's record, opened now unless it was before."""
        known = self._sign_ins.patient_of(self._macs.identifier(CIN, row["cin"]))
        return known or self._open(row)

    def _open(self, row: Json) -> str:
        now = self._clock.now_ms() // 1000
        activation = f"seed-{row['cin'].lower()}-{now}"
        asked = Asked(
            system=CIN,
            value=row["cin"],
            family=row["family"],
            given=tuple(row["given"]),
            birth_date=row["birthDate"],
            phone=row["phone"],
            email=row.get("email"),
            language=row["language"],
            notify=row["notify"],
            policy="deny",
        )
        until = now + _HOUR_S
        self._activations.create(
            Activation(activation, "opening", now, until, until, asked, finding="matched")
        )
        self._steps.open(activation)
        opened = self._activations.find(activation)
        if opened is None or opened.status != "active":
            raise RuntimeError(f"the record of {row['family']} was not opened")
        return opened.patient
