"""Certificates are verified: an order is not sent to a server that cannot prove its name."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.account_watch import AccountWatch
from actors.brokers.kite.broker import KiteBroker
from actors.brokers.kite.session import KiteSession
from actors.brokers.kite.transport import TransportSettings
from engine.messages.broker import Outcome
from engine.messages.control import AlertRaised, CeilingMoved
from engine.messages.values import Authority, Book
from tests.fakes import FakeContext
from tests.kite.server import ScriptedKite, good
from tests.kite.test_session import FIELDS, ID, credentials


def certify(folder: Path, address: str) -> Path:
    """A self-signed certificate of an address, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "practice")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{address}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def serve(path: Path) -> ScriptedKite:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = ScriptedKite(wrap=lambda held: context.wrap_socket(held, server_side=True))
    server.start()
    return server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certify(tmp_path, "127.0.0.1")


@pytest.fixture
def kite(certificate: Path) -> Iterator[ScriptedKite]:
    server = serve(certificate)
    yield server
    server.close()


def test_when_the_certificate_is_trusted_then_orders_go_and_the_connection_stays(
    kite: ScriptedKite, certificate: Path
) -> None:
    kite.then(good(), good())
    root = f"https://127.0.0.1:{kite.port}"
    session = KiteSession(credentials(), root, TransportSettings(ca_file=str(certificate)))
    found = [session.place(FIELDS), session.cancel(ID)]
    session.close()
    assert [verdict.outcome for verdict in found] == [Outcome.ACKED] * 2
    assert session.connects_count == 1


@pytest.mark.conformance("BAD-59")
def test_when_the_certificate_is_not_trusted_then_nothing_is_sent(kite: ScriptedKite) -> None:
    session = KiteSession(credentials(), f"https://127.0.0.1:{kite.port}")
    verdict = session.place(FIELDS)
    assert verdict.outcome is Outcome.NOT_SENT
    assert "SSLCertVerificationError" in verdict.text
    assert verdict.is_misled
    assert kite.heard == []


@pytest.mark.conformance("BAD-59")
def test_bad_59_when_the_certificate_is_not_trusted_then_entries_stop_and_a_person_is_paged(
    kite: ScriptedKite,
) -> None:
    session = KiteSession(credentials(), f"https://127.0.0.1:{kite.port}")
    ctx = FakeContext("writer")
    broker = KiteBroker(session)
    watch = AccountWatch(ctx, {Book.LIVE: broker})
    assert broker.snapshot(1, 1) is None
    watch.look(Book.LIVE)
    (moved,) = ctx.of(CeilingMoved)
    assert moved.ceiling.authority is Authority.REDUCE
    assert [(a.severity, a.event) for a in ctx.of(AlertRaised)] == [("critical", "account_closed")]


@pytest.mark.conformance("BAD-59")
def test_when_the_certificate_is_of_another_then_nothing_is_sent(tmp_path: Path) -> None:
    path = certify(tmp_path, "127.0.0.2")
    server = serve(path)
    settings = TransportSettings(ca_file=str(path))
    session = KiteSession(credentials(), f"https://127.0.0.1:{server.port}", settings)
    verdict = session.place(FIELDS)
    server.close()
    assert verdict.outcome is Outcome.NOT_SENT
    assert server.heard == []
