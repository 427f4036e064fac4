"""The pages of the authorization endpoint, step by step, and everything done to them wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from dmp.adapters.dynamodb.directory import Registry
from dmp.domain.directory import Client
from tests import oauth, patients
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.tabs import ASKED, CALLBACK, Tab

COOKIE = "__Host-dmp-browser"
OWN = "patient/*.cruds openid fhirUser launch/patient offline_access online_access"


@pytest.fixture(scope="module")
def system() -> Iterator[tuple[Stack, ModuleType]]:
    with deployed() as made:
        yield made, made.app("authorization", "Authorization")


@pytest.fixture
def tab(system: tuple[Stack, ModuleType]) -> Iterator[Tab]:
    """A browser at the function as just deployed, with one patient and one app for patients."""
    made, app = system
    patients.empty(made)
    registry: Registry = oauth.registered(made.output("RegistryTable"))
    for name, uris in (("diary", (CALLBACK,)), ("<b>rogue</b>", ("ma.example.app:/back",))):
        registry.put([Client(
            id=name, name=f"Mon <i>carnet</i> {name}", active=True, organizations=(oauth.CLINIC,),
            prefix="dry", jwks="", scopes=OWN, redirect_uris=uris,
        )])  # fmt: skip
    patients.settle(made)
    with (
        mock.patch.object(app, "pages", replace(app.pages, answer_ms=0)),
        time_machine.travel(1_795_345_200, tick=False) as traveller,
    ):
        browser = Tab(app.handler)
        browser.traveller = traveller  # type: ignore[attr-defined]
        yield browser


def wait(tab: Tab, seconds: int) -> None:
    traveller: Any = tab.traveller  # type: ignore[attr-defined]
    traveller.shift(seconds)


def at_code(tab: Tab) -> str:
    """The browser waits for a code; which one it is."""
    tab.ask()
    tab.fill("identify", who="BE 742318")
    return patients.code_of(patients.texts()[-1])


def at_consent(tab: Tab) -> None:
    """The patient is signed in and asked."""
    code = at_code(tab)
    tab.fill("enter", code=code)
    assert "May this app use your record?" in tab.page.text


def answered(location: str) -> dict[str, str]:
    assert location.startswith(f"{CALLBACK}?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def test_a_patient_signs_in_and_lets_an_app_in(tab: Tab) -> None:
    at_consent(tab)
    page = tab.fill("", button="allow")

    told = answered(page.location)
    assert page.status == 303
    assert told.keys() == {"code", "state", "iss"}
    assert told["state"] == ASKED["state"]
    assert told["iss"] == oauth.BASE


def test_what_is_left_ticked_is_what_is_given(tab: Tab, system: tuple[Stack, ModuleType]) -> None:
    at_consent(tab)
    fields = [f for f in tab.page.form("").fields if f[1] not in ("choice-2", "offline")]

    with mock.patch.object(type(system[1].pages.authorization), "approve", autospec=True,
                           return_value=f"{CALLBACK}?code=x") as approve:  # fmt: skip
        tab.post([*fields, ("allow", "choice-99"), ("action", "allow")])

    assert approve.call_args.args[3] == [
        "patient/MedicationRequest.rs", "patient/Observation.rs", "openid", "fhirUser",
        "launch/patient",
    ]  # fmt: skip


def test_refusing_tells_the_app_so(tab: Tab) -> None:
    at_consent(tab)
    assert answered(tab.fill("", button="refuse").location)["error"] == "access_denied"


def test_leaving_before_signing_in_tells_the_app_so(tab: Tab) -> None:
    tab.ask()
    assert answered(tab.fill("refuse").location)["error"] == "access_denied"


def test_nothing_ticked_is_asked_again(tab: Tab) -> None:
    at_consent(tab)
    fields = [f for f in tab.page.form("").fields if f[0] != "allow"]
    page = tab.post([*fields, ("allow", "offline"), ("action", "allow")])

    assert page.status == 422
    assert "No box is ticked" in page.text


@pytest.mark.parametrize("who", ["BE742318", "ZZ999999"], ids=["a patient", "nobody"])
def test_nothing_tells_whether_there_is_a_record(tab: Tab, who: str) -> None:
    tab.ask()
    seen = [tab.fill("identify", who=who)]
    seen += [tab.fill("enter", code="12345x"), tab.fill("enter", code=wrong())]
    seen += [tab.fill("enter", code=wrong()), tab.fill("enter", code=wrong())]
    seen.append(tab.fill("again"))
    wait(tab, 61)
    seen.append(tab.fill("again"))

    assert [page.status for page in seen] == [200, 422, 422, 422, 422, 429, 200]
    told = [
        "is on its way", "A code has six digits", "Tries left: <bdi>2", "Tries left: <bdi>1",
        "can no longer be used", "asked for too often", "Another code is on its way",
    ]  # fmt: skip
    assert all(text in page.text for text, page in zip(told, seen, strict=True))
    assert who not in "".join(page.text for page in seen)


def wrong() -> str:
    """A code that is not the one that was sent, if one was."""
    sent = patients.texts()
    return patients.wrong(patients.code_of(sent[-1])) if sent else "123456"


@pytest.mark.parametrize(
    ("typed", "good"),
    [("be-742 318", True), ("7700112233", True), ("٧٧٠٠١١٢٢٣٣", True),
     ("\u202aBE742318\u202c", True),
     ("", False), ("123", False), ("BE", False), ("x" * 41, False), ("ABC12345", False)],
    ids=ascii,
)  # fmt: skip
def test_a_cin_or_an_idcs_is_taken_however_it_is_typed(tab: Tab, typed: str, good: bool) -> None:
    tab.ask()
    page = tab.fill("identify", who=typed)

    assert page.status == (200 if good else 422)
    assert ("This is neither" in page.text) == (not good)
    assert len(patients.texts()) == int(good)


def test_a_code_that_is_over_is_not_taken(tab: Tab) -> None:
    code = at_code(tab)
    wait(tab, 301)
    page = tab.fill("enter", code=code)

    assert page.status == 422
    assert "can no longer be used" in page.text
    with pytest.raises(StopIteration):
        page.form("enter")


def test_signing_in_changes_the_cookie_and_the_old_one_is_worth_nothing(tab: Tab) -> None:
    code = at_code(tab)
    before = tab.cookies[COOKIE]
    tab.fill("enter", code=code)
    flow = dict(tab.page.form("").fields)["a"]
    thief = Tab(tab.handler, {COOKIE: before})

    assert tab.cookies[COOKIE] != before
    assert thief.get(f"a={flow}").status == 400
    assert "no longer valid" in thief.page.text


def test_another_browser_cannot_go_on_with_a_request(tab: Tab) -> None:
    """Who sends a victim the address of their own sign-in gets no further than this page."""
    at_consent(tab)
    flow = dict(tab.page.form("").fields)["a"]
    victim = Tab(tab.handler)
    without = victim.get(f"a={flow}")
    victim.ask()
    with_cookie = victim.get(f"a={flow}")

    assert (without.status, with_cookie.status) == (400, 400)
    assert "did not give back the cookie" in without.text
    assert "no longer valid" in with_cookie.text


@pytest.mark.parametrize("token", ["", "x" * 86, None], ids=["empty", "foreign", "another's"])
def test_a_form_without_its_token_does_nothing(tab: Tab, token: str | None) -> None:
    at_consent(tab)
    other = Tab(tab.handler)
    other.ask()
    foreign = dict(other.page.form("identify").fields)["token"] if token is None else token
    fields = dict(tab.page.form("").fields)
    page = tab.post({**fields, "token": foreign, "action": "allow"})

    assert page.status == 403
    assert "nothing was done" in page.text
    assert answered(tab.fill("", button="allow").location)["code"]


def test_a_form_that_another_site_sends_does_nothing(tab: Tab) -> None:
    at_consent(tab)
    fields = [*tab.page.form("").fields, ("action", "allow")]
    page = tab.post(fields, **{"Sec-Fetch-Site": "cross-site"})

    assert page.status == 403


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("a", "x" * 43, 400), ("a", "", 400), ("action", "grant", 400), ("action", "", 400)],
)
def test_fields_that_were_tampered_with_lead_nowhere(
    tab: Tab, name: str, value: str, status: int
) -> None:
    at_consent(tab)
    page = tab.post({**dict(tab.page.form("").fields), "action": "allow", name: value})

    assert page.status == status
    assert not page.location


def test_what_comes_twice_or_is_no_form_is_refused(tab: Tab) -> None:
    at_consent(tab)
    fields = tab.page.form("").fields

    assert tab.post([*fields, ("action", "allow"), ("action", "refuse")]).status == 400
    assert tab.post([("x", "y")] * 70).status == 400


def test_nobody_is_let_in_before_signing_in(tab: Tab) -> None:
    tab.ask()
    fields = {**dict(tab.page.form("identify").fields), "action": "allow", "allow": "choice-0"}

    assert "Your CIN or IDCS number" in tab.post(fields).text


def test_two_tabs_of_one_browser_sign_in_once(tab: Tab) -> None:
    second = tab.other_tab()
    second.ask()
    at_consent(tab)
    stale = second.fill("identify", who="BE742318")

    assert stale.status == 403
    assert "May this app use your record?" in stale.text
    assert answered(second.fill("", button="allow").location)["code"]
    assert answered(tab.fill("", button="allow").location)["code"]


def test_a_code_or_an_answer_sent_twice_does_no_harm(tab: Tab) -> None:
    code = at_code(tab)
    before = tab.page
    tab.fill("enter", code=code)
    tab.page, consent = before, tab.page
    again = tab.fill("enter", code=code)
    tab.page = consent
    first = tab.fill("", button="allow")
    tab.page = consent
    second = tab.fill("", button="allow")

    assert "May this app use your record?" in again.text
    assert answered(first.location)["code"]
    assert second.status == 400
    assert "no longer valid" in second.text


def test_signing_out_ends_the_session(tab: Tab) -> None:
    at_consent(tab)
    out = tab.fill("leave")

    assert "Your CIN or IDCS number" in out.text
    assert tab.page.form("identify")


def test_a_session_that_ended_elsewhere_is_over_here(
    tab: Tab, system: tuple[Stack, ModuleType]
) -> None:
    at_consent(tab)
    rows = system[0].client("dynamodb").scan(TableName=system[0].output("RegistryTable"))["Items"]
    (session,) = [r["pk"]["S"] for r in rows if r["pk"]["S"].startswith("session#")]
    system[1].at_door.browsers.sign_ins.end(session.removeprefix("session#"))

    assert "Your CIN or IDCS number" in tab.fill("", button="allow").text


def test_a_request_that_is_over_is_a_page(tab: Tab) -> None:
    tab.ask()
    wait(tab, 601)

    assert tab.fill("identify", who="BE742318").status == 400
    assert patients.texts() == []


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "nobody"}, {"client_id": None}, {"redirect_uri": "https://evil.example/"},
     {"redirect_uri": f"{CALLBACK}/x"}, {"redirect_uri": f"{CALLBACK}@evil.example"},
     {"redirect_uri": "//evil.example"}, {"redirect_uri": "javascript:alert(1)"},
     {"redirect_uri": None}],
    ids=str,
)  # fmt: skip
def test_nobody_is_sent_where_no_app_of_ours_lives(
    tab: Tab, changes: dict[str, str | None]
) -> None:
    page = tab.ask(**changes)

    assert page.status == 400
    assert not page.location
    assert "asked in a way that is not allowed" in page.text
    assert COOKIE not in tab.cookies


def test_a_fault_of_the_app_is_told_to_the_app_once_it_is_proven(tab: Tab) -> None:
    page = tab.ask(response_type="token")

    assert page.status == 303
    assert answered(page.location)["error"] == "unsupported_response_type"


def test_names_of_apps_and_places_are_text(tab: Tab) -> None:
    page = tab.ask(client_id="<b>rogue</b>", redirect_uri="ma.example.app:/back")

    assert "<b>rogue" not in page.text
    assert "<i>" not in page.text
    assert "<bdi>Mon &lt;i&gt;carnet&lt;/i&gt; &lt;b&gt;rogue&lt;/b&gt;</bdi>" in page.text
    assert "form-action 'self' ma.example.app:;" in page.headers["Content-Security-Policy"]


def test_what_only_a_practitioner_may_give_asks_nobody_for_a_code(
    tab: Tab, system: tuple[Stack, ModuleType]
) -> None:
    registry: Registry = system[1].registry
    registry.put([Client(
        id="ehr", name="EHR", active=True, organizations=(oauth.CLINIC,), prefix="ehr", jwks="",
        scopes="user/*.rs", redirect_uris=(CALLBACK,),
    )])  # fmt: skip
    page = tab.ask(client_id="ehr", scope="user/Observation.rs")
    fields = dict(page.form("refuse").fields)
    tab.post({**fields, "action": "identify", "who": "BE742318"})

    assert "For practitioners" in page.text
    assert "For practitioners" in tab.page.text
    assert patients.texts() == []
    assert answered(tab.fill("refuse").location)["error"] == "access_denied"


def test_an_app_may_send_its_request_as_a_form(tab: Tab) -> None:
    page = tab.post(ASKED, **{"Sec-Fetch-Site": "cross-site"})

    assert page.status == 200
    assert "Your CIN or IDCS number" in page.text


def test_the_language_can_be_changed_at_every_step(tab: Tab) -> None:
    tab.ask()
    flow = dict(tab.page.form("identify").fields)["a"]

    assert "Se connecter" in tab.get(f"a={flow}&lang=fr").text
    assert "Tapez le code" in tab.fill("identify", who="BE742318").text
    assert '<html lang="fr"' in tab.page.text
    assert '<html lang="ar" dir="rtl">' in tab.get(f"a={flow}&lang=ar").text
