"""TLS of a real relay: bytes, ends, limits, certificates of clients, and what a stranger sends in the place of a handshake."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc import relay_messages as messages
from superd.ipc.descriptors import as_memory
from superd.load.tls_files import material_of
from superd.relay import tls
from superd.service import Service
from tests.certificates import Authority
from tests.relay_process import WAIT, RelayProcess, carry, read_all, tcp_pair

LABEL = json.dumps(["s", "192.0.2.1", 1, messages.TLS]).encode()


class Encrypted:
    """A relay with keys, and sessions of it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        cert, key = self.authority.issue("localhost")
        table = {"cert": str(cert), "key": str(key), "client_ca": str(self.authority.file)}
        service = Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7, "tls": table})
        memory = as_memory("keys", material_of([service], root=False).data, seal=True)
        self.relay = RelayProcess(keys=memory)
        os.close(memory)
        self.ends: list[socket.socket] = []
        self.numbers = 0

    def begin(self, *, idle: float = 0.0, session: float = 0.0, label: bytes = LABEL) -> tuple[socket.socket, socket.socket]:
        """A client's end without TLS yet, and the plain end."""
        (client, theirs), (plain, other) = tcp_pair(), socket.socketpair()
        self.numbers += 1
        self.relay.carry(
            carry(self.numbers, messages.TLS, idle=idle, session=session, label=label), theirs.fileno(), other.fileno()
        )
        theirs.close()
        other.close()
        for end in (client, plain):
            end.settimeout(WAIT)
        self.ends += [client, plain]
        return client, plain

    def shake(self, client: socket.socket, *names: str) -> ssl.SSLSocket:
        secure = self.authority.client(*names).wrap_socket(client, server_hostname="localhost")
        self.ends.append(secure)
        return secure


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Encrypted]:
    one = Encrypted(tmp_path)
    yield one
    for end in one.ends:
        end.close()
    one.relay.close()


def test_every_byte_arrives_both_ways_and_is_counted(made: Encrypted) -> None:
    client, plain = made.begin()
    secure = made.shake(client)
    facts = json.loads(made.relay.report(messages.Secured).facts)
    assert (facts["SSL_PROTOCOL"], facts["SSL_TLS_SNI"], facts["SSL_CLIENT_VERIFY"]) == ("TLSv1.3", "localhost", "NONE")
    data = os.urandom(300_000)
    for source, target in ((secure, plain), (plain, secure)):
        sent = 0
        found = bytearray()
        while len(found) < len(data):
            if sent < len(data):
                sent += source.send(data[sent : sent + 50_000])
            found += target.recv(1 << 16)
        assert bytes(found) == data
    plain.close()
    assert secure.recv(1) == b""
    secure.close()
    over = made.relay.report(messages.Over)
    assert (over.received, over.sent, over.label) == (len(data), len(data), LABEL)


def test_the_client_ends_its_side_and_still_gets_the_answer(made: Encrypted) -> None:
    client, plain = made.begin()
    secure = made.shake(client)
    secure.sendall(b"question")
    with contextlib.suppress(ssl.SSLError, OSError):
        secure.settimeout(0)
        secure.unwrap()  # says its end, and does not wait for the other
    assert read_all(plain) == b"question"
    plain.sendall(b"answer")
    plain.close()
    secure.settimeout(WAIT)
    assert secure.recv(100) == b"answer"
    assert made.relay.report(messages.Over).reason == messages.CLIENT


def test_an_end_without_a_word_of_it_breaks_the_session(made: Encrypted) -> None:
    client, plain = made.begin()
    made.shake(client).shutdown(socket.SHUT_WR)
    assert plain.recv(1) == b""
    assert made.relay.report(messages.Over).reason == messages.BROKEN


def test_a_clients_certificate_is_reported(made: Encrypted) -> None:
    client, _ = made.begin()
    made.shake(client, "alice@example.org", "alice.example.org")
    facts = json.loads(made.relay.report(messages.Secured).facts)
    assert (facts["SSL_CLIENT_VERIFY"], facts["SSL_CLIENT_S_DN_CN"]) == ("SUCCESS", "alice@example.org")
    assert {"email:alice@example.org", "DNS:alice.example.org", "alice.example.org"} <= set(facts["names"].split("\n"))


