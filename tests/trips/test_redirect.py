"""Redirects through the real daemon, to a real echo server and to servers with habits of their own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.daemon_process import WAIT, Superd, free_port, talk


def redirect(superd: Superd, target: int | str, extra: str = "") -> int:
    port = free_port()
    target = f"127.0.0.1:{target}" if isinstance(target, int) else target
    superd.service(
        "far",
        f'redirect = "{target}"\nlisten = ["127.0.0.1:{port}"]\n'
        f'log_on_success = ["HOST", "EXIT", "DURATION", "TRAFFIC"]\n{extra}',
    )
    return port


@contextmanager
def server(serve: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """A server of one connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:

        def run() -> None:
            with listener.accept()[0] as sock:
                sock.settimeout(WAIT)
                serve(sock)

        thread = threading.Thread(target=run)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(WAIT)
        assert not thread.is_alive()


def test_a_client_that_ends_its_side_still_gets_the_whole_answer_and_the_bytes_are_counted(superd: Superd) -> None:
    there = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{there}"]\n')
    port = redirect(superd, there)
    superd.start()
    data = bytes(range(256)) * 8000
    assert talk_at_once(port, data) == data
    ended = superd.event(event="EXIT", service="far")
    assert (ended["in"], ended["out"]) == (len(data), len(data))


def talk_at_once(port: int, data: bytes) -> bytes:
    """Sends and receives at the same time: more than the buffers on the way hold."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:

        def send() -> None:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        thread.join()
        return answer


def test_an_answer_that_begins_after_the_question_has_ended_arrives(superd: Superd) -> None:
    def serve(sock: socket.socket) -> None:
        question = b""
        while piece := sock.recv(100):
            question += piece
        sock.sendall(b"%d bytes" % len(question))

    with server(serve) as there:
        port = redirect(superd, there)
        superd.start()
        assert talk(port, b"hello") == b"5 bytes"
    ended = superd.event(event="EXIT", service="far")
    assert (ended["in"], ended["out"]) == (5, 7)


def test_a_server_that_ends_first_still_hears_the_client(superd: Superd) -> None:
    heard: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        sock.sendall(b"bye")
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(100):
            heard.append(piece)

    with server(serve) as there:
        port = redirect(superd, there)
        superd.start()
        with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
            assert (sock.recv(100), sock.recv(100)) == (b"bye", b"")
            sock.sendall(b"late")
    assert b"".join(heard) == b"late"


def test_a_reset_of_one_side_ends_the_other(superd: Superd) -> None:
    def serve(sock: socket.socket) -> None:
        assert sock.recv(100) == b"hi"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with server(serve) as there:
        port = redirect(superd, there)
        superd.start()
        with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
            sock.sendall(b"hi")
            assert sock.recv(1) == b""
    assert superd.event(event="EXIT", service="far")["in"] == 2


def test_a_target_by_name_and_over_ipv6_is_found(superd: Superd) -> None:
    with server(lambda sock: sock.sendall(b"six"), "::1") as there:
        port = redirect(superd, f"[::1]:{there}")
        superd.start()
        assert talk(port) == b"six"
    with server(lambda sock: sock.sendall(b"name")) as there:
        port = redirect(superd, f"localhost:{there}")
        superd.reload()
        assert talk(port) == b"name"


def test_a_target_that_does_not_exist_is_a_failure_with_its_reason(superd: Superd) -> None:
    port = redirect(superd, there := free_port())
    superd.start()
    assert talk(port) == b""
    assert f"cannot connect to `127.0.0.1:{there}`" in superd.event(event="FAIL", service="far")["detail"]


def test_a_relay_that_is_ended_by_its_limit_has_counted(superd: Superd) -> None:
    there = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{there}"]\n')
    port = redirect(superd, there, "limits = { session = 0.5 }\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"hello")
        assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
        assert sock.recv(1) == b""
    ended = superd.event(event="EXIT", service="far")
    assert (ended["in"], ended["out"]) == (5, 5)


def test_xinetds_own_traffic_line_is_written_before_its_exit(superd: Superd) -> None:
    config = superd.folder / "superd.toml"
    config.write_text('[log]\nformat = "text"\n')
    superd.arguments = ["--config", str(config)]
    there, port = free_port(), free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{there}"]\n')
    superd.service(
        "far",
        f'redirect = "127.0.0.1:{there}"\nlisten = ["127.0.0.1:{port}"]\nlog_style = "xinetd"\n'
        'log_on_success = ["EXIT", "TRAFFIC"]\n',
    )
    superd.start()
    assert talk(port, b"hello") == b"hello"
    superd.message("TRAFFIC: far in=5(bytes) out=5(bytes)")
    superd.message("EXIT: far status=0")


def test_a_redirect_to_a_unix_socket_carries_bytes_and_counts_them(superd: Superd) -> None:
    path = superd.folder / "there.sock"
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["unix:{path}"]\n')
    port = redirect(superd, f"unix:{path}")
    superd.start()
    assert talk(port, b"hello") == b"hello"
    assert superd.event(event="EXIT", service="far")["out"] == 5
