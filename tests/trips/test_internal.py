"""The internal services over both protocols, through the real daemon and to the clients people use."""

from __future__ import annotations

import re
import select
import socket
import struct
import subprocess
import threading
import time

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs

NAMES = ("echo", "discard", "chargen", "daytime", "time")


def serve(superd: Superd, extra: str = "") -> dict[str, int]:
    """Each service on one port, over TCP and UDP."""
    ports = {}
    for name in NAMES:
        port = ports[name] = free_port()
        superd.service(name, f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\n{extra}')
        superd.service(
            f"{name}-dgram",
            f'service = "{name}"\ntype = "INTERNAL"\nsocket_type = "dgram"\nlisten = ["127.0.0.1:{port}"]\n{extra}',
        )
    superd.start()
    return ports


def client(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(WAIT)
    sock.bind((host, port))
    return sock


def unanswered(sock: socket.socket) -> bool:
    """Whether nothing has come; to be asked when a later question has been answered."""
    return not select.select([sock], [], [], 0)[0]


def test_datagrams_are_answered_as_the_rfcs_say(superd: Superd) -> None:
    ports = serve(superd)
    with client() as sock:

        def ask(name: str, payload: bytes) -> bytes:
            sock.sendto(payload, ("127.0.0.1", ports[name]))
            return sock.recv(65536)

        assert ask("echo", b"x" * 20000) == b"x" * 20000
        assert re.fullmatch(rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d \S+\r\n", ask("daytime", b""))
        assert abs(struct.unpack(">I", ask("time", b""))[0] - 2208988800 - time.time()) < 10
        assert ask("chargen", bytes(200)) == talk_chargen(ports["chargen"])[:148]
        # No answer to discard, nor to a question that is shorter than a line of chargen: the next answer is echo's.
        for name in ("discard", "chargen"):
            sock.sendto(b"quiet", ("127.0.0.1", ports[name]))
        assert ask("echo", b"loud") == b"loud"


def talk_chargen(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        return sock.recv(74 * 4, socket.MSG_WAITALL)


def test_an_internal_service_serves_itself_whatever_its_wait_says(superd: Superd) -> None:
    ports = serve(superd, "wait = true\n")
    with client() as sock:
        for data in (b"hello", b"", b"again"):
            sock.sendto(data, ("127.0.0.1", ports["echo"]))
            assert sock.recv(100) == data
    assert talk(ports["echo"], b"hello") == b"hello"


def test_a_datagram_that_could_come_back_for_ever_is_not_answered(superd: Superd) -> None:
    ports = serve(superd)
    # From the port of another datagram service of this superd, at another address: what a forger would write.
    with client("127.0.0.2", ports["chargen"]) as forged, client() as good:
        for name in NAMES:
            forged.sendto(bytes(100), ("127.0.0.1", ports[name]))
            if name != "discard":
                good.sendto(bytes(100), ("127.0.0.1", ports[name]))
                assert good.recv(65536)
        assert unanswered(forged)


def test_lists_and_wrappers_hold_for_datagrams(superd: Superd) -> None:
    superd.deny.write_text("echo: 127.0.0.3\n")
    ports = serve(superd, 'no_access = ["127.0.0.2"]\n')
    with client() as good:
        for host in ("127.0.0.2", "127.0.0.3"):
            with client(host) as bad:
                bad.sendto(b"hi", ("127.0.0.1", ports["echo"]))
                good.sendto(b"hi", ("127.0.0.1", ports["echo"]))
                assert good.recv(100) == b"hi"
                superd.event(event="FAIL", peer=host)
                assert unanswered(bad)


def test_a_sensor_bans_who_connects_and_no_source_for_a_datagram(superd: Superd) -> None:
    port, cat = free_port(), free_port()
    for name, kind in (("trap", "stream"), ("trap-dgram", "dgram")):
        superd.service(name, f'flags = ["SENSOR"]\nsocket_type = "{kind}"\ndeny_time = 60\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{cat}"]\n')
    superd.start()
    with client("127.0.0.2") as sock:
        sock.sendto(b"hi", ("127.0.0.1", port))
    superd.event(event="FAIL", peer="127.0.0.2")
    assert talk(cat, b"hi", source="127.0.0.2") == b"hi"
    assert talk(port, source="127.0.0.2") == b""
    superd.message("Adding 127.0.0.2 to the global_no_access list for 60 minutes")
    assert talk(cat, source="127.0.0.2") == b""
    assert talk(cat, b"hi", source="127.0.0.3") == b"hi"


def test_where_senders_are_believed_a_datagram_has_penalties_and_is_refused_for_them(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "echo",
        f'type = "INTERNAL"\nservice = "echo"\nsocket_type = "dgram"\nlisten = ["127.0.0.1:{port}"]\nno_access = ["127.0.0.2"]\n'
        '[limits]\nv4_prefix = 24\n[limits.penalties]\nrefused = "1h"\nmax = "2h"\ndatagrams = true\n',
    )
    superd.start()
    with client("127.0.0.2") as bad, client("127.0.0.3") as neighbour, client("127.0.1.3") as good:
        bad.sendto(b"hi", ("127.0.0.1", port))
        superd.message("127.0.0.0/24 is refused for 3600 s: refused 1")
        neighbour.sendto(b"hi", ("127.0.0.1", port))
        assert superd.event(event="FAIL", peer="127.0.0.3")["reason"] == "penalty"
        good.sendto(b"hi", ("127.0.0.1", port))
        assert good.recv(100) == b"hi"


def test_netcat_talks_to_them(superd: Superd) -> None:
    nc = needs("netcat-openbsd", "nc")
    ports = serve(superd)

    def run(*words: str, text: bytes = b"") -> bytes:
        return subprocess.run([nc, *words], input=text, capture_output=True, timeout=WAIT).stdout

    assert run("-N", "127.0.0.1", str(ports["echo"]), text=b"hello\n") == b"hello\n"
    assert run("-N", "127.0.0.1", str(ports["discard"]), text=b"hello\n") == b""
    assert run("-d", "127.0.0.1", str(ports["daytime"])).endswith(b"\r\n")
    assert len(run("-d", "127.0.0.1", str(ports["time"]))) == 4
    # -W1: ends at the first answer.
    assert run("-u", "-W1", "127.0.0.1", str(ports["echo"]), text=b"hello\n") == b"hello\n"
    assert run("-u", "-W1", "127.0.0.1", str(ports["daytime"]), text=b"\n").endswith(b"\r\n")


def test_a_client_that_stops_reading_chargen_holds_up_nothing(superd: Superd) -> None:
    ports = serve(superd)
    with socket.create_connection(("127.0.0.1", ports["chargen"]), WAIT) as deaf:
        assert deaf.recv(74).startswith(b"!")
        assert talk(ports["echo"], b"x" * 1000000) == b"x" * 1000000
    assert superd.event(event="EXIT", service="chargen")


def test_echo_and_discard_take_a_connection_at_once_and_byte_by_byte(superd: Superd) -> None:
    ports = serve(superd)
    text = bytes(range(256)) * 40_000
    assert talk(ports["echo"], b"") == b""
    assert talk(ports["discard"], text) == b""
    with socket.create_connection(("127.0.0.1", ports["echo"]), WAIT) as sock:
        for letter in b"hello":
            sock.sendall(bytes([letter]))
            assert sock.recv(10) == bytes([letter])

        def write() -> None:
            sock.sendall(text)
            sock.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        found = b""
        while piece := sock.recv(1 << 20):
            found += piece
        writer.join()
    assert found == text
    for _ in range(2):
        assert superd.event(event="START", service="echo")
        assert superd.event(event="EXIT", service="echo")
