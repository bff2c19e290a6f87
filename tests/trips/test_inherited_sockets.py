"""Listeners that a service manager opened and hands over (sd_listen_fds(3)), as packaging/superd.socket has them."""

from __future__ import annotations

import socket
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


def test_the_address_stays_open_while_superd_is_not_there(superd: Superd) -> None:
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


def test_a_socket_that_no_service_names_is_closed_and_told(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
        hand_over(superd, listener)
        superd.message(f"handed over for 127.0.0.1:{listener.getsockname()[1]}")


def test_a_program_gets_no_trace_of_the_hand_over(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        superd.service("env", f'server = "/usr/bin/env"\npassenv = "*"\nlisten = ["127.0.0.1:{port}"]\n')
        hand_over(superd, listener)
        assert b"LISTEN_" not in talk(port)
