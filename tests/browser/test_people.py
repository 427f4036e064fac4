"""Who may see the record, in Chromium: four languages, two widths, all of it without a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox, code_in
from tests.browser.conftest import Opened
from tests.browser.walk import ENTER, SEND, App, Walk, walk
from tests.e2e.place import Home, Place

WARD = "203.0.113.152"
NUMBER = "SB503301"
DELEGATE = "BK226401"
UNTIL = (date.today() + timedelta(days=30)).isoformat()  # noqa: DTZ011  # a day to be typed
IN, OUT, NAMED = (f"form:has([value={action}])" for action in ("let-in", "refuse", "name"))
SURE = "main form:has([name=sure]) button"


@pytest.fixture(scope="module")
def home(place: Place) -> Home:
    """A patient whose record was opened in an emergency."""
    person = place.newcomer(NUMBER, "203.0.113.153")
    surgeon, hospital = place.practitioner("surgeon"), place.app("hospital", WARD)
    about = {"name": "patient", "valueReference": {"reference": f"Patient/{person.id}"}}
    given = [
        about,
        {"name": "reason", "valueCode": "UNCONSCIOUS"},
        {"name": "text", "valueString": "Trouvée inconsciente sur la voie publique"},
    ]
    body = {"resourceType": "Parameters", "parameter": given}
    url, urgent = f"{place.base}/Consent/$break-glass", hospital.token(surgeon, "BTG")
    assert place.sandbox(WARD).send("POST", url, urgent, json=body).status_code == 201
    return person


@pytest.fixture(scope="module")
def cookies(home: Home, browser: Browser, back: App, place: Place) -> list[dict[str, object]]:
    """What a browser holds once the patient signed in on the way to the page.

    They let a doctor in, too.
    """
    context = browser.new_context()
    visit = walk(context, home.sandbox, back, "en")
    page = visit.page
    page.goto(f"{visit.base}/account/people?lang=en")
    before = len(home.sandbox.messages(home.person.address))
    page.fill("#who", str(home.known["cin"]))
    page.click(SEND)
    page.fill("#code", code_in(home.sandbox.wait_message(home.person.address, before)))
    page.click(ENTER)
    page.click(f"details:has({IN}) > summary")
    page.fill("#inpe-in", str(place.practitioner("physician")["inpe"]))
    page.fill("#until-in", UNTIL)
    page.click(f"{IN} button")
    page.click(SURE)
    page.wait_for_selector(".told")
    kept = [dict(cookie) for cookie in context.cookies()]
    context.close()
    return kept


@pytest.fixture
def at(opened: Opened, cookies: list[object], sandbox: Sandbox, back: App) -> Callable[..., Walk]:
    """The page of the signed-in patient, in a language."""

    def go(language: str, *, scripts: bool = True) -> Walk:
        context = opened(scripts=scripts)
        context.add_cookies(cookies)  # type: ignore[arg-type]
        visit = walk(context, sandbox, back, language)
        again(visit)
        return visit

    return go


def again(visit: Walk) -> None:
    """The page anew, all that folds unfolded."""
    visit.page.goto(f"{visit.base}/account/people?lang={visit.language}")
    for folded in visit.page.locator("details").all():
        if folded.get_attribute("open") is None:
            folded.locator("> summary").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody(at: Callable[..., Walk], place: Place, language: str) -> None:
    visit = at(language)
    page = visit.page
    assert page.locator(".use.urgent").count() == 1
    visit.checked("50-people")
    page.fill("#inpe-in", "123456789")
    page.fill("#until-in", UNTIL)
    page.click(f"{IN} button")
    assert page.locator("#inpe-in").get_attribute("aria-invalid") == "true"
    visit.checked("51-nobody-listed")
    page.fill("#inpe-in", str(place.practitioner("surgeon")["inpe"]))
    page.click(f"{IN} button")
    page.wait_for_selector(SURE)
    visit.checked("52-let-in-sure")
    again(visit)
    page.fill("#inpe-out", str(place.practitioner("surgeon")["organization"]))
    page.click(f"{OUT} button")
    page.wait_for_selector(SURE)
    visit.checked("53-refuse-sure")
    again(visit)
    page.fill("#name", "Salma")
    page.fill("#who", "12")
    page.uncheck("#power-read")
    page.click(f"{NAMED} button")
    assert page.locator("#power-error").is_visible()
    visit.checked("54-not-named")
    again(visit)
    page.fill(".use.urgent textarea", "non")
    page.click(".use.urgent button")
    assert page.locator(".use.urgent .error").is_visible()
    visit.checked("55-not-contested")
    visit.only_ours()


def test_somebody_is_let_in_refused_and_let_go_without_a_script(
    at: Callable[..., Walk], home: Home, place: Place
) -> None:
    surgeon, hospital = place.practitioner("surgeon"), place.app("hospital", WARD)
    address, sandbox = f"{place.base}/Patient/{home.id}", place.sandbox(WARD)

    def reads() -> int:
        return sandbox.send("GET", address, hospital.token(surgeon, "TREAT")).status_code

    visit = at("fr", scripts=False)
    page = visit.page
    assert reads() == 403
    page.fill("#inpe-in", str(surgeon["inpe"]))
    page.fill("#until-in", UNTIL)
    page.click(f"{IN} button")
    assert str(surgeon["name"]) in page.locator("dl").inner_text()
    page.click(SURE)
    page.wait_for_selector(".told")
    assert reads() == 200

    again(visit)
    page.fill("#inpe-out", str(surgeon["inpe"]))
    page.click(f"{OUT} button")
    page.click(SURE)
    page.wait_for_selector(".told")
    assert reads() == 403

    ended = page.locator(".use form:has([value=end])").count()
    page.click(".use.refused form:has([value=end]) button")
    page.wait_for_selector(".told")
    assert page.locator(".use form:has([value=end])").count() == ended - 1


def test_somebody_acts_for_the_patient_and_the_emergency_is_contested(
    at: Callable[..., Walk],
) -> None:
    visit = at("zgh")
    page = visit.page
    page.fill("#name", "Salma El Idrissi")
    page.fill("#who", DELEGATE)
    page.check("#power-journal")
    page.click(f"{NAMED} button")
    page.wait_for_selector(".told")
    assert page.get_by_text("Salma El Idrissi").first.is_visible()
    visit.checked("56-named")
    page.click("form:has([value=dismiss]) button")
    page.wait_for_selector(".told")
    assert page.locator("form:has([value=dismiss])").count() == 0

    again(visit)
    page.fill(".use.urgent textarea", "J'étais chez moi, personne ne m'a vue ce jour-là")
    page.click(".use.urgent button")
    page.wait_for_selector(".told")
    assert page.locator(".use.urgent").count() == 0
    visit.checked("57-contested")
