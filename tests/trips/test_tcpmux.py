"""TCPMUX (RFC 1078) through the real daemon, from superd's own files and from xinetd's and inetd's."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root


def mux(superd: Superd, extra: str = "") -> int:
    port = free_port()
    superd.service("tcpmux", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\n{extra}')
    return port


def client(superd: Superd, name: str, kind: str, extra: str = "", server: str = 'server = "/bin/cat"\n') -> None:
    superd.service(name, f'type = ["{kind}", "UNLISTED"]\n{server}{extra}')


def test_the_plain_kind_hears_nothing_of_superd_and_the_plus_kind_gets_a_go(superd: Superd) -> None:
    port = mux(superd)
    client(superd, "plain", "TCPMUX")
    client(superd, "plus", "TCPMUXPLUS")
    superd.start()
    assert talk(port, b"plain\r\nhello") == b"hello"
    assert talk(port, b"PLUS\r\nhello") == b"+Go\r\nhello"
    assert superd.event(event="START", service="plain")["pid"]
    assert superd.event(event="EXIT", service="plain")["status"] == 0


def test_a_name_in_many_pieces_is_a_name(superd: Superd) -> None:
    port = mux(superd)
    client(superd, "plain", "TCPMUX")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"plain\r\nhi":
            sock.sendall(bytes([byte]))
        assert sock.recv(2, socket.MSG_WAITALL) == b"hi"


def test_help_lists_the_clients_and_nothing_else_can_be_reached(superd: Superd) -> None:
    port = mux(superd)
    client(superd, "one", "TCPMUX")
    client(superd, "two", "TCPMUXPLUS")
    superd.service("direct", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    superd.start()
    assert talk(port, b"HELP\r\n") == b"one\r\ntwo\r\n"
    for name in (b"direct", b"tcpmux", b"nobody", b"", b"x" * 256):
        assert talk(port, name + b"\r\n") == b"-Service not available\r\n", name
    assert talk(port, b"on") == b""


def test_the_clients_own_lists_wrappers_and_limits_count(superd: Superd) -> None:
    port = mux(superd)
    client(superd, "listed", "TCPMUX", 'only_from = ["127.0.0.2"]\n')
    client(superd, "wrapped", "TCPMUX", 'libwrap = "special"\n')
    client(superd, "single", "TCPMUXPLUS", "instances = 1\n")
    superd.deny.write_text("special: 127.0.0.2\n")
    superd.start()
    assert talk(port, b"listed\r\nhi") == b"-Service not available\r\n"
    assert superd.event(event="FAIL", service="listed")["reason"] == "address"
    assert talk(port, b"listed\r\nhi", source="127.0.0.2") == b"hi"
    assert talk(port, b"wrapped\r\nhi") == b"hi"
    assert talk(port, b"wrapped\r\nhi", source="127.0.0.2") == b"-Service not available\r\n"
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"single\r\n")
        assert sock.recv(5, socket.MSG_WAITALL) == b"+Go\r\n"
        superd.event(event="START", service="single")
        assert talk(port, b"single\r\nhi") == b"-Service not available\r\n"
        assert superd.event(event="FAIL", service="single")["reason"] == "instances"
    superd.event(event="EXIT", service="single")
    assert talk(port, b"single\r\nhi") == b"+Go\r\nhi"


def test_tcpmux_itself_counts_only_while_it_reads_the_name(superd: Superd) -> None:
    port = mux(superd, "instances = 1\n")
    client(superd, "plain", "TCPMUX")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as first:
        superd.event(event="START", service="tcpmux")
        assert talk(port, b"") == b""
        assert superd.event(event="FAIL", service="tcpmux")["reason"] == "instances"
        first.sendall(b"plain\r\nx")
        assert first.recv(1) == b"x"
        superd.event(event="EXIT", service="tcpmux")
        assert talk(port, b"plain\r\nhi") == b"hi"


def test_a_client_runs_as_its_own_user(superd: Superd) -> None:
    needs_root()
    port = mux(superd)
    client(superd, "who", "TCPMUX", 'user = "nobody"\n', 'server = "/usr/bin/id"\nserver_args = ["-un"]\n')
    superd.start()
    assert talk(port, b"who\r\n") == b"nobody\n"


def test_internal_services_and_redirects_are_clients_too(superd: Superd) -> None:
    port, other = mux(superd), free_port()
    superd.service("echo", 'type = ["INTERNAL", "TCPMUXPLUS"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{other}"]\n')
    superd.service("far", f'type = "TCPMUX"\nredirect = "127.0.0.1:{other}"\n')
    superd.start()
    assert talk(port, b"echo\r\nhi") == b"+Go\r\nhi"
    assert talk(port, b"far\r\nhi") == b"hi"


def test_a_xinetd_file_with_mux_clients_is_served(superd: Superd) -> None:
    port = free_port()
    file = superd.folder / "xinetd.conf"
    file.write_text(
        "service tcpmux\n{\n type = INTERNAL UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n"
        f" port = {port}\n bind = 127.0.0.1\n}}\n"
        "service one\n{\n id = first\n type = TCPMUXPLUS UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n"
        " user = nobody\n server = /bin/cat\n}\n"
    )
    superd.start("--config", str(file))
    assert talk(port, b"One\r\nhi") == b"+Go\r\nhi"
    assert talk(port, b"first\r\nhi") == b"-Service not available\r\n"


def test_an_inetd_file_with_mux_clients_is_served(superd: Superd) -> None:
    needs_root()
    needs("iproute2", "ip")
    file = superd.folder / "inetd.conf"
    file.write_text(
        "tcpmux stream tcp nowait root internal\n"
        "tcpmux/plain stream tcp nowait nobody /bin/cat cat\n"
        "tcpmux/+plus stream tcp nowait nobody /bin/cat cat\n"
    )
    superd.prefix = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    superd.start("--config", str(file))
    assert superd.process is not None
    ask = "import sys; from tests.daemon_process import talk; sys.stdout.buffer.write(talk(1, sys.argv[1].encode()))"
    for name, answer in (("plain", b"hi"), ("plus", b"+Go\r\nhi"), ("other", b"-Service not available\r\n")):
        enter = ["nsenter", "-t", str(superd.process.pid), "-n", "--", sys.executable, "-c", ask, f"{name}\r\nhi"]
        assert subprocess.run(enter, capture_output=True, check=True, timeout=WAIT).stdout == answer
