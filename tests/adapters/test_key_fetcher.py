"""Fetching a registered key set from an HTTPS server on the loopback; what is never asked."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dmp.adapters.key_fetcher import (
    BYTES_MAX,
    Fetched,
    KeyFetcher,
    NotFetched,
    addresses_of,
    is_public,
    life_of,
)

HOST = "ehr.example.ma"
Serve = Callable[[ssl.SSLSocket], None]


def certified(folder: Path, host: str = HOST) -> Path:
    """A key and its own certificate for a host, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = folder / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


class Server:
    """Takes connections on the loopback and hands each to `serve`, under TLS."""

    def __init__(self, pem: Path) -> None:
        self.trust = ssl.create_default_context(cafile=str(pem))
        self.met = 0
        self.serve: Serve = lambda _: None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def answers(self, *parts: bytes, pause_s: float = 0) -> None:
        """To every request these bytes, with a pause between them."""

        def serve(connection: ssl.SSLSocket) -> None:
            connection.recv(65_536)
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)

        self.serve = serve

    def fetcher(self, seconds: float = 3, addresses: Sequence[str] = ("127.0.0.1",)) -> KeyFetcher:
        """A fetcher to whom the host is here."""
        return KeyFetcher([HOST], lambda *_: addresses, self.trust, seconds)

    def fetch(self, host: str = HOST, path: str = "/jwks.json", seconds: float = 3) -> Fetched:
        return self.fetcher(seconds).fetch(f"https://{host}:{self.port}{path}")

    def close(self) -> None:
        self._listening.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self._listening.accept()
                self.met += 1
                threading.Thread(target=self._one, args=(raw,), daemon=True).start()

    def _one(self, raw: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            raw,
            self._context.wrap_socket(raw, server_side=True) as connection,
        ):
            self.serve(connection)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    made = Server(certificate)
    yield made
    made.close()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_a_key_set_is_fetched_with_its_life(server: Server) -> None:
    server.answers(http(b'{"keys":[]}', "Cache-Control: public, max-age=200"))

    assert server.fetch() == Fetched(b'{"keys":[]}', 200)


def test_the_request_is_a_plain_get_of_the_path_and_says_the_host(server: Server) -> None:
    seen: list[bytes] = []

    def serve(connection: ssl.SSLSocket) -> None:
        seen.append(connection.recv(65_536))
        connection.sendall(http(b"{}"))

    server.serve = serve
    server.fetch(path="/a/b")

    line, *headers = seen[0].decode().split("\r\n")
    assert line == "GET /a/b HTTP/1.1"
    assert f"Host: {HOST}:{server.port}" in headers
    assert not [h for h in headers if h.lower().startswith(("cookie", "authorization"))]


