"""The ident server through the real daemon, whose front is another user than the connection's."""

from __future__ import annotations

import os
import pwd
import socket

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


def auth(superd: Superd, options: str) -> int:
    port = free_port()
    superd.service("auth", f'type = "INTERNAL"\nserver_args = [{options}]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    return port


def test_a_connection_of_this_host_is_shown_to_its_other_end_alone(superd: Superd) -> None:
    port = auth(superd, '"-r"')
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", there), WAIT) as sock, server.accept()[0]:
            asked = f"{sock.getsockname()[1]}, {there}"
            name = pwd.getpwuid(os.getuid()).pw_name
            assert talk(port, f"{asked}\r\n".encode()) == f"{asked.replace(',', ' ,')} : USERID : UNIX : {name}\r\n".encode()
            # A client that asks from another address is not the other end.
            assert talk(port, f"{asked}\r\n".encode(), source="127.0.0.2").endswith(b": ERROR : NO-USER\r\n")


def test_without_a_question_there_is_not_an_answer_and_a_wrong_port_is_said(superd: Superd) -> None:
    port = auth(superd, "")
    assert talk(port, b"0, 70000\r\n") == b"0 , 70000 : ERROR : INVALID-PORT\r\n"
    assert talk(port, b"22, 1024\n") == b"22 , 1024 : ERROR : HIDDEN-USER\r\n"
    assert talk(port, b"hello\r\n") == b""
    assert talk(port, b"1" * 5000) == b""
    assert talk(port, b"") == b""


def test_a_home_that_the_front_may_not_look_into_hides_its_owner(superd: Superd) -> None:
    needs_root()
    port = auth(superd, '"-r", "-n"')
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", there), WAIT) as sock, server.accept()[0]:
            answer = talk(port, f"{sock.getsockname()[1]},{there}\r\n".encode())
    assert b"HIDDEN-USER" in answer or os.stat("/root").st_mode & 0o001
