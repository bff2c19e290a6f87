"""TLS through the real daemon: programs, internal services, redirects, certificates of clients, renewal on disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates import Authority
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root

ENVIRONMENT = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); print(sys.stdin.readline().strip())"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def program(superd: Superd, authority: Authority, extra: str = "", tls: str = "") -> int:
    """A service with TLS that says its environment, and then the first line that it reads."""
    port = free_port()
    cert, key = authority.issue("localhost")
    superd.service(
        "probe",
        f'server = "{sys.executable}"\nflags = ["NAMEINARGS"]\n'
        f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(ENVIRONMENT)}]\n'
        f'listen = ["127.0.0.1:{port}"]\ntls = {{ cert = "{cert}", key = "{key}"{tls} }}\n{extra}',
    )
    return port


def connect(port: int, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), WAIT), server_hostname=name)


def ask(port: int, context: ssl.SSLContext, name: str = "localhost") -> tuple[dict[str, str], str]:
    """Environment and line of the probe; nothing where the connection is refused."""
    with connect(port, context, name) as sock, contextlib.suppress(OSError):
        sock.sendall(b"hello\n")
        lines = sock.makefile("rb").read().decode().split("\n")
        if len(lines) > 1:
            return json.loads(lines[0]), lines[1]
    return {}, ""


def test_a_program_speaks_through_tls_and_knows_of_it(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, 'log_on_success = ["HOST", "PID", "EXIT", "DURATION", "TRAFFIC"]\n')
    superd.start()
    env, line = ask(port, authority.client())
    assert line == "hello"
    assert (env["SSL_PROTOCOL"], env["SSL_TLS_SNI"], env["SSL_CLIENT_VERIFY"]) == ("TLSv1.3", "localhost", "NONE")
    assert (env["REMOTE_HOST"], env["PROTO"]) == ("127.0.0.1", "TCP")
    started, ended = superd.event(event="START"), superd.event(event="EXIT")
    assert (started["tls"], started["sni"]) == ("TLSv1.3", "localhost")
    assert ended["in"] == len("hello\n")
    assert ended["out"] > 100


@pytest.mark.parametrize("stdio", ["pipe", "pty"])
def test_a_program_with_pipes_or_a_terminal(superd: Superd, authority: Authority, stdio: str) -> None:
    port = program(superd, authority, f'stdio = "{stdio}"\n')
    superd.start()
    with connect(port, authority.client()) as sock:
        sock.sendall(b"hello\n")
        text = sock.makefile("rb").read().decode()
    assert '"SSL_PROTOCOL": "TLSv1.3"' in text
    assert "hello" in text.splitlines()[-1]
    superd.event(event="EXIT")


def test_every_byte_of_a_redirect_and_of_an_internal_service_arrives(superd: Superd, authority: Authority) -> None:
    cert, key = authority.issue("localhost")
    echo, front = free_port(), free_port()
    tls = f'tls = {{ cert = "{cert}", key = "{key}" }}\n'
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{echo}"]\n{tls}')
    target = free_port()
    superd.service("inner", f'service = "echo"\ntype = "INTERNAL"\nlisten = ["127.0.0.1:{target}"]\n')
    superd.service("away", f'redirect = "127.0.0.1:{target}"\nlisten = ["127.0.0.1:{front}"]\n{tls}')
    superd.start()
    data = bytes(range(256)) * 4096
    for port in (echo, front):
        with connect(port, authority.client()) as sock:
            sock.settimeout(WAIT)
            found = bytearray()
            for at in range(0, len(data), 1 << 16):
                sock.sendall(data[at : at + (1 << 16)])
                while len(found) < at + (1 << 16):
                    found += sock.recv(1 << 16)
            assert bytes(found) == data


def test_a_services_clients_are_those_of_its_certificates(superd: Superd, authority: Authority) -> None:
    port = program(
        superd, authority, 'only_from = ["cert:alice@example.org", "192.0.2.1"]\nno_access = ["cert:OU=none"]\n',
        f', client_ca = "{authority.file}"',
    )  # fmt: skip
    superd.start()
    env, _ = ask(port, authority.client("alice@example.org"))
    assert (env["SSL_CLIENT_VERIFY"], env["SSL_CLIENT_S_DN_CN"]) == ("SUCCESS", "alice@example.org")
    assert "email:alice@example.org" in env["SSL_CLIENT_SAN"]
    assert superd.event(event="START")["cert"].startswith("CN=alice@example.org")
    for context in (authority.client("bob@example.org"), authority.client()):
        assert ask(port, context) == ({}, "")
        assert superd.event(event="FAIL")["reason"] == "address"


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether the handshake fails: with TLS 1.3 a client sees that by its first read."""
    try:
        with connect(port, context) as sock:
            sock.settimeout(WAIT)
            return not sock.recv(1)
    except OSError:
        return True