def test_a_name_that_reads_as_one_of_another_kind_stands_for_nothing_else() -> None:
    def names(common: str, *others: tuple[str, str]) -> set[str]:
        subject = ((("commonName", common),),)
        return set(tls._certificate({"subject": subject, "subjectAltName": others})["names"].split("\n"))

    assert names("alice", ("DNS", "db1"), ("URI", "spiffe://x/y?a=b")) == {
        "CN=alice", "alice", "db1", "DNS:db1", "spiffe://x/y?a=b", "URI:spiffe://x/y?a=b",
    }  # fmt: skip
    assert names("DNS:db1") == {"CN=DNS:db1"}
    assert names("x,O=Admins") == {r"CN=x\,O\=Admins", "x,O=Admins"}
    assert names("CN=root,O=Admins") == {r"CN=CN\=root\,O\=Admins"}
    assert names("a", ("email", "URI:spiffe://admin")) == {"CN=a", "a", "email:URI:spiffe://admin"}
    assert names("a\nCN=root") == {""}


def test_a_certificate_of_another_ca_ends_the_handshake(made: Encrypted, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, key = Authority(tmp_path / "other").issue("mallory@example.org")
    context = made.authority.client()
    context.load_cert_chain(cert, key)
    client, _ = made.begin()
    with contextlib.suppress(OSError), context.wrap_socket(client, server_hostname="localhost") as secure:
        secure.recv(1)
    assert "the client's certificate is not accepted" in json.loads(made.relay.report(messages.Secured).facts)["error"]
    assert made.relay.report(messages.Over).reason == messages.HANDSHAKE


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 500, b"\0" * 64])
def test_what_is_not_a_handshake_ends_with_a_reason(made: Encrypted, data: bytes) -> None:
    client, plain = made.begin()
    client.sendall(data)
    assert json.loads(made.relay.report(messages.Secured).facts)["error"]
    assert made.relay.report(messages.Over).reason == messages.HANDSHAKE
    assert plain.recv(1) == b""


def test_a_client_that_goes_before_its_handshake_has_one_that_failed(made: Encrypted) -> None:
    made.begin()[0].close()
    assert made.relay.report(messages.Over).reason == messages.HANDSHAKE


def test_a_service_without_keys_is_not_served(made: Encrypted) -> None:
    for label in (b'["other"]', b"[]", b"no json", b'[["s"]]'):
        made.begin(label=label)
        assert made.relay.report(messages.Over).reason == messages.FAULT


def test_a_relay_without_keys_carries_no_tls() -> None:
    relay = RelayProcess()
    client, theirs = tcp_pair()
    plain, other = socket.socketpair()
    with client, theirs, plain, other:
        relay.carry(carry(1, messages.TLS, label=LABEL), theirs.fileno(), other.fileno())
        assert relay.report(messages.Over).reason == messages.FAULT
    relay.close()


def test_silence_after_the_handshake_has_its_limits(made: Encrypted) -> None:
    client, _ = made.begin(session=0.2)
    made.shake(client)
    assert made.relay.report(messages.Over).reason == messages.SESSION
    client, plain = made.begin(session=0.2, idle=0.5)
    secure = made.shake(client)
    secure.sendall(b"x")
    assert plain.recv(1) == b"x"
    assert made.relay.report(messages.Over).reason == messages.IDLE


def test_facts_always_fit_a_message() -> None:
    facts = {
        "names": "\n".join("x" * 100 + str(number) for number in range(500)),
        "SSL_CLIENT_S_DN": "y" * 9000,
        "SSL_PROTOCOL": "z",
    }
    found = json.loads(tls._encoded(facts))
    assert found["SSL_PROTOCOL"] == "z"
    assert set(found["names"].split("\n")) <= set(facts["names"].split("\n"))


@given(st.dictionaries(st.sampled_from(["names", "SSL_CIPHER"]), st.text(max_size=6000)))
def test_any_facts_fit(facts: dict[str, str]) -> None:
    assert len(tls._encoded(facts)) <= messages.MAX_FACTS


def test_without_keys_there_is_not_a_relay() -> None:
    with pytest.raises(ControlError):
        tls.read_keys(as_memory("none", b""))


def hello() -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_no_beginning_of_a_handshake_harms_the_relay(made: Encrypted) -> None:
    client, plain = made.begin()
    secure = made.shake(client)
    for seed in range(60):
        dice = random.Random(seed)
        data = bytearray(hello() if seed % 3 else dice.randbytes(dice.randrange(1, 600)))
        for _ in range(dice.randrange(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        stranger, _ = made.begin()
        with contextlib.suppress(OSError):  # the relay may have ended it already
            stranger.sendall(data[: dice.randrange(1, len(data) + 1)])
            stranger.shutdown(socket.SHUT_WR)
        assert made.relay.report(messages.Over, made.numbers).reason in (messages.HANDSHAKE, messages.BROKEN)
    secure.sendall(b"still there")
    assert plain.recv(100) == b"still there"
