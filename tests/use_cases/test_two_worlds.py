"""Two records alike but for one hidden item: no door tells which of them it is.

The same seeded clock and dice for each request, so that answers are the same to the byte: status,
headers and body; and so are the calls to AWS, for their number shows in the time taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from dmp.domain.caller import Caller
from tests.doors import DOORS, JSON_PATCH, Door, sent
from tests.memory import Tables, memory_of, remembered
from tests.never_again.planting import leaves, replaced
from tests.scenarios import TYPE, coded, consented, sealed
from tests.scenes import (
    LAB,
    PSY,
    Guest,
    Scene,
    Seeded,
    doctor,
    guests,
    mark,
    observation,
    scene,
    seeded,
)
from tests.world import AMRANI, BENNIS

CODE = {"coding": [{"system": "http://loinc.org", "code": "71934-2"}]}
CRITERIA = "patient={id}&code=71934-2"


def _hidden(the: Scene) -> list[Door]:
    """What asks for the hidden item itself, or by what is its own."""
    url = the.reference("hidden")
    kind, _, name = url.partition("/")
    other = {**observation(the, "new"), "id": name}
    made = [Door(f"{m} {url}{tail}", "", f"{m} /fhir/{url}{tail}") for m, tail in [
        ("GET", ""), ("GET", "/_history"), ("GET", "/_history/1"), ("GET", "/_history/2"),
        ("GET", "/$meta"), ("DELETE", ""),
    ]]  # fmt: skip
    searched = [
        f"{kind}?patient={{id}}&_id={name}", "Observation?" + CRITERIA, "Observation?patient={id}",
        "Observation?patient={id}&_count=1",
        "Observation?patient={id}&_count=2&_sort=-_lastUpdated",
        "Observation?" + CRITERIA + "&_summary=count", "Observation?patient={id}&_total=accurate",
        "Observation?patient={id}&_count=0", f"{kind}/_history?patient={{id}}",
        "Encounter?patient={id}&_has:Observation:encounter:code=71934-2",
        "Encounter?patient={id}&_revinclude=Observation:encounter",
        f"DiagnosticReport?patient={{id}}&result={url}",
        "DiagnosticReport?patient={id}&result.code=71934-2",
        "Patient/{id}/$everything?_count=3",
    ]  # fmt: skip
    made += [Door(f"GET {query}", "", f"GET /fhir/{query}") for query in searched]
    body: Callable[[Scene], object] = lambda _: other  # noqa: E731
    made += [
        Door("update it", "", f"PUT /fhir/{url}", body=body),
        Door("update it if", "", f"PUT /fhir/{url}", body=body, headers={"If_Match": 'W/"1"'}),
        Door("make it", "", f"PUT /fhir/{url}", body=body, headers={"If_None_Match": "*"}),
        Door("patch it", "", f"PATCH /fhir/{url}", body=lambda _: "[]", headers=JSON_PATCH),
        Door("create unless", "", "POST /fhir/Observation",
             body=lambda s: observation(s, "new"), headers={"If_None_Exist": CRITERIA}),
        Door("update by code", "", "PUT /fhir/Observation?" + CRITERIA,
             body=lambda s: observation(s, "new", code=CODE)),
        Door("delete by code", "", "DELETE /fhir/Observation?" + CRITERIA),
        Door("refer to it", "", "POST /fhir/DiagnosticReport",
             body=lambda s: _report(s, "new", url)),
        Door("refer to it by URL", "", "POST /fhir/DiagnosticReport",
             body=lambda s: _report(s, "new", f"{s.world.base}/{url}")),
        Door("refer to it by another URL", "", "POST /fhir/DiagnosticReport",
             body=lambda s: _report(s, "new", f"https://mirror.example/{url}")),
        Door("link to it", "", "POST /fhir/DiagnosticReport",
             body=lambda s: {**_report(s, "new", s.reference("after")),
                             "presentedForm": [{"url": url}]}),
        *(Door(f"patch in {at}", "", "PATCH /fhir/{lab}", headers=JSON_PATCH,
               body=lambda _, at=at: [{"op": "add", "path": "/derivedFrom",
                                       "value": [{"reference": at}]}])
          for at in (url, f"{the.world.base}/{url}")),
        Door("refer by code", "", "POST /fhir",
             body=lambda s: _bundle(_report(s, "new", "Observation?" + CRITERIA.format(id=s.id)))),
    ]  # fmt: skip
    return made


def _report(the: Scene, name: str, result: str) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "bilan"},
        "subject": {"reference": f"Patient/{the.id}"}, "conclusion": mark(name),
        "result": [{"reference": result}],
    }  # fmt: skip


def _bundle(resource: dict[str, Any]) -> dict[str, Any]:
    request = {"method": "POST", "url": resource["resourceType"]}
    entry = {"resource": resource, "request": request}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


@dataclass(frozen=True)
class Way:
    """How the item comes to be hidden: what is written, what hides it, and from whom.

    `both` is in force in both worlds, `hide` only where the item is.
    """

    write: Callable[[Scene], object]
    both: Callable[[Scene], object] = lambda _: None
    hide: Callable[[Scene], object] = lambda _: None
    guests: tuple[str, ...] = (
        "practitioner", "colleague", "author-elsewhere", "practitioner-read-scope", "guardian",
        "owner-weak",
    )  # fmt: skip


def _write(author: str = AMRANI, **changes: Any) -> Callable[[Scene], object]:
    def act(the: Scene) -> None:
        within = {"encounter": {"reference": the.reference("encounter")}, "code": CODE}
        content = observation(the, "hidden", **{**within, **changes})
        the.write("hidden", doctor(the.world, author), content)

    return act


def _referred(the: Scene) -> None:
    _write()(the)
    the.write("told", doctor(the.world, AMRANI), _report(the, "told", the.reference("hidden")))


def _denied(the: Scene) -> None:
    data = [{"meaning": "instance", "reference": {"reference": the.reference("hidden")}}]
    for one in (AMRANI, BENNIS):
        the.consent(one, type="deny", data=data)


# A patient, and a guardian with that power, may see the consent that seals, and the journal.
PATIENTS = ("Consent", "AuditEvent", "journal", "$everything")
DOCTORS = ("practitioner", "author-elsewhere")
LABORATORY = ("practitioner-laboratory-scope",)
WAYS = {
    "sealed item": Way(_write(), hide=lambda the: sealed(the, "hidden")),
    "sealed item of another": Way(_write(BENNIS), hide=lambda the: sealed(the, "hidden")),
    "sealed label": Way(
        _write(meta={"security": [PSY]}),
        both=lambda the: the.consent(type="deny", actor=None, securityLabel=[PSY]),
    ),
    "sealed type": Way(
        _write(),
        both=lambda the: the.consent(type="deny", actor=None, **coded(TYPE, "Observation")),
    ),
    "refers to a sealed item": Way(_referred, hide=lambda the: sealed(the, "hidden")),
    "denied item": Way(_write(), hide=_denied, guests=DOCTORS),
    "outside the scopes": Way(_write(), guests=LABORATORY),
}


@dataclass
class Worlds:
    """The record with the item and without it, and who comes to both."""

    scene: Scene
    clock: Seeded
    guests: dict[str, Guest]
    base: Tables

    def made(self, way: Way) -> tuple[Tables, Tables]:
        """Tables with the item, and without."""
        the, memory = self.scene, memory_of(self.scene.world)
        found = []
        for there in (True, False):
            memory.restore(self.base)
            the.consents = the.consents[:1]
            steps = (consented, way.write, _seen, way.both, way.hide)
            for number, step in enumerate(steps):
                # each step at its own time, whether or not the one before it was taken
                self.clock.begin(number + 1)
                if there or step not in (way.write, way.hide):
                    step(the)
            found.append(memory.snapshot())
        return found[0], found[1]

    def answer(self, tables: Tables, door: Door, caller: Caller) -> tuple[Any, list[str]]:
        """Status, headers and body; and the calls it took."""
        memory = memory_of(self.scene.world)
        memory.restore(tables)
        self.clock.begin(99)
        url, body, headers = sent(door, self.scene, f"{self.scene.id}.{'0' * 16}")
        reply = self.scene.world.call(url, caller, body, **headers)
        return (reply.status, dict(reply.headers), reply.body), list(memory.engine.calls)


def _seen(the: Scene) -> None:
    """Something after it that both worlds have."""
    the.write("after", doctor(the.world, AMRANI), observation(the, "after", category=[LAB]))


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with seeded() as clock, remembered() as world:
        the = scene(world)
        everybody = {guest.name: guest for guest in guests(the)}
        the.consent("299999999")
        laboratory = "user/Observation.cruds?category=laboratory"
        everybody[LABORATORY[0]] = replace(
            everybody["practitioner"],
            caller=replace(everybody["practitioner"].caller, scopes=(laboratory,)),
        )
        yield Worlds(the, clock, everybody, memory_of(world).snapshot())


@pytest.mark.parametrize("way", WAYS)
def test_no_door_tells_the_worlds_apart(worlds: Worlds, way: str) -> None:
    with_it, without = worlds.made(WAYS[way])
    found = []
    for name in WAYS[way].guests:
        caller = worlds.guests[name].caller
        for door in (*DOORS, *_hidden(worlds.scene)):
            if caller.kind == "patient" and any(own in door.request for own in PATIENTS):
                continue
            there, calls = worlds.answer(with_it, door, caller)
            absent, others = worlds.answer(without, door, caller)
            if there != absent:
                found.append(f"{name}, {door.name}:\n  {there}\n  {absent}")
            if calls != others:
                found.append(f"{name}, {door.name}: {calls} {others}")

    assert not found, "\n".join(line[:1000] for line in found[:8])


def naming(door: Door, the: Scene, word: str) -> Iterator[Door]:
    """The door with the word for each text of its body, each criterion and condition in turn."""
    url, body, headers = sent(door, the, f"{the.id}.{'0' * 16}")
    given = json.loads(body) if isinstance(body, str) and body.startswith("[") else body
    one = Door(door.name, "", _plain(url), body=lambda _: body, headers=_plain_all(headers))
    for name in ("If_Match", "If_None_Match", "If_None_Exist"):
        yield replace(one, headers={**one.headers, name: _plain(word)})
    for path in leaves(given) if isinstance(given, dict | list) else ():
        changed = replaced(given, path, word)
        sent_ = json.dumps(changed) if isinstance(changed, list) else changed
        yield replace(one, body=lambda _, sent_=sent_: sent_)
    path_, _, query = url.partition("?")
    pairs = [pair.partition("=")[::2] for pair in filter(None, query.split("&"))]
    for at, (name, _) in enumerate(pairs):
        if name != "patient":
            changed = [*pairs[:at], (name, quote(word)), *pairs[at + 1 :]]
            asked = "&".join(f"{key}={value}" for key, value in changed)
            yield replace(one, request=_plain(f"{path_}?{asked}"))


def _plain(text: str) -> str:
    """So that nothing in it is taken for a name to fill in."""
    return text.replace("{", "{{").replace("}", "}}")


def _plain_all(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: _plain(value) for name, value in headers.items()}


@pytest.mark.parametrize("form", ["{url}", "{base}/{url}", "{url}/_history/1", "71934-2"])
def test_who_names_it_anywhere_learns_nothing(worlds: Worlds, form: str) -> None:
    with_it, without = worlds.made(WAYS["sealed item"])
    the, caller = worlds.scene, worlds.guests["practitioner"].caller
    word = form.format(url=the.reference("hidden"), base=the.world.base)
    found, asked = [], 0
    for door in DOORS:
        for one in naming(door, the, word):
            asked += 1
            there = worlds.answer(with_it, one, caller)
            if there != worlds.answer(without, one, caller):
                found.append(f"{door.name}: {one.request} {one.headers} {there}")

    assert asked > 300
    assert not found, "\n".join(line[:1000] for line in found[:8])


def test_the_worlds_do_differ(worlds: Worlds) -> None:
    with_it, without = worlds.made(WAYS["sealed item"])
    door = Door("read it", "", f"GET /fhir/{worlds.scene.reference('hidden')}")
    owner = worlds.guests["owner"].caller

    assert json.loads(worlds.answer(with_it, door, owner)[0][2])["note"]
    assert worlds.answer(without, door, owner)[0][0] == 404
