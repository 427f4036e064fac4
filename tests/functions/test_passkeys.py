"""Passkeys: added, named, removed, proved, signed in with; and everything that is not one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from dmp.domain.credential import PASSKEYS_MAX
from dmp.edge.caller import context_of
from infra.template import ROOT
from tests import oauth
from tests.authenticator import AT, UP, UV, Authenticator, b64, rsa_key
from tests.post import Post
from tests.proving import Prover
from tests.register import sms
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.world import World, consent

NOW = 1_795_000_000
EVIL = "https://dmp.test.evil.example"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def prover(system: Stack) -> Iterator[Prover]:
    with time_machine.travel(1_795_000_000, tick=False) as travel:
        yield Prover(World(system), travel)


@pytest.fixture
def device(prover: Prover) -> Authenticator:
    made = Authenticator()
    prover.add(made)
    return made


def told(prover: Prover) -> list[str]:
    """Every SMS sent until now, oldest first."""
    post = Post(prover.world, prover.travel)
    post.announce(post.stream())
    while post.waiting():
        post.deliver()
    return [text for _, text in sms()]


def test_a_passkey_signs_in_like_a_code_and_the_session_is_strong(
    prover: Prover, device: Authenticator
) -> None:
    answer = prover.sign_in(device).json

    assert (answer["patient"], answer["expires_in"]) == (prover.patient.patient, 1800)
    form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    event = oauth.event("tokens/refresh", **form)
    status, tokens = oauth.answered(prover.world.app("tokens", "Tokens").handler, event)
    assert (status, tokens["token_type"]) == (200, "Bearer")
    caller = prover.world.app("tokens", "Tokens").key.caller(tokens["access_token"], NOW)
    rows = prover.api.credentials.enter(caller.patient, caller.registry_keys()).rows
    caller.require_live(rows, NOW, "2026-11-18")
    assert caller.is_strong(rows, NOW + 299)
    assert not caller.is_strong(rows, NOW + 300)


def test_options_are_for_a_discoverable_credential_of_this_site(prover: Prover) -> None:
    options = prover.ok("POST /oauth2/passkeys/registration", {})["publicKey"]
    sign_in = prover.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)["publicKey"]

    assert options["rp"] == {"name": "DMP", "id": "dmp.test"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert prover.patient.patient not in json.dumps(options)
    assert (sign_in["rpId"], sign_in["userVerification"]) == ("dmp.test", "required")
    assert sign_in.get("allowCredentials", []) == []


def test_passkeys_are_listed_named_and_removed(prover: Prover, device: Authenticator) -> None:
    (shown,) = prover.ok("GET /oauth2/passkeys")["passkeys"]
    assert shown == {
        "id": shown["id"], "name": "Téléphone", "synced": False, "created": 1_795_000_000
    }  # fmt: skip
    url = f"/oauth2/passkeys/{shown['id']}"

    assert prover.ok(f"PUT {url}", {"name": " Clé bleue "})["name"] == "Clé bleue"
    assert prover.call(f"DELETE {url}").status == 204

    assert prover.ok("GET /oauth2/passkeys")["passkeys"] == []
    assert prover.call(f"DELETE {url}").status == 404
    assert prover.sign_in(device).json["error"] == "invalid_grant"
    prover.add(device)  # and may come back
    assert prover.sign_in(device).status == 200


def test_what_comes_and_goes_is_told(prover: Prover, device: Authenticator) -> None:
    (shown,) = prover.ok("GET /oauth2/passkeys")["passkeys"]
    prover.call(f"DELETE /oauth2/passkeys/{shown['id']}")

    texts = told(prover)[-2:]

    assert {("ajoutée" in t, "retirée" in t) for t in texts} == {(True, False), (False, True)}


def test_a_second_passkey_a_removal_and_a_pin_ask_for_the_first(
    prover: Prover, device: Authenticator
) -> None:
    (shown,) = prover.ok("GET /oauth2/passkeys")["passkeys"]
    asks = [
        ("POST /oauth2/passkeys/registration", {}),
        (f"DELETE /oauth2/passkeys/{shown['id']}", None),
        ("PUT /oauth2/pin", {"pin": "860413"}),
        ("DELETE /oauth2/pin", None),
        ("POST /oauth2/recovery-codes", {}),
    ]
    prover.later()
    refused = [prover.call(request, body) for request, body in asks]
    assert {(r.status, r.json["error"]) for r in refused} == {
        (403, "insufficient_user_authentication")
    }

    assert prover.prove(device).json == {"strong_for": 300}
    assert prover.call(*asks[0]).status == 200
    begun = prover.ok("POST /oauth2/passkeys/registration", {})
    other = Authenticator()
    body = {"ceremony": begun["ceremony"], "credential": other.create(begun["publicKey"])}
    prover.later()  # begun while strong, ended when no more
    assert prover.call("POST /oauth2/passkeys", {**body, "name": "x"}).status == 403


def test_a_consent_is_widened_once_the_passkey_is_proved(
    prover: Prover, device: Authenticator
) -> None:
    prover.later()
    wider = consent(prover.patient.patient or "")
    assert prover.world.call("POST /fhir/Consent", prover.patient, wider).status == 403

    prover.prove(device)

    assert prover.world.call("POST /fhir/Consent", prover.patient, wider).status == 201


LIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("another origin", {"origin": EVIL}, {}),
    ("http", {"origin": "http://dmp.test"}, {}),
    ("another port", {"origin": "https://dmp.test:444"}, {}),
    ("another relying party", {"rp_id": "evil.example"}, {}),
    ("no user verification", {"flags": UP}, {}),
    ("no user presence", {"flags": UV}, {}),
    ("backed up but not eligible", {"flags": UP | UV | 0x10}, {}),
    ("another challenge", {}, {"challenge": b64(bytes(32))}),
    ("an empty challenge", {}, {"challenge": ""}),
    ("bytes left over", {}, {"rest": b"\x00"}),
]
ATTESTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("an algorithm of its own", {}, {"cose": Authenticator().cose(_3=-36)}),
    ("HMAC for an algorithm", {}, {"cose": Authenticator().cose(_3=5)}),
    ("a point off the curve", {}, {"cose": Authenticator().cose(m2=bytes(32))}),
    ("a key without point", {}, {"cose": Authenticator().cose(m2=None)}),
    ("a key without type", {}, {"cose": Authenticator().cose(_1=None)}),
    ("an unknown curve", {}, {"cose": Authenticator().cose(m1=99)}),
    ("a short RSA key", {}, {"cose": rsa_key(1024)}),
    ("a key that is a list", {}, {"cose": cbor} if (cbor := b"\x80") else {}),
    ("a key that is no CBOR", {}, {"cose": b"\xff\xff"}),
    ("deep CBOR", {}, {"cose": b"\x81" * 5000}),
    ("a long array that is not there", {}, {"cose": b"\x9b" + b"\x7f" * 8}),
    ("no CBOR at all", {}, {"attestation": b"not cbor"}),
    ("an attestation that is a number", {}, {"attestation": b"\x01"}),
    ("an empty attestation", {}, {"attestation": b""}),
    ("a statement where there is none", {}, {"statement": {"sig": b"x"}}),
    ("an unknown format", {"fmt": "mine"}, {}),
    ("a format that trusts a maker", {"fmt": "tpm"}, {}),
    ("a packed statement by nobody", {"fmt": "packed"}, {"statement": {"alg": -7, "sig": b"x"}}),
    ("no id", {"id": b""}, {}),
]


@pytest.mark.parametrize(
    ("name", "device", "lies"), [*LIES, *ATTESTED], ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_is_no_registration_is_refused_and_leaves_nothing(
    prover: Prover, name: str, device: dict[str, Any], lies: dict[str, Any]
) -> None:
    begun = prover.ok("POST /oauth2/passkeys/registration", {})
    answer = Authenticator(**device).create(begun["publicKey"], **lies)
    body = {"ceremony": begun["ceremony"], "credential": answer, "name": "x"}

    refused = prover.call("POST /oauth2/passkeys", body)

    assert refused.status == 422, (name, refused.body)
    assert prover.ok("GET /oauth2/passkeys")["passkeys"] == []


@pytest.mark.parametrize("device", [{"fmt": "packed"}, {"counts": False, "flags": UP | UV | 0x18}])
def test_self_attested_and_synced_passkeys_are_good(prover: Prover, device: dict[str, Any]) -> None:
    made = Authenticator(**device)
    added = prover.add(made)

    assert added["synced"] is bool(device.get("flags"))
    assert [prover.sign_in(made).status for _ in range(2)] == [200, 200]


USED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *LIES,
    ("a wrong signature", {}, {"signature": b"x" * 70}),
    ("no signature", {}, {"signature": b""}),
    ("another's handle", {}, {"user": b64(bytes(32))}),
    ("no handle", {}, {"user": None}),
    ("attested data in a signature", {"flags": UP | UV | AT}, {}),
]


@pytest.mark.parametrize(("name", "changes", "lies"), USED, ids=[u[0] for u in USED])
def test_what_is_no_assertion_signs_in_nobody(
    prover: Prover, device: Authenticator, name: str, changes: dict[str, Any], lies: dict[str, Any]
) -> None:
    for attribute, value in changes.items():
        setattr(device, attribute, value)

    refused = prover.sign_in(device, **lies)

    assert (refused.status, refused.json["error"]) == (400, "invalid_grant"), name
    assert "access_token" not in refused.body


def test_another_key_under_a_known_id_signs_in_nobody(
    prover: Prover, device: Authenticator
) -> None:
    thief = Authenticator(id=device.id, user=device.user)

    assert prover.sign_in(thief).json["error"] == "invalid_grant"
    assert prover.sign_in(Authenticator(user=device.user)).json["error"] == "invalid_grant"
    assert prover.prove(thief).status == 422


def test_a_challenge_is_used_once_and_for_its_purpose(
    prover: Prover, device: Authenticator
) -> None:
    begun = prover.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)
    body = {"ceremony": begun["ceremony"], "credential": device.get(begun["publicKey"])}
    url = "POST /oauth2/passkeys/sign-in"
    assert prover.call(url, body, anyone=True).status == 200
    again = prover.call(url, body, anyone=True)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")

    begun = prover.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)
    body = {"ceremony": begun["ceremony"], "credential": device.get(begun["publicKey"])}
    assert prover.call("POST /oauth2/passkeys/proof", body).status == 410
    assert prover.call(url, body, anyone=True).status == 400  # used up by the wrong use

    begun = prover.ok("POST /oauth2/passkeys/challenge", {})
    body = {"ceremony": begun["ceremony"], "credential": device.get(begun["publicKey"])}
    prover.later()
    assert prover.call("POST /oauth2/passkeys/proof", body).status == 410


def test_nobody_answers_anothers_challenge(prover: Prover, device: Authenticator) -> None:
    begun = prover.ok("POST /oauth2/passkeys/challenge", {})
    other = Prover(prover.world, prover.travel)
    theirs = Authenticator()
    other.add(theirs)

    body = {"ceremony": begun["ceremony"], "credential": theirs.get(begun["publicKey"])}
    assert other.call("POST /oauth2/passkeys/proof", body).status == 410
    begun = other.ok("POST /oauth2/passkeys/challenge", {})
    body = {"ceremony": begun["ceremony"], "credential": device.get(begun["publicKey"])}
    assert other.call("POST /oauth2/passkeys/proof", body).status == 422


def test_anothers_passkey_is_not_registered_again(prover: Prover, device: Authenticator) -> None:
    other = Prover(prover.world, prover.travel)
    begun = other.ok("POST /oauth2/passkeys/registration", {})
    body = {"ceremony": begun["ceremony"], "credential": device.create(begun["publicKey"])}

    assert other.call("POST /oauth2/passkeys", {**body, "name": "x"}).status == 422


def test_a_copied_authenticator_is_refused_and_its_owner_told(
    prover: Prover, device: Authenticator
) -> None:
    assert prover.sign_in(device).status == 200
    device.count -= 1

    copied = prover.sign_in(device)
    proved = (setattr(device, "count", 0), prover.prove(device))[1]

    assert (copied.status, copied.json["error"]) == (400, "invalid_grant")
    assert proved.status == 422
    assert "copie" in told(prover)[-1]
    device.count = 50
    assert prover.sign_in(device).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {}, {"ceremony": 1, "credential": {}}, {"ceremony": "x" * 43}, {"ceremony": "x" * 9000},
        {"ceremony": "x" * 43, "credential": {"id": "y" * 1366}}, {"credential": []},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(prover: Prover, body: dict[str, Any]) -> None:
    assert prover.call("POST /oauth2/passkeys/sign-in", body, anyone=True).status == 400
    assert prover.call("POST /oauth2/passkeys", body).status in (410, 422)


def test_huge_bodies_and_wrong_media_are_refused(prover: Prover) -> None:
    big = json.dumps({"credential": "x" * 17_000})
    assert prover.call("POST /oauth2/passkeys/sign-in", big, anyone=True).status == 413
    assert prover.call("POST /oauth2/passkeys/sign-in", "[]", anyone=True).status in (400, 422)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, 7, None, "a\u202eb", "a\nb"])
def test_a_name_that_will_not_do_is_refused(
    prover: Prover, device: Authenticator, name: object
) -> None:
    (shown,) = prover.ok("GET /oauth2/passkeys")["passkeys"]

    assert prover.call(f"PUT /oauth2/passkeys/{shown['id']}", {"name": name}).status == 422


def test_there_are_at_most_ten(prover: Prover) -> None:
    for _ in range(PASSKEYS_MAX):
        prover.add(Authenticator())

    assert prover.call("POST /oauth2/passkeys/registration", {}).status == 422


def test_an_app_changes_nothing_of_what_proves_a_patient(prover: Prover) -> None:
    prover.patient = prover.world.open_record()  # signed in through a portal

    assert prover.call("GET /oauth2/passkeys").status == 403
    assert prover.call("PUT /oauth2/pin", {"pin": "860413"}).status == 403


# In the order in which they make sense: a PIN is proved once it is set.
EVENTS = {
    "shown": 200, "registration": 200, "set_pin": 200, "prove_pin": 200, "recovery_codes": 201,
    "assertion": 200, "sign_in": 400, "enrol": 401,
}  # fmt: skip


def test_every_event_is_answered(prover: Prover) -> None:
    folder = ROOT / "events" / "passkeys"
    assert {path.stem for path in folder.iterdir()} == set(EVENTS)
    for name, status in EVENTS.items():
        event = json.loads((folder / f"{name}.json").read_text("utf-8"))
        if "authorizer" in event["requestContext"]:
            event["requestContext"]["authorizer"] = context_of(prover.patient)
        assert prover.api.handler(event, Context("Passkeys"))["statusCode"] == status, name
