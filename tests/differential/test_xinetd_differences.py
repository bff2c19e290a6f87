"""Each deliberate difference from xinetd and the inetds, shown on both sides; docs/xinetd-differences.md names each test."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import WAIT
from tests.differential.sides import Side, Sides, ask, connected, rest, talk, write_programs
from tests.differential.test_inetd import FAR, far
from tests.xinetd_process import eventually

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "xinetd-differences.md"
SERVED = ("at once", b"served\n")
CLOSED = ("at once", b"")
NOBODY = ("nobody listens", b"")

READY = 9000
ECHO = "server = /bin/echo\nserver_args = served"
SHOW = "server = /bin/sh\nserver_args = @/show"
Both = tuple[Side, Side]


def service(name: str, port: int, text: str) -> str:
    """An entry as most are; ``text`` wins."""
    names = {line.split()[0] for line in text.splitlines() if line.strip()}
    usual = {
        "type": "UNLISTED", "socket_type": "stream", "protocol": "tcp", "wait": "no", "user": "root", "flags": "IPv4",
    }  # fmt: skip
    lines = [f"{key} = {value}" for key, value in usual.items() if key not in names]
    return "\n".join([f"service {name}", "{", f"port = {port}", *lines, text, "}", ""])


# One service a test, each on the port that the test names.
ENTRIES = [
    service("ready", READY, ECHO),
    service("revived", 9001, f"{ECHO}\ninstances = many\ndisable = no"),
    service("commented", 9002, f"{ECHO}\nbind = 127.0.0.2 # the inside"),
    service("bare", 9003, f"{ECHO}\nno_access"),
    service("behind-bare", 9004, ECHO),
    service("order", 9005, "server = /bin/echo\nserver_args = echo served\nflags = NAMEINARGS IPv4"),
    service("family", 9006, f"{ECHO}\nbind = ::1\nflags = IPv4"),
    service("literal", 9007, f"{ECHO}\nv6only = no\nflags = IPv6"),
    service("whole", 9008, f"{ECHO}\nflags = IPv6\nno_access = ::1/128"),
    service("mistyped", 9009, f"{ECHO}\nno_access = 300.1.2.3"),
    service("sandboxed", 9010, f"{ECHO}\nkafel_rule = /etc/policy"),
    service("folder", 9011, "server = /usr/bin"),
    service("named", 9012, f"{ECHO}\nonly_from = client-0-2.test\nflags = IPv6"),
    service("flooded", 9013, f"{ECHO}\nonly_from = 127.0.0.2\ncps = 2 60"),
    service("trap", 9014, "type = INTERNAL UNLISTED\nflags = SENSOR IPv4\ndeny_time = 60"),
    service("redirected", 9015, "redirect = 127.0.0.1 9016"),
    service("slow", 9016, "server = /bin/sh\nserver_args = @/slow"),
    service("eager", 9017, f"{SHOW}\nuser = nobody\nnice = -5"),
    service("files", 9018, SHOW),
    service("bare-environment", 9019, f"{SHOW}\npassenv ="),
    service("dual", 9020, f"{SHOW}\nflags = IPv6"),
    service("chargen", 9021, "type = INTERNAL UNLISTED\nid = chargen-stream"),
    service("chargen", 9022, "type = INTERNAL UNLISTED\nid = chargen-dgram\nsocket_type = dgram\nprotocol = udp\nwait = yes"),
    service("echo", 9023, "type = INTERNAL UNLISTED\nid = echo-dgram\nsocket_type = dgram\nprotocol = udp\nwait = yes"),
    service("unidentified", 9024, f"{ECHO}\nflags = IPv4 IDONLY\nlog_on_success = USERID"),
    service("taken", 9025, "wait = yes\nserver = /usr/bin/python3\nserver_args = @/accepter\nonly_from = 127.0.0.2"),
]
SHOWN = "echo nice $(nice) files $(ulimit -Sn)\nenv\n"
SLOW = "cat >/dev/null\necho served\n"
ACCEPTER = "import socket; l=socket.socket(fileno=0); s,a=l.accept(); s.sendall(b'served\\n')"


def begin(folder: Path) -> Sides:
    sides = Sides(folder)
    write_programs(folder, {"show": SHOWN, "slow": SLOW, "accepter": ACCEPTER})
    sides.limit_files(500, 1000)
    return sides


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    sides = begin(tmp_path_factory.mktemp("both"))
    conf = sides.folder / "xinetd.conf"
    above = service("above", 9026, ECHO)
    text = "defaults\n{\nno_access = 127.0.0.77\n}\n" + "".join(ENTRIES)
    conf.write_text((above + text).replace("@/", f"{sides.folder}/"))
    try:
        yield sides.xinetd(conf, READY), sides.superd(conf, READY)
    finally:
        sides.stop()


def told(side: Side, port: int, **how: str) -> tuple[str, bytes]:
    return side.ask(talk, port, **how)


# ------------------------------------------------------------------ what is read


def test_an_entry_with_an_error_never_starts(both: Both) -> None:
    assert [told(side, 9001) for side in both] == [SERVED, NOBODY]


def test_text_after_a_value_is_a_comment(both: Both) -> None:
    assert [told(side, 9002) for side in both] == [SERVED, NOBODY]
    assert [told(side, 9002, host="127.0.0.2") for side in both] == [SERVED, SERVED]


def test_a_bare_attribute_costs_its_own_entry_alone(both: Both) -> None:
    assert [told(side, 9003) for side in both] == [NOBODY, NOBODY]
    assert [told(side, 9004) for side in both] == [NOBODY, SERVED]


def test_defaults_count_wherever_they_stand(both: Both) -> None:
    assert [told(side, 9026, source="127.0.0.77") for side in both] == [SERVED, CLOSED]
    assert [told(side, READY, source="127.0.0.77") for side in both] == [CLOSED, CLOSED]


def test_the_order_of_flags_and_arguments_means_nothing(both: Both) -> None:
    assert [told(side, 9005) for side in both] == [CLOSED, SERVED]


def test_an_address_against_the_flags_is_listened_on(both: Both) -> None:
    assert [told(side, 9006) for side in both] == [SERVED, NOBODY]
    assert [told(side, 9006, host="::1") for side in both] == [NOBODY, SERVED]


def test_v6only_means_what_it_says(both: Both) -> None:
    assert [told(side, 9007) for side in both] == [NOBODY, SERVED]


def test_a_prefix_of_128_refuses_its_address(both: Both) -> None:
    assert [told(side, 9008, host="::1") for side in both] == [SERVED, CLOSED]


def test_a_no_access_that_cannot_be_understood_admits_no_client(both: Both) -> None:
    assert told(both[0], 9009) == SERVED
    assert told(both[1], 9009) in (NOBODY, CLOSED)


def test_an_unknown_attribute_is_an_error(both: Both) -> None:
    assert [told(side, 9010) for side in both] == [SERVED, NOBODY]


def test_a_program_is_a_file(both: Both) -> None:
    assert [told(side, 9011) for side in both] == [CLOSED, NOBODY]


# ------------------------------------------------------------------ who comes


def test_names_know_ipv4_clients_on_sockets_of_both_families(both: Both) -> None:
    assert [told(side, 9012, source="127.0.0.2") for side in both] == [CLOSED, SERVED]


def test_lists_that_cannot_be_kept_are_an_error(both: Both) -> None:
    # xinetd knows no client before the program accepts: it refuses every client, or later than 2.3.15.3 none at all.
    assert told(both[0], 9025)[1] == told(both[0], 9025, source="127.0.0.2")[1]
    assert told(both[1], 9025, source="127.0.0.2") == NOBODY


def test_a_flood_pauses_its_source_and_strangers_pause_no_service(both: Both) -> None:
    seen = []
    for side in both:
        for _ in range(8):
            told(side, 9013)  # not in only_from
        seen.append(told(side, 9013, source="127.0.0.2"))
    assert seen == [NOBODY, SERVED]


def test_a_sensor_bans_the_address_that_came(both: Both) -> None:
    for side in both:
        told(side, 9014, source="127.0.5.0")
        assert told(side, READY, source="127.0.5.0") == CLOSED
    assert [told(side, READY, source="127.0.5.9") for side in both] == [CLOSED, SERVED]


def test_clients_without_a_user_are_refused_even_without_a_log(both: Both) -> None:
    assert [told(side, 9024) for side in both] == [SERVED, CLOSED]


# ------------------------------------------------------------------ what is done


def test_each_direction_of_a_redirect_ends_by_itself(both: Both) -> None:
    assert [told(side, 9015) for side in both] == [CLOSED, SERVED]


def shown(side: Side, port: int) -> tuple[str, dict[str, str]]:
    first, *rest_ = told(side, port)[1].decode().splitlines()
    return first, dict(line.split("=", 1) for line in rest_ if "=" in line)


def test_a_negative_nice_works_for_any_user(both: Both) -> None:
    assert [shown(side, 9017)[0].split()[1] for side in both] == ["0", "-5"]


def test_programs_have_the_usual_limit_of_open_files(both: Both) -> None:
    assert [shown(side, 9018)[0].split()[3] for side in both] == ["1000", "500"]


def test_programs_learn_more_of_their_client(both: Both) -> None:
    theirs, ours = (set(shown(side, 9018)[1]) for side in both)
    assert "REMOTE_HOST" in theirs & ours
    assert ours - theirs >= {"REMOTE_ADDR", "REMOTE_PORT", "PROTO", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALIP", "TCPLOCALPORT"}
    assert ours - theirs <= {"REMOTE_ADDR", "REMOTE_PORT", "PROTO", "LC_CTYPE", *(n for n in ours if n.startswith("TCP"))}


def test_programs_always_have_a_path(both: Both) -> None:
    # A shell has a PATH of its own, but does not hand it on.
    theirs, ours = (shown(side, 9019)[1] for side in both)
    assert "PATH" not in theirs
    assert "/usr/bin" in ours["PATH"]


def test_an_ipv4_client_is_one_on_sockets_of_both_families(both: Both) -> None:
    assert [shown(side, 9020)[1]["REMOTE_HOST"] for side in both] == ["::ffff:127.0.0.1", "127.0.0.1"]


def line_of_chargen(port: int, number: int) -> bytes:
    with connected(port) as sock, sock.makefile("rb") as stream:
        return [stream.readline() for _ in range(number)][-1]


def test_chargen_has_all_95_characters(both: Both) -> None:
    theirs, ours = (side.ask(line_of_chargen, 9021, 24) for side in both)
    assert theirs.endswith(b'|}!"\r\n') or theirs.endswith(b"|}!\r\n")
    assert ours.endswith((b"|}~ \r\n", b"|}~\r\n"))


def test_chargen_answers_no_more_than_it_got(both: Both) -> None:
    theirs, ours = (side.ask(ask, 9022, b"x" * 300) for side in both)
    assert len(theirs) == 1024
    assert len(ours) <= 300


def test_echo_keeps_a_datagram_whole(both: Both) -> None:
    theirs, ours = (side.ask(ask, 9023, b"x" * 5000) for side in both)
    assert len(theirs) < 5000
    assert len(ours) == 5000


# ------------------------------------------------------------------ reload


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Path, Sides]]:
    sides = begin(tmp_path)
    yield tmp_path / "xinetd.conf", sides
    sides.stop()


def test_a_reload_with_an_error_changes_nothing(fresh: tuple[Path, Sides]) -> None:
    conf, sides = fresh
    conf.write_text("defaults\n{\n}\n" + ENTRIES[0])
    theirs, ours = sides.xinetd(conf, READY), sides.superd(conf, READY)
    conf.write_text("defaults\n{\numask = many\n}\n" + ENTRIES[0])
    for side in (theirs, ours):
        side.reload()
    assert theirs.ended() == 0
    eventually(lambda: "umask" in ours.said(), "superd's word about it")
    assert told(ours, READY) == SERVED


def test_a_reload_ends_no_program_and_leaves_no_address(fresh: tuple[Path, Sides]) -> None:
    conf, sides = fresh
    cat = service("cat", 9001, "server = /bin/cat")
    bound = service("bound", 9002, f"{ECHO}\nbind = 127.0.0.2")
    conf.write_text(ENTRIES[0] + cat + bound)
    theirs, ours = sides.xinetd(conf, READY), sides.superd(conf, READY)
    sessions: list[socket.socket] = []
    for side in (theirs, ours):
        sessions.append(side.ask(connected, 9001))
        sessions[-1].sendall(b"before\n")
        assert sessions[-1].recv(100) == b"before\n"
    conf.write_text(ENTRIES[0] + service("bound", 9002, ECHO) + service("new", 9003, ECHO))
    for side in (theirs, ours):
        side.reload()
        side.wait_for(9003)
        eventually(lambda side=side: 9001 not in side.listening(), "the end of the service")  # type: ignore[misc]
    assert rest(sessions[0]) == b""  # xinetd killed it
    sessions[1].sendall(b"after\n")
    assert sessions[1].recv(100) == b"after\n"
    for sock in sessions:
        sock.close()
    assert [told(side, 9002) for side in (theirs, ours)] == [NOBODY, SERVED]


# ------------------------------------------------------------------ the inetds

INETD = f"""\
{READY} stream tcp nowait root /bin/echo echo served
9001 stream tcp nowait.2 root /bin/echo echo served
9002 stream tcp nowait root /usr/bin/env env
9003 stream tcp nowait root /usr/sbin/tcpd @/wrapped
9004 stream tcp nowait nobody-of-this-name /bin/echo echo served
9005 stream tcp nowait root /bin/echo echo served
9005 stream tcp6 nowait root /bin/echo echo served
chargen stream tcp nowait root internal
time stream tcp nowait root internal
time dgram udp wait root internal
echo dgram udp wait root internal
"""


def inetds(folder: Path, dialect: str) -> Iterator[Both]:
    os.environ["SIDES_TEST"] = "passed on"
    sides = Sides(folder, (FAR,))
    (sides.world.etc / "hosts.deny").write_text("wrapped : ALL\n")
    (folder / "wrapped").write_text("#!/bin/sh\necho served\n")
    (folder / "wrapped").chmod(0o755)
    conf, ours = folder / "inetd.conf", folder / "superd.toml"
    conf.write_text(INETD.replace("@/", f"{folder}/"))
    ours.write_text(f'inetd = ["{conf}"]\ninetd_dialect = "{dialect}"\n')
    try:
        yield (sides.openbsd if dialect == "openbsd" else sides.inetutils)(conf, READY), sides.superd(ours, READY)
    finally:
        sides.stop()


@pytest.fixture(scope="module")
def openbsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    yield from inetds(tmp_path_factory.mktemp("openbsd"), "openbsd")


@pytest.fixture(scope="module")
def inetutils(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    yield from inetds(tmp_path_factory.mktemp("inetutils"), "inetutils")


def test_a_service_that_starts_too_often_is_refused_and_not_deaf(inetutils: Both) -> None:
    for side in inetutils:
        assert [told(side, 9001) for _ in range(2)] == [SERVED, SERVED]
        told(side, 9001)
    assert [told(side, 9001) for side in inetutils] == [NOBODY, CLOSED]


def test_a_line_for_tcp6_after_one_for_tcp_serves_ipv6(inetutils: Both) -> None:
    assert [told(side, 9005) for side in inetutils] == [SERVED, SERVED]
    assert [told(side, 9005, host="::1", source="::1") for side in inetutils] == [NOBODY, SERVED]


def test_programs_of_an_inetd_get_no_stray_environment(openbsd: Both) -> None:
    theirs, ours = (told(side, 9002)[1].decode() for side in openbsd)
    assert "SIDES_TEST=" in theirs
    assert "\nPATH=" not in theirs
    assert "SIDES_TEST=" not in ours
    assert "\nPATH=" in ours


def test_a_refusal_by_the_wrappers_does_not_wait_five_seconds(openbsd: Both) -> None:
    assert [told(side, 9003) for side in openbsd] == [("late", b""), CLOSED]


def test_a_service_whose_user_does_not_exist_is_not_listened_for(openbsd: Both) -> None:
    assert [told(side, 9004) for side in openbsd] == [CLOSED, NOBODY]


def test_chargen_begins_where_xinetds_does(openbsd: Both) -> None:
    theirs, ours = (side.ask(line_of_chargen, 19, 1) for side in openbsd)
    assert theirs[:3] == b' !"'
    assert ours[:3] == b'!"#'


def test_time_is_four_bytes(inetutils: Both) -> None:
    assert [len(told(side, 37)[1]) for side in inetutils] == [8, 4]
    assert [len(side.ask(far, 37)) for side in inetutils] == [8, 4]


def test_datagrams_of_this_host_are_answered(openbsd: Both) -> None:
    def answered(port: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as later:
            sock.settimeout(WAIT)
            sock.connect(("127.0.0.1", port))
            later.settimeout(WAIT)
            later.bind((FAR, 0))
            sock.send(b"first")
            later.sendto(b"second", (FAR, port))
            assert later.recv(100) == b"second"  # they are answered in their order
            sock.setblocking(False)
            try:
                return sock.recv(100) == b"first"
            except BlockingIOError:
                return False

    assert [side.ask(answered, 7) for side in openbsd] == [False, True]


# ------------------------------------------------------------------ the page


def page() -> dict[str, list[str]]:
    entries = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {entry.splitlines()[0]: re.findall(r"^Test: `([^`]+)`$", entry, re.MULTILINE) for entry in entries}


def test_every_difference_on_the_page_names_one_test_that_is_there() -> None:
    for title, tests in page().items():
        assert len(tests) == 1, title
        path, _, name = tests[0].partition("::")
        assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), title


def test_every_difference_that_is_shown_here_is_on_the_page() -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    shown_here = re.findall(r"^def (test_\w+)\((?:both|fresh|openbsd|inetutils)", Path(__file__).read_text(), re.MULTILINE)
    assert {f"{here}::{name}" for name in shown_here} <= {tests[0] for tests in page().values()}
