"""Fetches a partner's key set from the URL it registered, and nothing else from anywhere.

The name is resolved once and the connection goes to that very address, so that what was checked is
what is reached; addresses inside a network are refused unless the operator named the host. No
redirect is followed. Size and time are bounded as a whole, however slowly bytes come.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from urllib.parse import urlsplit

BYTES_MAX = 65_536
SECONDS_MAX = 3.0
LIFE_S_MIN = 60
LIFE_S_MAX = 300  # a key that its owner withdrew is refused within five minutes
LIFE_S_DEFAULT = 300
_PORT = 443
_OK = 200
_MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?\Z")
# Each leads on to an IPv4 address that may be inside.
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
Resolve = Callable[[str, int], Sequence[str]]


class NotFetched(Exception):
    """The key set could not be had; the text says why in words of ours."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body as it came, and for how many seconds it may be used."""

    body: bytes
    life_s: int


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Every address that the system's resolver gives."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class KeyFetcher:
    """GET of a registered URL. `private_hosts` may have addresses inside the operator's network."""

    def __init__(
        self,
        private_hosts: Collection[str] = (),
        resolve: Resolve = addresses_of,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS_MAX,
    ) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._resolve = resolve
        self._context = context
        self._seconds = seconds

    def fetch(self, url: str) -> Fetched:
        """The body and its life; NotFetched for everything but one plain 200 in time."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        context = self._context or ssl.create_default_context()
        connection = _Pinned(host, port, self._address(host, port), context, self._seconds)
        watchdog = Timer(self._seconds, connection.abort)
        watchdog.daemon = True
        watchdog.start()
        try:
            return _got(connection, parts.path or "/")
        except (OSError, http.client.HTTPException):
            raise NotFetched("no answer") from None
        finally:
            watchdog.cancel()
            connection.close()

    def _address(self, host: str, port: int) -> str:
        """The first address, if every one of them may be reached."""
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError):
            raise NotFetched("no address") from None
        if not found:
            raise NotFetched("no address")
        if host not in self._private_hosts and not all(map(is_public, found)):
            raise NotFetched("an address that is not public")
        return found[0]


def is_public(text: str) -> bool:
    """Whether an address lies in the public internet, tunnels to other addresses included."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _TRANSLATED):
            return False
        if address.ipv4_mapped or address.sixtofour or address.teredo:
            return False
    return address.is_global and not address.is_multicast


def life_of(cache_control: str) -> int:
    """For how long an answer may be used: its max-age, within one minute and five."""
    said = {part.strip().lower() for part in cache_control.split(",")}
    if said & {"no-store", "no-cache"}:
        return LIFE_S_MIN
    ages = [int(match[1]) for part in said if (match := _MAX_AGE.match(part))]
    return max(LIFE_S_MIN, min(LIFE_S_MAX, *ages)) if ages else LIFE_S_DEFAULT


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address under the certificate of its host."""

    def __init__(
        self, host: str, port: int, address: str, context: ssl.SSLContext, seconds: float
    ) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._address = address
        self._tls = context
        self._aborted = False

    def connect(self) -> None:
        """To the address that was checked; whoever answers must prove to be the host."""
        raw = socket.create_connection((self._address, self.port), self.timeout)
        wrapped = self._tls.wrap_socket(
            raw, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock = wrapped  # at once, so that `abort` ends a handshake too
        if self._aborted:
            raise TimeoutError
        wrapped.do_handshake()

    def abort(self) -> None:
        """End it from another thread: whoever waits for bytes is woken."""
        self._aborted = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _got(connection: _Pinned, path: str) -> Fetched:
    connection.request("GET", path, headers={"Accept": "application/json"})
    response = connection.getresponse()
    if response.status != _OK:
        raise NotFetched("a status that is not 200")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched("an encoding that was not asked for")
    body = response.read(BYTES_MAX + 1)
    if len(body) > BYTES_MAX:
        raise NotFetched(f"over {BYTES_MAX} bytes")
    if response.length:
        raise NotFetched("half an answer")
    return Fetched(body, life_of(", ".join(response.headers.get_all("Cache-Control") or ())))
