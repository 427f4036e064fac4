"""Files of the directory, and the operators' commands that load it and register apps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.adapters import clock
from dmp.adapters.dynamodb.directory_loads import DynamoLoads
from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import ROLES, Book, Listed
from dmp.fhir.directory import resource_of
from dmp.fhir.validator import validate
from dmp.use_cases.directory import NotTaken, book_of
from dmp.use_cases.directory_loads import Loads
from infra import directory
from infra.directory_files import read, written
from tests import oauth
from tests.stack import Stack, stack

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
ORGANIZATIONS = "inpe,name,id\n100000011,Clinique Al Amal,org-1\n"
PRACTITIONERS = "inpe;family;given;name\r\n200000011;Bennani;Salma|Zineb;Dr Salma Bennani\r\n"
ROWS = "practitioner,organization,role,starts,ends\n200000011,100000011,physician,01/02/2020,\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        written_to(tmp_path / "organizations.csv", ORGANIZATIONS),
        written_to(tmp_path / "praticiens.csv", "\ufeff" + PRACTITIONERS),
        written_to(tmp_path / "roles.csv", ROWS),
    ]


def written_to(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_three_files_as_excel_writes_them_are_one_directory(files: list[Path]) -> None:
    book = book_of(read(files), Book())

    assert book.practitioner("200000011") == Practitioner(
        "200000011", "200000011", "Bennani", ("Salma", "Zineb"), "Dr Salma Bennani"
    )
    (role,) = (entry for entry in book if isinstance(entry, Role))
    assert (role.starts, role.ends, role.organization_id) == ("2020-02-01", None, "org-1")


def bundle(**resource: str) -> str:
    """A bundle of one resource."""
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource}]})


HEAD = "inpe,name\n"
BAD: list[tuple[str, str | bytes, str, str]] = [
    ("a.csv", "", "a.csv, line 1", "header"),
    ("a.csv", "inpe\n", "a.csv, line 1", "header"),
    ("a.csv", "inpe,name,nom\n", "a.csv, line 1", "header"),
    ("a.csv", "inpe,name,name\n", "a.csv, line 1", "header"),
    ("a.csv", "inpe\tname\n", "a.csv, line 1", "header"),
    ("a.csv", HEAD + "1,Clinique\n", "a.csv, line 2", "inpe"),
    ("a.csv", HEAD + "\n\n100000011,\n", "a.csv, line 4", "name"),
    ("a.csv", HEAD + "100000011\n", "a.csv, line 2", "name"),
    ("a.csv", HEAD + "100000011,A,B\n", "a.csv, line 2", "line"),
    ("a.csv", HEAD + '100000011,"A\nB"\n2,C\n', "a.csv, line 4", "inpe"),
    ("a.csv", HEAD + '100000011,"A\n', "a.csv, line 2", "line"),
    ("a.csv", HEAD.encode() + "100000011,Hôpital".encode("cp1252"), "a.csv, line 2", "line"),
    ("a.csv", "inpe,name,active\n100000011,A,peut-être\n", "a.csv, line 2", "active"),
    ("a.csv", "inpe,name,ends\n100000011,A,31/02/2026\n", "a.csv, line 2", "ends"),
    ("a.txt", HEAD, "a.txt", "file"),
    ("a.json", "{", "a.json", "file"),
    ("a.json", '{"resourceType":"Patient"}', "a.json", "resourceType"),
    ("a.json", '{"resourceType":"Bundle","entry":[{}]}', "a.json, entry 1", "resourceType"),
    ("a.json", bundle(resourceType="Organization", name="A"), "a.json, entry 1", "inpe"),
    ("a.json", bundle(resourceType="PractitionerRole"), "a.json, entry 1", "role"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "place", "column"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_told_by_number_and_column(
    tmp_path: Path, name: str, content: str | bytes, place: str, column: str
) -> None:
    with pytest.raises(NotTaken) as refused:
        book_of(read([written_to(tmp_path / name, content)]), Book())

    assert (place, column) in [(fault.place, fault.column) for fault in refused.value.faults]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotTaken, match="faults: 1"):
        read([tmp_path / "absent.csv"])


NUMBERS = st.integers(10**8, 10**9 - 1).map(str)
NAMES = (
    st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="|<>"), min_size=1,
            max_size=20) | st.sampled_from(["Hôpital ; d'Ifrane", 'Le "Grand", 2', "مستشفى"])
)  # fmt: skip
DAYS = st.dates().map(str)
ENDS = st.none() | DAYS
ORGANIZATION = st.builds(
    lambda n, name, active, ends: Organization(n, n, name, active, ends),
    NUMBERS, NAMES, st.booleans(), ENDS,
)  # fmt: skip
PRACTITIONER = st.builds(
    lambda n, family, given, name, active: Practitioner(n, f"p-{n}", family, given, name, active),
    NUMBERS, NAMES, st.lists(NAMES, min_size=1, max_size=3).map(tuple), NAMES, st.booleans(),
)  # fmt: skip


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A directory with everybody in some organisation."""
    places = draw(st.lists(ORGANIZATION, min_size=1, max_size=4))
    people = draw(st.lists(PRACTITIONER, min_size=1, max_size=4))
    entries: list[Listed] = [*places, *people]
    for place in places:
        person = draw(st.sampled_from(people))
        starts, ends = sorted(draw(st.tuples(DAYS, DAYS)))
        role = draw(st.sampled_from(sorted(ROLES)))
        last = draw(st.sampled_from([None, ends]))
        active = draw(st.booleans())
        entries.append(Role(person.inpe, place.inpe, role, starts, "", "", "", "", last, active))
    return Book().with_entries(entries)


