"""The token rides on the URL: a server whose certificate does not verify never sees it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.feeds.kite.places import address_fault
from actors.runtime.clock import wall_ns
from engine.messages.market import LinkChanged, LinkState
from tests.kitefeed.stream import Server, Stream


def write_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host name: (key, certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.fromtimestamp(wall_ns() / 1e9, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_path, certificate_path = folder / f"{host}.key", folder / f"{host}.pem"
    pem = serialization.Encoding.PEM
    key_path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_path.write_bytes(certificate.public_bytes(pem))
    return key_path, certificate_path


@pytest.fixture(params=["localhost", "other.example"])
def secured(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path, Server]]:
    """A TLS server with a certificate for the given name."""
    key, certificate = write_certificate(tmp_path, request.param)
    server = Server("--tls", str(key), str(certificate))
    yield request.param, certificate, server
    server.close()


def test_when_the_certificate_does_not_verify_then_the_token_is_never_sent(
    stream: Stream, secured: tuple[str, Path, Server]
) -> None:
    _, _, server = secured
    stream.start(f"wss://localhost:{server.port}", limits={"connects_minute_max": 2})
    stream.of(stream.market, LinkChanged, lambda m: m.reason == "connection_lost")
    server.wait("lost")
    assert server.asked_count() == 0


def test_when_the_authority_is_trusted_then_the_name_must_fit(
    stream: Stream, secured: tuple[str, Path, Server]
) -> None:
    host, certificate, server = secured
    stream.start(f"wss://localhost:{server.port}", ca_file=str(certificate))
    if host == "localhost":
        stream.of(stream.market, LinkChanged, lambda m: m.state is LinkState.UP)
    else:
        stream.of(stream.market, LinkChanged, lambda m: m.reason == "connection_lost")
        server.wait("lost")
        assert server.asked_count() == 0


@pytest.mark.parametrize(
    ("root", "is_fine"),
    [
        ("wss://ws.kite.trade", True),
        ("ws://127.0.0.1:9000", True),
        ("ws://localhost:9000", True),
        ("ws://[::1]:9000", True),
        ("ws://ws.kite.trade", False),
        ("ws://localhost.example.com", False),
        ("http://127.0.0.1", False),
        ("wss://", False),
        ("", False),
    ],
)
def test_when_the_address_is_not_safe_for_a_token_then_it_is_refused(
    root: str, *, is_fine: bool
) -> None:
    assert (address_fault(root, "wss", "ws") == "") is is_fine
