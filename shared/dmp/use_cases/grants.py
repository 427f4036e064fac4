"""The token endpoint's grants, and revocations, each to the one who serves it."""

from __future__ import annotations

from dataclasses import dataclass

from dmp.domain.refusals import OAuthError
from dmp.domain.sign_in import GRANT
from dmp.use_cases.app_tokens import MARK, AppTokens
from dmp.use_cases.sessions import device_given
from dmp.use_cases.sign_in import SignIn
from dmp.use_cases.tokens import Form, Tokens, needed


@dataclass(frozen=True, slots=True)
class Grants:
    """Who gives tokens: to partner apps, to patients, to the apps that people let in."""

    tokens: Tokens
    sign_in: SignIn
    apps: AppTokens

    def granted(self, form: Form) -> dict[str, object]:
        """The answer of `POST /oauth2/token`."""
        match needed(form, "grant_type"):
            case "client_credentials":
                return self.tokens.client_credentials(form)
            case "authorization_code":
                return self.apps.exchange(form)
            case "refresh_token":
                token = needed(form, "refresh_token")
                if token.startswith(MARK):
                    return self.apps.refresh(form)
                return self.sign_in.refresh(token, form.get("scope"))
            case asked if asked == GRANT:
                device = device_given(form.get("device"))
                challenge, code = needed(form, "challenge"), needed(form, "code")
                return self.sign_in.exchange(challenge, code, device)
        text = "see grant_types_supported in smart-configuration"
        raise OAuthError("unsupported_grant_type", text)

    def revoke(self, form: Form) -> None:
        """`POST /oauth2/revoke`: no error for a token that is unknown or over."""
        if not self.apps.revoke(form):
            self.sign_in.revoke(needed(form, "token"))