@given(book=books())
def test_what_is_written_as_csv_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, book: Book
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    kinds = {"organizations": Organization, "practitioners": Practitioner, "roles": Role}
    paths = [
        written_to(
            folder / f"{kind}.csv", written(kind, [e for e in book if isinstance(e, of)])
        )
        for kind, of in kinds.items()
    ]  # fmt: skip

    assert book_of(read(paths), Book()) == book


@given(book=books())
def test_what_is_written_as_fhir_is_valid_and_read_again(
    tmp_path_factory: pytest.TempPathFactory, book: Book
) -> None:
    resources = [resource_of(entry, "") for entry in book]
    collection = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }
    path = written_to(tmp_path_factory.mktemp("fhir") / "a.json", json.dumps(collection))

    assert book_of(read([path]), Book()) == book
    assert [validate(resource) for resource in resources] == [[] for _ in resources]


def test_entries_of_a_transaction_refer_to_each_other_by_url_and_condition(tmp_path: Path) -> None:
    if not SYNTHEA.is_dir():
        pytest.skip("Synthea is not at hand")
    source = next(SYNTHEA.glob("Lourdes*.json"))
    taken = [
        entry
        for entry in json.loads(source.read_text("utf-8"))["entry"]
        if entry["resource"]["resourceType"] in ("Organization", "Practitioner")
    ]
    for n, entry in enumerate(taken):
        number = {"system": "urn:ma:inpe", "value": f"1000000{n:02}"}
        entry["resource"]["identifier"].append(number)
    place = next(e for e in taken if e["resource"]["resourceType"] == "Organization")
    person = next(e for e in taken if e["resource"]["resourceType"] == "Practitioner")
    number = person["resource"]["identifier"][-1]["value"]
    role = {
        "resourceType": "PractitionerRole",
        "organization": {"reference": place["fullUrl"]},
        "practitioner": {"reference": f"Practitioner?identifier=urn:ma:inpe|{number}"},
        "code": [{"coding": [{"system": "urn:dmp:role", "code": "physician"}]}],
        "period": {"start": "2020-01-01"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [*taken, {"resource": role}]}  # fmt: skip

    book = book_of(read([written_to(tmp_path / "b.json", json.dumps(bundle))]), Book())

    (bound,) = (entry for entry in book if isinstance(entry, Role))
    assert bound.practitioner == number
    assert bound.organization_id == place["resource"]["id"]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture
def command(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    table = deployed.output("RegistryTable")
    monkeypatch.setattr(directory, "outputs", lambda _: {"RegistryTable": table})
    return lambda *words: directory.main([str(word) for word in words])


def test_a_load_is_told_dry_then_done_then_nothing_to_do(
    command: Any, deployed: Stack, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    loads = Loads(DynamoLoads(deployed.output("RegistryTable")), clock.SystemClock())

    assert command("load", "dmp-test", *files, "--dry-run") == 0
    assert "added: 3" in capsys.readouterr().out
    assert loads.in_force() == ("", Book())
    assert command("load", "dmp-test", *files) == 0
    assert "loaded" in capsys.readouterr().out
    assert len(list(loads.in_force()[1])) == 3
    assert command("load", "dmp-test", *files) == 0
    assert "added: 0" in capsys.readouterr().out
    assert command("export", "dmp-test", files[0].parent) == 0
    assert command("load", "dmp-test", *files[0].parent.glob("*s.csv"), "--dry-run") == 1
    assert "one line for each" in capsys.readouterr().err  # praticiens.csv lists her as well


def test_a_bad_line_ends_the_command_and_nothing_is_written(
    command: Any, deployed: Stack, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    table = deployed.output("RegistryTable")
    kept = deployed.client("dynamodb").scan(TableName=table)["Items"]
    files[0].write_text("inpe,name\n100000077,Nouvelle\n1,\n", "utf-8")

    assert command("load", "dmp-test", *files) == 1

    told = capsys.readouterr().err
    assert "organizations.csv, line 3, inpe: an INPE number, nine digits" in told
    assert "organizations.csv, line 3, name: " in told
    assert deployed.client("dynamodb").scan(TableName=table)["Items"] == kept


def test_the_life_of_an_app_by_commands(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written_to(tmp_path / "first.json", oauth.jwks_of(oauth.EC))
    second = written_to(tmp_path / "second.json", oauth.jwks_of(oauth.RSA))
    about = ["--name", "Labo", "--organization", oauth.CLINIC, "--scopes", "system/*.rs"]
    app = ["dmp-test", "lab-app"]

    assert command("register", *app, *about, "--prefix", "lab", "--keys", first) == 0
    assert command("register", *app, *about, "--prefix", "la2", "--keys", first) == 1
    assert command("amend", *app, *about, "--prefix", "lab", "--keys-url", "http://a/") == 1
    assert command("add-keys", *app, second) == 0
    assert command("drop-key", *app, oauth.EC.kid) == 0
    assert command("suspend", *app) == command("resume", *app) == command("remove", *app) == 0
    capsys.readouterr()
    assert command("acts", *app) == 0

    told = capsys.readouterr().out
    assert [line.split()[1] for line in told.splitlines()] == [
        "register", "add-keys", "drop-key", "suspend", "resume", "remove"
    ]  # fmt: skip
    assert told.count("arn:aws:sts::123456789012:") == 6
    assert '"n"' not in told