def test_a_handshake_that_fails_has_its_reason(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, "", f', client_ca = "{authority.file}", require_client_cert = true, min_version = "1.3"')
    superd.start()
    assert refused(port, authority.client())
    assert "peer did not return a certificate" in superd.event(event="FAIL", reason="tls")["detail"]
    old = authority.client("alice@example.org")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert refused(port, old)
    assert "unsupported protocol" in superd.event(event="FAIL", reason="tls")["detail"]
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert superd.event(event="FAIL", reason="tls")["detail"] == "the handshake failed: http request"
    assert ask(port, authority.client("alice@example.org"))[1] == "hello"


def test_a_handshake_has_a_limit_of_time(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, "[limits]\nstart = 0.5\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert superd.event(event="FAIL")["reason"] in ("tls", "start_limit")
        sock.settimeout(WAIT)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""


def test_a_name_chooses_its_certificate(superd: Superd, authority: Authority) -> None:
    one, two = authority.issue("one.example.org"), authority.issue("*.example.net")
    sni = f'{{ "one.example.org" = "{one[0]} {one[1]}", "*.example.net" = "{two[0]} {two[1]}" }}'
    port = program(superd, authority, "", f', sni = {sni}, alpn = ["imap", "pop3"]')
    superd.start()
    context = authority.client()
    context.set_alpn_protocols(["pop3"])
    for name in ("localhost", "one.example.org", "any.example.net"):
        env, line = ask(port, context, name)  # the client compares the certificate with the name
        assert (env["SSL_TLS_SNI"], env["SSL_ALPN"], line) == (name, "pop3", "hello")


def serial(port: int, context: ssl.SSLContext) -> str:
    with connect(port, context) as sock:
        found = sock.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


def eventually(check: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not check():
        assert time.monotonic() < end


def test_what_is_renewed_on_disk_counts_from_the_next_handshake_on(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority)
    superd.start()
    context = authority.client()
    with connect(port, context) as living:
        first = serial(port, context)
        cert, _ = authority.issue("localhost")
        eventually(lambda: serial(port, context) != first)
        second = serial(port, context)
        cert.write_text("nothing\n")
        superd.message("has no certificate in PEM")
        superd.message("the earlier one stays in use")
        assert serial(port, context) == second
        living.sendall(b"hello\n")  # sessions with the earlier keys go on
        assert living.makefile("rb").read().endswith(b"hello\n")
    authority.issue("localhost")
    eventually(lambda: serial(port, context) != second)


def test_without_a_usable_key_a_service_refuses_and_the_others_serve(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, '[limits.penalties]\nrefused = "1h"\n')
    other = free_port()
    superd.service("daytime", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{other}"]\n')
    authority.issue("localhost")[1].write_text("no key\n")
    superd.start()
    superd.message("the key cannot be used")
    with socket.create_connection(("127.0.0.1", other), WAIT) as sock:
        assert sock.recv(100)
    assert refused(port, authority.client())
    assert superd.event(event="FAIL")["detail"] == "the service has no certificate that can be used"
    shown = superd.command("status")
    assert shown.returncode == 1
    (line,) = (line for line in shown.stdout.splitlines() if "its certificate cannot be used" in line)
    assert line.split()[:2] == ["✗", "probe"]
    assert "certificate until" not in superd.command("status", "probe").stdout
    authority.issue("localhost")
    superd.message("certificates have changed")
    assert ask(port, authority.client())[1] == "hello"  # the refusal was not its fault: it cost no penalty
    assert superd.command("status").returncode == 0
    assert "certificate until" in superd.command("status", "probe").stdout


def test_a_service_that_a_reload_brings_is_served_from_its_first_client_on(superd: Superd, authority: Authority) -> None:
    first = program(superd, authority)
    superd.start()
    assert ask(first, authority.client())[1] == "hello"
    port = lasting(superd, authority)
    assert superd.reload()
    assert new_client(port, authority)
    superd.service("probe", f'type = "INTERNAL"\nservice = "daytime"\nlisten = ["127.0.0.1:{first}"]\n')
    superd.service("cat", "disable = true\n")
    assert superd.reload()
    with socket.create_connection(("127.0.0.1", first), WAIT) as sock:
        assert sock.recv(100)


def test_proxy_header_then_tls(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, 'proxy_protocol = "v1"\nproxy_from = ["127.0.0.1"]\n')
    superd.start()
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    sock.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 993\r\n")
    with authority.client().wrap_socket(sock, server_hostname="localhost") as secure:
        secure.sendall(b"hello\n")
        env = json.loads(secure.makefile("rb").readline())
    assert (env["REMOTE_HOST"], env["SSL_PROTOCOL"], env["PROXY_PROTOCOL"]) == ("192.0.2.7", "TLSv1.3", "v1")


def test_a_session_is_resumed(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority)
    superd.start()
    context = authority.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(port, context) as first:
        kept = first.session
    raw = socket.create_connection(("127.0.0.1", port), WAIT)
    with context.wrap_socket(raw, server_hostname="localhost", session=kept) as again:
        assert again.session_reused
        again.sendall(b"hello\n")
        assert json.loads(again.makefile("rb").readline())["SSL_SESSION_RESUMED"] == "Resumed"


def test_limits_of_silence_hold_what_the_client_says(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, "[limits]\nfirst_byte = 0.5\n")
    superd.start()
    with connect(port, authority.client()) as sock:
        assert superd.event(event="EXIT")["ended_by"] == "first_byte"
        sock.settimeout(WAIT)
        sock.makefile("rb").read()


@pytest.mark.root
def test_only_relays_with_tls_have_a_key_in_their_memory(superd: Superd, authority: Authority) -> None:
    needs_root()
    port = program(superd, authority)
    written = authority.issue("localhost")[1].read_bytes()
    needles = (written.splitlines()[1], number_of(written))
    superd.start()
    assert ask(port, authority.client())[1] == "hello"
    assert superd.process is not None
    superd.command("status")  # starts a panel
    having = {pid for pid in (superd.process.pid, superd.front(), *superd.launchers(), *superd.panels()) if holds(pid, needles)}
    assert having == set()
    assert any(holds(pid, needles) for pid in superd.relays())


def number_of(key: bytes) -> bytes:
    """The number that the key is, as OpenSSL has it in memory."""
    loaded = serialization.load_pem_private_key(key, None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded.private_numbers().private_value.to_bytes(32, "little")


def holds(pid: int, needles: tuple[bytes, ...]) -> bool:
    """Whether a process has one of these anywhere in its memory."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            first, last = (int(part, 16) for part in place.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            memory.seek(first)
            with contextlib.suppress(OSError):
                data = memory.read(last - first)
                if any(needle in data for needle in needles):
                    return True
    return False


def test_a_relay_that_dies_ends_its_sessions_and_is_replaced(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority)
    superd.start()
    with connect(port, authority.client()) as sock:
        assert sock.recv(1)
        (relay,) = superd.relays()
        os.kill(relay, signal.SIGKILL)
        superd.event(event="EXIT")
        with contextlib.suppress(OSError):
            while sock.recv(4096):
                pass
    assert ask(port, authority.client())[1] == "hello"


def lasting(superd: Superd, authority: Authority) -> int:
    """A service with TLS whose program answers each line."""
    port = free_port()
    cert, key = authority.issue("localhost")
    tls = f'tls = {{ cert = "{cert}", key = "{key}" }}'
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{tls}\n')
    return port


def says(sock: ssl.SSLSocket, line: bytes) -> bool:
    sock.settimeout(WAIT)
    sock.sendall(line)
    found = b""
    while len(found) < len(line):
        found += sock.recv(100)
    return found == line


def new_client(port: int, authority: Authority) -> bool:
    with connect(port, authority.client()) as sock:
        return says(sock, b"two\n")


def test_sessions_outlive_their_front(superd: Superd, authority: Authority) -> None:
    port = lasting(superd, authority)
    superd.start()
    with connect(port, authority.client()) as sock:
        assert says(sock, b"one\n")
        os.kill(superd.front(), signal.SIGKILL)
        assert new_client(port, authority)
        assert says(sock, b"three\n")
    superd.event(event="EXIT")


def test_sessions_outlive_an_upgrade(superd: Superd, authority: Authority) -> None:
    port = lasting(superd, authority)
    superd.start()
    with connect(port, authority.client()) as sock:
        assert says(sock, b"one\n")
        assert superd.process is not None
        front = superd.front()
        superd.process.send_signal(signal.SIGUSR2)
        eventually(lambda: superd.front() not in (0, front))
        assert new_client(port, authority)
        assert says(sock, b"three\n")
    superd.event(event="EXIT")


@pytest.mark.clients
def test_openssl_and_curl(superd: Superd, authority: Authority) -> None:
    port = program(superd, authority, "[limits.penalties]\nexit_nonzero = 1\n", f', client_ca = "{authority.file}"')
    cert, key = authority.issue("alice")
    superd.start()
    openssl = (needs("openssl", "openssl"), "s_client", "-quiet", "-verify_return_error", "-CAfile", authority.file)
    connection = ("-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-verify_hostname", "localhost")
    for more, said in (("-tls1_2",), "TLSv1.2"), (("-tls1_3", "-cert", cert, "-key", key), "CN=alice"):
        done = subprocess.run([*openssl, *connection, *more], input=b"hello\n", capture_output=True, timeout=WAIT)
        assert said in done.stdout.decode()
        assert b"hello" in done.stdout
    curl = (needs("curl", "curl"), "-sS", "--cacert", authority.file, "--resolve", f"localhost:{port}:127.0.0.1")
    done = subprocess.run([*curl, "--http0.9", f"https://localhost:{port}/"], capture_output=True, timeout=WAIT)
    assert b'"SSL_PROTOCOL": "TLSv1.3"' in done.stdout
    assert b"GET / HTTP/1.1" in done.stdout


@pytest.mark.clients
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_testssl_finds_nothing_to_fix(superd: Superd, authority: Authority, tmp_path: Path) -> None:
    port, found = program(superd, authority), tmp_path / "found.json"
    superd.start()
    program_file = needs("testssl.sh", "testssl")
    # Not the tests of HTTP: the program is none. The CA is not one that testssl knows.
    parts = ("-p", "-s", "-f", "-S", "-U", "-P")
    words = (program_file, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--jsonfile", found, *parts)
    subprocess.run([*words, f"localhost:{port}"], capture_output=True, timeout=280)
    bad = {
        row["id"]: row["finding"] for row in json.loads(found.read_text()) if row["severity"] in ("MEDIUM", "HIGH", "CRITICAL")
    }
    assert set(bad) <= OF_THE_TESTS_OWN_CA


OF_THE_TESTS_OWN_CA = {"cert_chain_of_trust", "cert_expirationStatus", "cert_validityPeriod", "cert_revocation", "DNS_CAArecord"}
"""What testssl says of a certificate that no public CA issued."""
