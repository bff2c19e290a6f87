"""Who owns a connection: the kernel's own table, with real connections and with lines as it writes them."""

from __future__ import annotations

import os
import pwd
import socket
import sys
from pathlib import Path

import pytest

from superd.auth_options import AuthOptions, parse_auth_options
from superd.internal.auth import answer, owner
from superd.peer import peer_from_text

LINE = "   0: 0100007F:1F90 0200007F:0050 %s 00000000:00000000 00:00000000 00000000  1000        0 %s 1 0000000000000000 20\n"
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_living_connection_is_its_owners(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port)) as sock, server.accept()[0]:
            mine = sock.getsockname()[1]
            assert owner((host, mine), (host, port)) == os.getuid()
            assert owner((host, port), (host, mine)) == os.getuid()
            assert owner((host, mine), (host, mine)) is None
            assert owner((host, port), (host, 1)) is None


def test_an_ipv4_connection_of_a_dual_socket_is_found_in_the_other_table() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as sock, server.accept()[0]:
            assert owner(("127.0.0.1", port), ("127.0.0.1", sock.getsockname()[1])) == os.getuid()


@pytest.mark.skipif(sys.byteorder != "little", reason="the lines are those of a little-endian kernel")
@pytest.mark.parametrize(
    ("state", "inode", "uid"), [("01", "77", 1000), ("08", "77", 1000), ("06", "0", None), ("0A", "77", None), ("01", "0", None)]
)
def test_what_no_process_holds_is_nobodys(tmp_path: Path, state: str, inode: str, uid: int | None) -> None:
    (tmp_path / "tcp").write_text(HEADER + LINE % (state, inode))
    assert owner(("127.0.0.1", 8080), ("127.0.0.2", 80), str(tmp_path)) == uid


def test_the_options_decide_what_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as sock, server.accept()[0]:
            ports = (sock.getsockname()[1], port)
            here = peer_from_text("127.0.0.1")
            name = pwd.getpwuid(os.getuid()).pw_name

            def said(options: str, asked: tuple[int, int] = ports) -> str:
                reply = answer(asked, here, here, parse_auth_options(options.split()))
                return reply.decode().split(" : ", 1)[1].rstrip()

            assert said("") == "ERROR : HIDDEN-USER"
            assert said("-d guest") == "USERID : UNIX : guest"
            assert said("-r") == f"USERID : UNIX : {name}"
            assert said("-r -i -o OTHER") == f"USERID : OTHER : {os.getuid()}"
            assert said("-r -g") != said("-r -g")
            assert said("-r", (1, 2)) == "ERROR : NO-USER"
            assert said("-r -d guest", (1, 2)) == "USERID : UNIX : guest"


def test_options_are_freebsds_and_a_wrong_one_is_named() -> None:
    words = ["-r", "-n", "-oOTHER", "-t", "2.5", "-d", "guest"]
    assert parse_auth_options(words) == AuthOptions(real=True, hide=True, system="OTHER", seconds=2.5, fallback="guest")
    for wrong in (["-x"], ["-f"], ["-t"], ["-t", "0"], ["-o", "a b"], ["-d", "a:b"], ["real"]):
        with pytest.raises(ValueError, match=wrong[0]):
            parse_auth_options(wrong)
