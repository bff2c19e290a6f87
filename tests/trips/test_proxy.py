"""The PROXY protocol through the real daemon, with HAProxy and nginx as senders."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from superd.peer import peer_from_text
from superd.wire.proxy_header import SIGNATURE, build, crc32c
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs

CLIENT, SERVER = peer_from_text("192.0.2.7", 4711), peer_from_text("198.51.100.1", 22)
ENVIRONMENT = "import json, os, sys; print(json.dumps(dict(os.environ))); print(sys.stdin.readline().strip())"


def program(superd: Superd, extra: str, where: str = "") -> int:
    """A service that says its environment, and then the first line that it reads."""
    port = free_port()
    superd.service(
        "probe",
        f'server = "{sys.executable}"\nflags = ["NAMEINARGS"]\n'
        f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(ENVIRONMENT)}]\n'
        f'listen = ["{where or f"127.0.0.1:{port}"}"]\n{extra}',
    )
    return port


ANY = 'proxy_protocol = "any"\nproxy_from = ["127.0.0.0/8"]\n'


def ask(port: int, data: bytes, source: str = "127.0.0.1") -> tuple[dict[str, str], str]:
    with socket.create_connection(("127.0.0.1", port), WAIT, (source, 0)) as sock:
        sock.sendall(data)
        return answer(sock)


def answer(sock: socket.socket) -> tuple[dict[str, str], str]:
    with contextlib.suppress(ConnectionResetError):
        lines = sock.makefile("rb").read().decode().split("\n")
        if len(lines) > 1:
            return json.loads(lines[0]), lines[1]
    return {}, ""


@pytest.mark.parametrize("version", [1, 2])
def test_the_announced_address_is_the_clients_everywhere(superd: Superd, version: int) -> None:
    port = program(superd, ANY + 'only_from = ["192.0.2.0/24"]\n')
    superd.start()
    env, line = ask(port, build(version, CLIENT, SERVER) + b"hello\n")
    assert line == "hello"
    assert (env["REMOTE_HOST"], env["REMOTE_PORT"], env["TCPLOCALIP"], env["TCPLOCALPORT"]) == (
        "192.0.2.7", "4711", "198.51.100.1", "22",
    )  # fmt: skip
    assert (env["PROXY_ADDR"], env["PROXY_PROTOCOL"]) == ("127.0.0.1", f"v{version}")
    started = superd.event(event="START")
    assert (started["peer"], started["port"], started["local"]) == ("192.0.2.7", 4711, "198.51.100.1")
    assert started["proxy"].startswith("127.0.0.1:")
    other = build(version, peer_from_text("203.0.113.9", 1), SERVER)
    assert ask(port, other) == ({}, "")
    refused = superd.event(event="FAIL")
    assert (refused["reason"], refused["peer"]) == ("address", "203.0.113.9")


def test_hosts_deny_and_limits_of_a_source_hold_the_announced_address(superd: Superd) -> None:
    superd.deny.write_text("ALL: 203.0.113.\n")
    port = program(superd, ANY + "per_source = 1\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as first:
        first.sendall(build(1, CLIENT, SERVER))
        superd.event(event="START")
        assert ask(port, build(2, CLIENT, SERVER)) == ({}, "")
        assert superd.event(event="FAIL")["reason"] == "per_source"
        assert ask(port, build(2, peer_from_text("192.0.2.8", 1), SERVER) + b"x\n")[1] == "x"
        assert ask(port, build(2, peer_from_text("203.0.113.8", 1), SERVER)) == ({}, "")
        assert superd.event(event="FAIL")["reason"] == "libwrap"


def test_a_connection_from_elsewhere_is_refused_or_served_as_it_is(superd: Superd) -> None:
    port = program(superd, 'proxy_protocol = "v2"\nproxy_from = ["127.0.0.2"]\nproxy_optional_from = ["127.0.0.3/32"]\n')
    superd.start()
    assert ask(port, build(2, CLIENT, SERVER) + b"x\n", "127.0.0.2")[0]["REMOTE_HOST"] == "192.0.2.7"
    env, line = ask(port, b"direct\n", "127.0.0.3")
    assert (env["REMOTE_HOST"], line, "PROXY_ADDR" in env) == ("127.0.0.3", "direct", False)
    # What it sends is its own, even if it looks like a header.
    env, line = ask(port, build(1, CLIENT, SERVER), "127.0.0.3")
    assert (env["REMOTE_HOST"], line.split(" ")[0]) == ("127.0.0.3", "PROXY")
    assert ask(port, build(2, CLIENT, SERVER), "127.0.0.1") == ({}, "")
    refused = superd.event(event="FAIL")
    assert (refused["reason"], refused["detail"], refused["peer"]) == ("proxy", "not in proxy_from", "127.0.0.1")
    assert ask(port, b"direct\n", "127.0.0.2") == ({}, "")
    assert superd.event(event="FAIL", reason="proxy")["detail"] == "no PROXY header"


def test_a_header_that_does_not_come_in_time_is_refused(superd: Superd) -> None:
    port = program(superd, ANY + "[limits]\nstart = 0.3\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"PROXY TCP4 192.")
        assert answer(sock) == ({}, "")
    assert superd.event(event="FAIL")["reason"] == "start_limit"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\x00\0\0", SIGNATURE + b"\x21\x00\0\0"])
def test_a_health_check_of_the_proxy_is_the_proxy_itself(superd: Superd, header: bytes) -> None:
    port = program(superd, ANY)
    superd.start()
    env, line = ask(port, header + b"check\n")
    assert (env["REMOTE_HOST"], line, "PROXY_PROTOCOL" in env) == ("127.0.0.1", "check", False)


def test_what_the_header_says_of_tls_reaches_the_program_defused(superd: Superd) -> None:
    port = program(superd, ANY)
    superd.start()

    def tlv(kind: int, value: bytes) -> bytes:
        return bytes([kind]) + len(value).to_bytes(2) + value

    tls = tlv(0x20, b"\x07\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"() { :;}; id\nX=\xc3\xa9"))
    head = build(2, CLIENT, SERVER)
    body = head[16:] + tlv(2, b"a.example.org") + tls + tlv(5, b"\x01\x02")
    whole = head[:14] + (len(body) + 7).to_bytes(2) + body + tlv(3, bytes(4))
    env, _ = ask(port, whole[:-4] + crc32c(whole).to_bytes(4) + b"x\n")
    assert env["PROXY_AUTHORITY"] == "a.example.org"
    assert (env["PROXY_TLS_VERSION"], env["PROXY_TLS_VERIFIED"], env["PROXY_UNIQUE_ID"]) == ("TLSv1.3", "yes", "0102")
    assert env["PROXY_TLS_CN"] == "__ _ :___ id_X=_"
    assert ask(port, whole[:-4] + b"none" + b"x\n") == ({}, "")
    assert superd.event(event="FAIL")["detail"] == "PROXY v2 checksum is wrong"


def test_families_mix_an_ipv6_client_by_an_ipv4_proxy_and_both_by_a_unix_socket(superd: Superd, tmp_path: Path) -> None:
    port = program(superd, ANY)
    superd.start()
    six = peer_from_text("2001:db8::7", 4711)
    assert ask(port, build(2, six, SERVER) + b"x\n")[0]["REMOTE_HOST"] == "2001:db8::7"
    assert ask(port, build(1, six, SERVER) + b"x\n")[0]["TCPLOCALIP"] == "198.51.100.1"
    # A proxy's client on a unix socket has no address.
    assert ask(port, SIGNATURE + b"\x21\x31" + (216).to_bytes(2) + bytes(216) + b"x\n")[0]["PROTO"] == "UNIX"


def test_a_proxy_on_a_unix_socket_is_known_by_its_user(superd: Superd, tmp_path: Path) -> None:
    path = tmp_path / "s"
    program(
        superd, 'proxy_protocol = "any"\nproxy_from = ["uid:0"]\nonly_from = ["192.0.2.0/24"]\nper_source = 3\n', f"unix:{path}"
    )
    superd.start()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(build(2, CLIENT, SERVER) + b"x\n")
        env, line = answer(sock)
    assert (env["REMOTE_HOST"], env["PROTO"], line) == ("192.0.2.7", "TCP", "x")
    assert "REMOTE_UID" not in env
    assert superd.event(event="START")["proxy"] == "uid:0"


def test_redirects_internal_services_and_tcpmux_have_the_announced_client(superd: Superd) -> None:
    echo, far, mux = free_port(), free_port(), free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{echo}"]\n{ANY}')
    superd.service("far", f'redirect = "127.0.0.1:{echo}"\nlisten = ["127.0.0.1:{far}"]\n{ANY}send_proxy = "v2"\n')
    superd.service("tcpmux", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{mux}"]\n{ANY}')
    superd.service("cat", 'type = "TCPMUX"\nserver = "/bin/cat"\nonly_from = ["192.0.2.7"]\n')
    superd.start()
    for port, data in ((echo, b""), (far, b""), (mux, b"cat\r\n")):
        with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
            sock.sendall(build(1, CLIENT, SERVER) + data + b"hello")
            sock.shutdown(socket.SHUT_WR)
            assert sock.makefile("rb").read() == b"hello"
    # The redirect announces the client once more: the service that it leads to has it too.
    found = [superd.event(event="EXIT", peer="192.0.2.7")["service"] for _ in range(5)]
    assert sorted(found) == ["cat", "echo", "echo", "far", "tcpmux"]


# ---------------------------------------------------------------------- real senders


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A program that listens on ``port``."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            deadline = time.monotonic() + WAIT
            while True:
                assert process.poll() is None, process.stdout and process.stdout.read().decode()
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < deadline
            yield
        finally:
            process.terminate()


@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"])
def test_haproxy_announces_its_clients(superd: Superd, tmp_path: Path, word: str) -> None:
    haproxy = needs("haproxy", "haproxy")
    port, front = program(superd, ANY + 'only_from = ["127.0.0.9"]\n'), free_port()
    superd.start()
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        f"defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 9s\n  timeout server 9s\n"
        f"frontend f\n  bind 127.0.0.1:{front}\n  unique-id-format %{{+X}}o\\ %ci_%cp\n  default_backend b\n"
        f"backend b\n  server s 127.0.0.1:{port} {word}\n"
    )
    with running([haproxy, "-db", "-f", str(config)], front):
        env, line = ask(front, b"hello\n", "127.0.0.9")
    assert (env["REMOTE_HOST"], line, env["TCPLOCALPORT"]) == ("127.0.0.9", "hello", str(front))
    assert env["PROXY_PROTOCOL"] == ("v1" if word == "send-proxy" else "v2")
    assert ("PROXY_UNIQUE_ID" in env) is ("unique-id" in word)


def test_haproxys_health_checks_are_its_own(superd: Superd, tmp_path: Path) -> None:
    haproxy = needs("haproxy", "haproxy")
    port, front = program(superd, ANY), free_port()
    superd.start()
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        f"defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 9s\n  timeout server 9s\n"
        f"listen f\n  bind 127.0.0.1:{front}\n  server s 127.0.0.1:{port} send-proxy-v2 check inter 100ms check-send-proxy\n"
    )
    with running([haproxy, "-db", "-f", str(config)], front):
        # A check is LOCAL: the proxy itself comes. It resets the connection at once, mostly before the program is started.
        while "proxy" in (come := superd.event(service="probe")) or come["event"] not in ("start", "fail"):
            pass  # the connection that found HAProxy ready
    assert (come["peer"], come.get("reason", "gone")) == ("127.0.0.1", "gone")


def test_nginx_announces_its_clients(superd: Superd, tmp_path: Path) -> None:
    nginx, module = needs("nginx", "nginx"), needs("libnginx-mod-stream", "/usr/lib/nginx/modules/ngx_stream_module.so")
    port, front = program(superd, ANY + 'only_from = ["127.0.0.9"]\n'), free_port()
    superd.start()
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"load_module {module};\ndaemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log stderr;\n"
        f"events {{}}\nstream {{ server {{ listen 127.0.0.1:{front}; proxy_pass 127.0.0.1:{port}; proxy_protocol on; }} }}\n"
    )
    with running([nginx, "-e", "stderr", "-c", str(config), "-p", str(tmp_path)], front):
        env, line = ask(front, b"hello\n", "127.0.0.9")
    assert (env["REMOTE_HOST"], line, env["PROXY_PROTOCOL"]) == ("127.0.0.9", "hello", "v1")
