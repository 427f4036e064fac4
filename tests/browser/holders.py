"""A patient who can prove themselves in a real browser: a passkey on a device, a PIN, codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.devices import Device, device
from tests.browser.walk import ALLOW, App, Walk, walk
from tests.e2e.place import Home, Place

PIN, WRONG = "860413", "908172"
PASSKEY = "main form:has([name=proof]) button"
TYPE_PIN = "main form:has([value=prove-pin]) button"
TYPE_CODE = "main form:has([value=prove-code]) button"
ADD = """async ([base, token]) => {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  const post = async (path, body) =>
    (await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  const { ceremony, publicKey } = await post("/oauth2/passkeys/registration", {});
  const asked = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  const credential = (await navigator.credentials.create({ publicKey: asked })).toJSON();
  return post("/oauth2/passkeys", { ceremony, credential, name: "Téléphone" });
}"""


@dataclass
class Holder:
    """A patient with a passkey on a device that moves from page to page, a PIN, recovery codes."""

    place: Place
    home: Home
    held: list[dict[str, Any]]
    codes: list[str]
    devices: dict[Page, Device] = field(default_factory=dict)

    def on(self, at: Walk) -> Device:
        """Their device, at that page."""
        if at.page not in self.devices:
            self.devices[at.page] = device(at.page)
        self.devices[at.page].put(self.held)
        return self.devices[at.page]

    def sign_in(self, at: Walk) -> None:
        """With the passkey, to the consent."""
        key = self.on(at)
        at.page.click(PASSKEY)
        at.page.wait_for_selector(ALLOW)
        self.held = key.passkeys()

    def later(self) -> None:
        """What was proved in any session is too old."""
        registry, dynamodb = self.place.outputs["RegistryTable"], self.place.client("dynamodb")
        pages = dynamodb.get_paginator("scan").paginate(TableName=registry)
        for row in (row for page in pages for row in page["Items"]):
            mine = row.get("patient", {}).get("S") == self.home.id
            if mine and row["pk"]["S"].startswith("session#"):
                dynamodb.update_item(
                    TableName=registry,
                    Key={"pk": row["pk"]},
                    UpdateExpression="REMOVE strong_until",
                )


def made(browser: Browser, back: App, place: Place, home: Home, address: str) -> Holder:
    """With all three, made by the API."""
    context = browser.new_context(extra_http_headers={"X-Forwarded-For": address})
    at = walk(context, home.sandbox, back, "fr")
    key, sandbox = device(at.page), home.sandbox
    at.come()
    added = at.page.evaluate(ADD, [at.base, home.token])
    assert added["name"] == "Téléphone", added
    url = sandbox.url("/oauth2/pin")
    assert sandbox.send("PUT", url, home.token, json={"pin": PIN}).status_code == 200
    codes = sandbox.send("POST", sandbox.url("/oauth2/recovery-codes"), home.token, json={})
    held = key.passkeys()
    context.close()
    return Holder(place, home, held, codes.json()["recovery_codes"])
