"""The port `Authenticators` by the library webauthn: verified users, exact origin, few algorithms.

The library raises whatever its parsers do on bytes that are no CBOR, no key, no point of a curve:
all of it is one refusal. Of attestations only `none` and `packed` are looked at: no make of
authenticator is asked for, so none is trusted more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import generate_authentication_options, generate_registration_options
from webauthn.authentication.verify_authentication_response import verify_authentication_response
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import verify_registration_response

from dmp.domain.credential import CREDENTIAL_ID_BYTES_MAX
from dmp.domain.refusals import Invalid
from dmp.use_cases.credential_ports import Asserted, Registered

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_FORMATS = ("none", "packed")
_RSA_BITS = range(2048, 4097)
_UNREADABLE = (
    WebAuthnException, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, LookupError,
    AttributeError, ArithmeticError, RecursionError, struct.error,
)  # fmt: skip
_TIMEOUT_MS = 120_000
_REFUSED = "the authenticator's answer is not one that this challenge, site and key can have"


class WebAuthn:
    """For the one site whose origin is given (`https://host[:port]`)."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._rp_id = urlsplit(origin).hostname or ""

    def creation_options(
        self, challenge: bytes, user: tuple[bytes, str, str], known: Sequence[str]
    ) -> Mapping[str, Any]:
        """A discoverable credential, its user verified; no attestation."""
        handle, name, display_name = user
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name="DMP",
            user_id=handle,
            user_name=name,
            user_display_name=display_name,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known),
            supported_pub_key_algs=ALGORITHMS,
        )
        return options_to_json_dict(options)

    def request_options(self, challenge: bytes, known: Sequence[str]) -> Mapping[str, Any]:
        """The user verified."""
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def registered(self, answer: Mapping[str, Any], challenge: bytes) -> Registered:
        """Also refuses a key that could never sign."""
        with _refusing():
            credential = parse_registration_credential_json(dict(answer))
            stated = parse_attestation_object(credential.response.attestation_object)
            if stated.fmt not in _FORMATS:
                raise ValueError(stated.fmt)
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
                supported_pub_key_algs=ALGORITHMS,
            )
            _usable(verified.credential_public_key)
            if verified.credential_id != credential.raw_id:
                raise ValueError("another id")
            if len(verified.credential_id) > CREDENTIAL_ID_BYTES_MAX:
                raise ValueError("too long an id")
            return Registered(
                id=bytes_to_base64url(verified.credential_id),
                key=bytes_to_base64url(verified.credential_public_key),
                count=verified.sign_count,
                backed_up=verified.credential_backed_up,
            )

    def asserted(self, answer: Mapping[str, Any], challenge: bytes, key: str) -> Asserted:
        """With a count of 0 the library judges the signature alone: a copy must be told apart."""
        with _refusing():
            credential = parse_authentication_credential_json(dict(answer))
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=base64url_to_bytes(key),
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            return Asserted(
                count=verified.new_sign_count,
                backed_up=verified.credential_backed_up,
                user_handle=credential.response.user_handle,
            )


def _descriptors(known: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(name)) for name in known]


def _usable(key: bytes) -> None:
    public = decoded_public_key_to_cryptography(decode_credential_public_key(key))
    if isinstance(public, RSAPublicKey) and public.key_size not in _RSA_BITS:
        raise ValueError("RSA key of another size")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE:
        raise Invalid(_REFUSED, "credential") from None
