"""The step that asks for more than a code: how a form's proof is taken, and what the page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dmp.domain.authorization import SignedIn
from dmp.domain.refusals import Invalid, OAuthError, TooMany
from dmp.edge.authorization_steps import Said
from dmp.edge.logs import count
from dmp.use_cases.step_up import StepUp

# what a form asks for, and its field that holds the proof
WAYS: Mapping[str, str] = {
    "prove-pin": "pin",
    "prove-code": "recovery",
    "prove-passkey": "proof",
}


def refused(step_up: StepUp, who: SignedIn, way: str, given: str) -> Said | None:
    """None once the session is strong by it, else what the page is to say; for a way of `WAYS`.

    Unauthenticated when the session has ended meanwhile.
    """
    takes: dict[str, Callable[[SignedIn, str], None]] = {
        "prove-pin": step_up.by_pin,
        "prove-code": step_up.by_code,
        "prove-passkey": step_up.by_passkey,
    }
    try:
        takes[way](who, given)
    except TooMany as refusal:
        return Said(error="locked", wait_s=refusal.retry_after_s)
    except (Invalid, OAuthError) as refusal:
        count("ProofsRefused")
        tries = refusal.details.get("tries_left")
        if way == "prove-pin":
            return Said(error="pin", tries=tries) if isinstance(tries, int) else Said("pin-form")
        return Said(error="recovery" if way == "prove-code" else "passkey")
    return None
