"""The token endpoint's grants, each to the one who serves it."""

from __future__ import annotations

from dmp.domain.refusals import OAuthError
from dmp.domain.sign_in import GRANT
from dmp.use_cases.sign_in import SignIn
from dmp.use_cases.tokens import Form, Tokens, needed


def granted_by(form: Form, tokens: Tokens, sign_in: SignIn) -> dict[str, object]:
    """The answer of `POST /oauth2/token`."""
    match needed(form, "grant_type"):
        case "client_credentials":
            return tokens.client_credentials(form)
        case "refresh_token":
            return sign_in.refresh(needed(form, "refresh_token"), form.get("scope"))
        case asked if asked == GRANT:
            return sign_in.exchange(needed(form, "challenge"), needed(form, "code"))
    raise OAuthError("unsupported_grant_type", "see grant_types_supported in smart-configuration")