BIG = b"x" * (BYTES_MAX + 1)
CHUNK = b"1000\r\n" + b"x" * 4096 + b"\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED: dict[str, tuple[Sequence[bytes], str]] = {
    "a redirect": ([http(b"", "Location: https://127.0.0.1/", status="302 Found")], "status"),
    "a permanent one": ([http(b"", "Location: /other", status="308 X")], "status"),
    "not found": ([http(b"{}", status="404 Not Found")], "status"),
    "nothing new": ([http(b"", status="304 Not Modified")], "status"),
    "one byte too many": ([http(BIG)], "65536 bytes"),
    "endless chunks": ([CHUNKED, *[CHUNK] * 40], "65536 bytes"),
    "a gigabyte promised": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx"], "half"),
    "half a body": ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"], "half"),
    "compressed": ([http(b"x", "Content-Encoding: gzip")], "encoding"),
    "no HTTP": ([b"SSH-2.0-x\r\n\r\n"], "no answer"),
    "endless headers": ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200], "no answer"),
    "nothing": ([], "no answer"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_cve_2024_38098_no_redirect_and_no_other_answer_is_taken(server: Server, case: str) -> None:
    parts, why = REFUSED[case]
    server.answers(*parts)

    with pytest.raises(NotFetched, match=why):
        server.fetch()
    assert server.met == 1


def test_the_largest_body_is_taken(server: Server) -> None:
    server.answers(http(BIG[1:]))

    assert len(server.fetch().body) == BYTES_MAX


@pytest.mark.parametrize("after", ["the head", "each byte"])
def test_who_answers_slowly_is_left(server: Server, after: str) -> None:
    whole = http(b'{"keys":[]}' * 20)
    parts = [whole[:40], whole[40:]] if after == "the head" else [bytes([b]) for b in whole]
    server.answers(*parts, pause_s=9 if after == "the head" else 0.05)
    begun = time.monotonic()

    with pytest.raises(NotFetched):
        server.fetch(seconds=0.4)
    assert time.monotonic() - begun < 3


def test_who_never_shakes_hands_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        fetcher = KeyFetcher([HOST], lambda *_: ["127.0.0.1"], seconds=0.3)
        with pytest.raises(NotFetched):
            fetcher.fetch(f"https://{HOST}:{port}/")


def test_a_server_must_prove_to_be_the_host(server: Server, tmp_path: Path) -> None:
    server.answers(http(b"{}"))
    url = f"https://{HOST}:{server.port}/"
    trust = ssl.create_default_context(cafile=str(certified(tmp_path, "other.example.ma")))

    with pytest.raises(NotFetched):  # of another name, by somebody we trust
        KeyFetcher(["x.example.ma"], lambda *_: ["127.0.0.1"], server.trust).fetch(
            f"https://x.example.ma:{server.port}/"
        )
    for context in (trust, None):  # of the right name, by somebody we do not
        with pytest.raises(NotFetched):
            KeyFetcher([HOST], lambda *_: ["127.0.0.1"], context).fetch(url)


INSIDE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",  # noqa: S104
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "2002:0a00:0001::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::a00:1", "64:ff9b:1::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_cve_2024_38098_an_address_inside_a_network_is_not_asked(
    server: Server, address: str
) -> None:
    server.answers(http(b"{}"))
    asked: list[str] = []

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.215.14", address]  # one of them is enough

    with pytest.raises(NotFetched, match="not public"):
        KeyFetcher([], resolve, server.trust).fetch(f"https://{HOST}:{server.port}/")
    assert (asked, server.met) == ([HOST], 0)
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2a00:1450:4007::1"])
def test_an_address_of_the_internet_may_be_asked(address: str) -> None:
    assert is_public(address)


def test_the_address_that_was_checked_is_the_one_that_is_reached(server: Server) -> None:
    """A name that resolves to something else the second time (rebinding) is asked once."""
    server.answers(http(b"{}"))
    answers = iter([["127.0.0.1"]])

    fetcher = KeyFetcher([HOST], lambda *_: next(answers), server.trust)

    assert fetcher.fetch(f"https://{HOST}:{server.port}/").body == b"{}"


def test_a_host_that_is_not_named_may_not_be_inside(server: Server) -> None:
    with pytest.raises(NotFetched, match="not public"):
        server.fetch(host=f"x.{HOST}")


@pytest.mark.parametrize("addresses", [[], None], ids=["none", "failure"])
def test_a_name_without_address_is_not_fetched(addresses: Sequence[str] | None) -> None:
    def resolve(*_: object) -> Sequence[str]:
        if addresses is None:
            raise socket.gaierror
        return addresses

    with pytest.raises(NotFetched, match="no address"):
        KeyFetcher([], resolve).fetch(f"https://{HOST}/")


def test_the_system_resolves() -> None:
    found = addresses_of("localhost", 443)

    assert found
    assert all(ipaddress.ip_address(a).is_loopback for a in found)


@pytest.mark.parametrize(
    ("said", "life"),
    [
        ("", 300), ("max-age=200", 200), ("public, MAX-AGE=61", 61), ('max-age="90"', 90),
        ("max-age=59", 60), ("max-age=0", 60), ("max-age=301", 300), ("max-age=86400", 300),
        ("max-age=200, max-age=90", 90), ("no-store", 60), ("max-age=600, no-cache", 60),
        ("s-maxage=600", 300), ("max-age=-1", 300), ("max-age=9999999999", 300), ("max-age", 300),
    ],
)  # fmt: skip
def test_t8_an_answer_lives_a_minute_to_five(said: str, life: int) -> None:
    assert life_of(said) == life
