"""Listeners that a service manager opened and hands over (sd_listen_fds(3)), as packaging/superd.socket has them."""

from __future__ import annotations

import socket
import stat
import sys

from tests.daemon_process import Superd, free_port, talk

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "one"}
os.execv(sys.argv[2], sys.argv[2:])
"""


def hand_over(superd: Superd, listener: socket.socket) -> None:
    listener.set_inheritable(True)
    superd.prefix = [sys.executable, "-c", HAND_OVER, str(listener.fileno())]
    superd.pass_fds = (listener.fileno(),)
    superd.start()


def test_a_connection_that_waited_in_the_managers_socket_is_served(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
        # No superd yet: the manager's socket takes it.
        with socket.create_connection(("127.0.0.1", port)) as early:
            hand_over(superd, listener)
            early.sendall(b"hi")
            early.shutdown(socket.SHUT_WR)
            assert early.recv(10) == b"hi"


def test_the_address_stays_open_while_superd_is_away(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
        hand_over(superd, listener)
        superd.stop()
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_wildcard_of_both_families_is_known_again(superd: Superd) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        port = listener.getsockname()[1]
        superd.service("cat", f'server = "/bin/cat"\nport = {port}\n')
        hand_over(superd, listener)
        assert talk(port, b"hi") == b"hi"


def test_a_socket_that_no_service_names_is_closed_and_reported(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
        hand_over(superd, listener)
        superd.message(f"closing inherited socket 127.0.0.1:{listener.getsockname()[1]}")


def test_a_program_gets_no_trace_of_the_hand_over(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        superd.service("env", f'server = "/usr/bin/env"\npassenv = "*"\nlisten = ["127.0.0.1:{port}"]\n')
        hand_over(superd, listener)
        assert b"LISTEN_" not in talk(port)


def test_a_managers_socket_gets_its_services_options_at_the_start_and_at_a_reload(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        cat = f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n'

        def options() -> tuple[bool, bool]:
            # The socket is shared, so its options are seen from here too.
            nodelay = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            return bool(nodelay), bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

        superd.service("cat", f'{cat}flags = ["NODELAY"]\n')
        hand_over(superd, listener)
        assert options() == (True, False)
        superd.service("cat", f'{cat}flags = ["KEEPALIVE"]\n')
        superd.reload()
        assert options() == (False, True)


def test_the_path_of_a_managers_unix_socket_keeps_its_mode_and_stays_when_superd_ends(superd: Superd) -> None:
    path = superd.folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\n')
        hand_over(superd, listener)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"hi")
            assert client.recv(2) == b"hi"
        superd.stop()
        assert path.exists()
