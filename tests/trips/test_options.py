"""The options of hosts_options(5) through the real daemon: in libwrap's order, for one connection, nothing left for the next."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root
from tests.world import World

PROBE = """
import json, os, socket
sock = socket.socket(fileno=os.dup(0))
mask = os.umask(0)
print(json.dumps({
    "env": dict(os.environ), "umask": mask, "nice": os.nice(0), "uid": os.getuid(), "gid": os.getgid(),
    "keepalive": sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "linger": list(sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)),
}), flush=True)
"""
ME, OTHER, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"


class Probe:
    """A service `probe` whose program prints what it finds; ``ask`` is one connection to it."""

    def __init__(self, superd: Superd) -> None:
        self.superd = superd
        self.port = free_port()
        superd.service(
            "probe",
            f'server = "{sys.executable}"\nlibwrap = "probe"\nflags = ["NAMEINARGS"]\n'
            f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(PROBE)}]\n'
            f'listen = ["0.0.0.0:{self.port}"]\n',
        )
        self.notes = superd.folder / "notes"
        self.notes.mkdir()
        self.notes.chmod(0o777)

    def ask(self, source: str = ME) -> dict[str, Any]:
        """What the program found; empty when the connection was refused."""
        said = talk(self.port, source=source)
        return json.loads(said) if said else {}

    def note(self, name: str) -> str:
        """What a command wrote."""
        return (self.notes / name).read_text()

    def wait_for(self, name: str) -> str:
        """What a command writes into a pipe that it finds at ``name``."""
        with open(self.notes / name) as pipe:
            return pipe.read()


@pytest.fixture
def probe(superd: Superd) -> Probe:
    return Probe(superd)


def test_options_change_one_connections_program_and_leave_nothing_for_the_next(probe: Probe) -> None:
    probe.superd.allow.write_text(
        f"probe : {ME} : setenv FOO  is %a! : umask 077 : nice 5 : keepalive : linger 7 : allow\nprobe : {OTHER} : linger 0\n"
    )
    probe.superd.start()
    plain = probe.ask(THIRD)
    changed = probe.ask(ME)
    assert changed["env"].pop("FOO") == f"is {ME}!"
    assert (changed["umask"], changed["nice"] - plain["nice"]) == (0o077, 5)
    assert changed["keepalive"] == 1
    assert changed["linger"] == list((1).to_bytes(4, sys.byteorder) + (7).to_bytes(4, sys.byteorder))
    again = probe.ask(THIRD)
    for world in (plain, again):
        assert "FOO" not in world["env"]
        assert world["umask"] == 0o022
        assert world["keepalive"] == 0
        assert world["linger"] == [0] * 8
    assert again["nice"] == plain["nice"]
    # As libwrap: zero seconds switch lingering off.
    assert probe.ask(OTHER)["linger"][:4] == [0] * 4


def test_a_command_finds_the_options_before_it_a_clean_environment_and_dev_null(probe: Probe) -> None:
    probe.superd.allow.write_text(
        f"probe : {ME} : spawn umask > {probe.notes}/before"
        f" : umask 027 : setenv FOO bar"
        f" : spawn (umask; env | sort; readlink /proc/self/fd/0; echo %a %h %d %r) > {probe.notes}/after\n"
    )
    probe.superd.start()
    assert probe.ask(ME)["umask"] == 0o027
    assert probe.note("before") == "0022\n"
    mask, *environment, stdin, values = probe.note("after").splitlines()
    assert (mask, stdin) == ("0027", "/dev/null")
    found = dict(line.split("=", 1) for line in environment)
    assert found["FOO"] == "bar"
    assert (found["SUPERD_CLIENT_ADDRESS"], found["SUPERD_DAEMON"], found["SUPERD_USER"]) == (ME, "probe", "unknown")
    others = {name for name in found if not name.startswith("SUPERD_")}
    assert others <= {"FOO", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    address, host, daemon, port = values.split()
    assert (address, host, daemon) == (ME, ME, "probe")
    assert 0 < int(port) < 65536


def test_a_command_finds_the_signals_that_tcpds_commands_find(probe: Probe) -> None:
    status = r"grep -E '^Sig(Blk|Ign)' /proc/self/status"
    probe.superd.allow.write_text(
        f"probe : {ME} : spawn {status} > {probe.notes}/spawn : aclexec {status} > {probe.notes}/aclexec\n"
        f"probe : {OTHER} : spawn {status} > {probe.notes}/spawn : nice 1 : spawn {status} > {probe.notes}/nice\n"
        f"probe : {THIRD} : twist {status}\n"
    )
    probe.superd.start()
    plain, hangup = ["0" * 16, "0" * 16], ["0" * 16, f"{1:016x}"]
    assert probe.ask(ME)
    assert probe.note("spawn").split()[1::2] == hangup
    assert probe.note("aclexec").split()[1::2] == plain
    assert probe.ask(OTHER)
    assert probe.note("nice").split()[1::2] == hangup
    assert talk(probe.port, source=THIRD).decode().split()[1::2] == plain


def test_spawn_is_waited_for_unless_it_ends_in_an_ampersand(probe: Probe) -> None:
    os.mkfifo(probe.notes / "gate")
    gate = f"{probe.notes}/gate"
    (probe.notes / "gate").chmod(0o666)
    probe.superd.allow.write_text(f"probe : {ME} : spawn cat {gate}\nprobe : {OTHER} : spawn cat {gate} &\n")
    probe.superd.start()
    with socket.create_connection(("127.0.0.1", probe.port), WAIT, source_address=(ME, 0)) as sock:
        # Opening it waits until the command reads: then the connection does wait.
        with open(gate, "w"):
            # Others are served meanwhile.
            assert probe.ask(THIRD)
            assert select.select([sock], [], [], 0)[0] == []
        assert b"env" in sock.recv(65536)
    with socket.create_connection(("127.0.0.1", probe.port), WAIT, source_address=(OTHER, 0)) as sock:
        assert b"env" in sock.recv(65536)
        with open(gate, "w"):
            pass


def test_a_command_that_takes_too_long_is_ended_and_an_aclexec_has_failed_then(probe: Probe) -> None:
    config = probe.superd.folder / "superd.toml"
    config.write_text("[policy]\nhook_timeout = 0.3\n")
    os.mkfifo(probe.notes / "never")
    probe.superd.allow.write_text(f"probe : {ME} : spawn sleep 1000\nprobe : {OTHER} : aclexec cat {probe.notes}/never\n")
    probe.superd.deny.write_text(f"probe : {OTHER}\n")
    probe.superd.start("--config", str(config))
    assert probe.ask(ME)
    assert probe.ask(OTHER) == {}


def test_only_so_many_commands_run_at_once_and_the_others_wait_their_turn(probe: Probe) -> None:
    config = probe.superd.folder / "superd.toml"
    config.write_text("[policy]\nhooks_at_once = 1\n")
    for name in ("first", "second"):
        os.mkfifo(probe.notes / name)
        (probe.notes / name).chmod(0o666)
    probe.superd.allow.write_text(
        f"probe : {ME} : spawn cat {probe.notes}/first\nprobe : {OTHER} : spawn cat {probe.notes}/second\n"
    )
    probe.superd.start("--config", str(config))
    with (
        socket.create_connection(("127.0.0.1", probe.port), WAIT, source_address=(ME, 0)) as one,
        open(probe.notes / "first", "w") as first,
        socket.create_connection(("127.0.0.1", probe.port), WAIT, source_address=(OTHER, 0)) as two,
    ):
        # Who needs no command passes by, and by then the second has been seen too.
        assert probe.ask(THIRD)
        with pytest.raises(OSError, match="No such device"):
            os.open(probe.notes / "second", os.O_WRONLY | os.O_NONBLOCK)
        first.close()
        assert b"env" in one.recv(65536)
        with open(probe.notes / "second", "w"):
            pass
        assert b"env" in two.recv(65536)


def test_commands_that_no_connection_waits_for_have_a_number_and_an_end_too(probe: Probe) -> None:
    config = probe.superd.folder / "superd.toml"
    config.write_text("[policy]\nhooks_at_once = 1\nhook_timeout = 0.02\n")
    os.mkfifo(probe.notes / "gate")
    (probe.notes / "gate").chmod(0o666)
    probe.superd.allow.write_text(f"probe : {ME} : spawn (cat {probe.notes}/gate; cat {probe.notes}/gate) & \n")
    probe.superd.start("--config", str(config))
    assert probe.ask(ME)
    with open(probe.notes / "gate", "w") as gate:
        # It runs, and is the only one that may.
        assert probe.ask(ME)
        probe.superd.message("too many commands run")
        ended = select.poll()
        ended.register(gate, 0)
        assert ended.poll(WAIT * 1000) == [(gate.fileno(), select.POLLERR)]


def test_twist_is_the_program_in_both_tables_with_the_socket_on_all_three(probe: Probe) -> None:
    probe.superd.allow.write_text(f"probe : {ME} : setenv FOO bar : twist echo $FOO %a; ls /nowhere; read line; echo got $line\n")
    probe.superd.deny.write_text(f"probe : {OTHER} : twist echo 421 not you, $SUPERD_CLIENT_ADDRESS >&2\n")
    probe.superd.start()
    answer = talk(probe.port, b"a line\n", source=ME).decode()
    assert answer.startswith(f"bar {ME}\n")
    assert "nowhere" in answer  # its stderr
    assert answer.endswith("got a line\n")
    assert talk(probe.port, source=OTHER).decode() == f"421 not you, {OTHER}\n"
    assert probe.superd.event(event="EXIT")["service"] == "probe"


def test_an_aclexec_decides_about_its_own_rule_and_failure_takes_the_more_closed_way(probe: Probe) -> None:
    note = f"{probe.notes}/ran"
    probe.superd.allow.write_text(
        f"probe : {ME} : aclexec echo this goes nowhere; test %a = {ME}\n"
        f"probe : {OTHER} : aclexec test %a = {ME} : spawn touch {note}\n"
        f"probe : {OTHER}\n"
        f"probe : {THIRD} : aclexec false : allow\n"
    )
    probe.superd.deny.write_text(
        f"probe : {OTHER} : severity auth.info : deny\nprobe : {THIRD} : aclexec false\nprobe : {THIRD}\n"
    )
    probe.superd.start()
    # Success: the rule matched, and the client sees nothing of what the command says.
    assert probe.ask(ME)
    # Failure in hosts.allow: the rest of the file is skipped, hosts.deny decides; what follows it is not carried out.
    assert probe.ask(OTHER) == {}
    assert not Path(note).exists()
    # Failure in hosts.deny: the next rule; failure before `allow` is failure.
    assert probe.ask(THIRD) == {}


def test_banners_in_both_tables_have_crlf_and_expansions_and_come_before_the_program(probe: Probe) -> None:
    folder = probe.superd.folder / "banners"
    folder.mkdir()
    (folder / "probe").write_bytes(b"220-%d for %a\n\xff100%%\nno end")
    probe.superd.allow.write_text(f"probe : {ME} : banners {folder}/ : setenv FOO bar\n")
    probe.superd.deny.write_text(f"probe : {OTHER} : banners {folder}\nprobe : {THIRD} : banners {folder}/none\n")
    probe.superd.start()
    text = b"220-probe for {}\r\n" + b"\xff100%\r\nno end"
    head, _, rest = talk(probe.port, source=ME).partition(b'{"env"')
    assert head == text.replace(b"{}", ME.encode())
    assert b'"FOO": "bar"' in rest
    assert talk(probe.port, source=OTHER) == text.replace(b"{}", OTHER.encode())
    assert talk(probe.port, source=THIRD) == b""


def test_user_and_group_are_honoured_and_unknown_ones_refuse_before_what_follows(probe: Probe) -> None:
    needs_root()
    note = probe.notes / "ran"
    port = free_port()
    # Not the probe: other users may be unable to read the interpreter of these tests.
    probe.superd.service("who", f'server = "/bin/sh"\nserver_args = ["-c", "id -u; id -g"]\nlisten = ["0.0.0.0:{port}"]\n')
    probe.superd.allow.write_text(
        f"sh : {ME} : user nobody : allow\n"
        f"sh : {OTHER} : user nobody.daemon\n"
        f"sh : {THIRD} : user no-such-user : spawn touch {note}\n"
        "sh : 127.0.0.5 : group daemon\n"
    )
    probe.superd.start()
    assert talk(port, source=ME) == b"65534\n65534\n"
    assert talk(port, source=OTHER) == b"65534\n1\n"
    assert talk(port, source=THIRD) == b""
    assert "no-such-user" in probe.superd.event(event="FAIL")["detail"]
    assert not note.exists()
    assert talk(port, source="127.0.0.5") == b"0\n1\n"
    assert talk(port) == b"0\n0\n"


def test_commands_run_as_the_services_user_or_as_the_hook_user(probe: Probe) -> None:
    needs_root()
    text = (probe.superd.services / "probe.toml").read_text()
    probe.superd.service("probe", text.replace('user = "root"\n', "") + 'user = "nobody"\n')
    probe.superd.deny.write_text(f"probe : ALL : spawn id -u >> {probe.notes}/who\n")
    probe.superd.start()
    assert probe.ask() == {}
    probe.superd.stop()
    assert probe.note("who") == "65534\n"
    (probe.notes / "who").unlink()
    config = probe.superd.folder / "superd.toml"
    config.write_text('[policy]\nhook_user = "root"\n')
    probe.superd.start("--config", str(config))
    assert probe.ask() == {}
    assert probe.note("who") == "0\n"


@contextmanager
def ident_server(address: str, reply: bytes) -> Iterator[None]:
    """RFC 1413 at ``address``; ``%s`` of the reply are the ports asked about."""
    with socket.create_server((address, 113)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    ports = sock.recv(100).strip()
                    sock.sendall(reply.replace(b"%s", ports))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(WAIT)


def test_rfc931_and_user_patterns_ask_the_clients_host_and_what_it_says_is_defused(probe: Probe) -> None:
    needs_root()
    source = f"127.113.{os.getpid() >> 8 & 255}.{os.getpid() & 254 | 1}"
    probe.superd.allow.write_text(
        f"probe : joe@{source} : allow\n"
        f"probe : {source} : rfc931 3 : spawn printf '%%s\\n' %u %c $SUPERD_USER > {probe.notes}/who : deny\n"
    )
    probe.superd.start()
    with ident_server(source, b"%s : USERID : UNIX : joe\r\n"):
        assert probe.ask(source)
    hostile = b"-rf;$(reboot)/../=@trusted`"
    with ident_server(source, b"%s : USERID : UNIX : " + hostile + b"\r\n"):
        assert probe.ask(source) == {}
    user, client, variable = probe.note("who").splitlines()
    assert user == variable == "_rf___reboot_______trusted_"
    assert client == f"{user}@{source}"
    # No server answers: unknown, at once where the port is closed.
    assert probe.ask(source) == {}
    assert probe.note("who").splitlines()[0] == "unknown"


def test_an_expansion_that_is_too_long_refuses_one_connection_with_a_line_and_ends_nothing(probe: Probe) -> None:
    long = "x" * 400 + "%a" * 900
    probe.superd.allow.write_text(
        f"probe : {ME} : spawn echo {long} > {probe.notes}/ran\nprobe : {OTHER} : twist echo {long}\n"
        f"probe : {THIRD} : spawn echo {'%a ' * 500} > {probe.notes}/fits\n"
    )
    probe.superd.start()
    for source in (ME, OTHER):
        assert probe.ask(source) == {}
        refused = probe.superd.event(event="FAIL", service="probe")
        assert "longer than 8190 bytes" in refused["detail"]
    assert not (probe.notes / "ran").exists()
    assert probe.ask(THIRD)
    assert probe.note("fits").count(THIRD) == 500


def test_severity_marks_its_own_connections_and_no_other(superd: Superd) -> None:
    world = World(superd)
    superd.service("echo", 'type = "INTERNAL"\nport = 7\n')
    (world.etc / "hosts.allow").write_text(f"echo : {ME} : severity authpriv.error\n")
    (world.etc / "hosts.deny").write_text(f"echo : {OTHER} : severity local3.panic\necho : {THIRD}\n")
    config = superd.folder / "superd.toml"
    config.write_text('[log]\ntargets = ["syslog", "stderr"]\n')
    with world.syslog() as syslog:
        superd.start("--config", str(config))
        for source in (OTHER, THIRD, ME):
            world.talk(7, source=source)
        lines: dict[str, int] = {}
        while len(lines) < 3:
            line = syslog.recv(4096).decode()
            if " connect from " in line or "refused connect from" in line:
                lines[line.split("(")[-1].rstrip(")\0\n")] = int(line[1 : line.index(">")])
    # facility * 8 + level: authpriv.err, local3.emerg, and superd's own authpriv.warning.
    assert lines == {ME: 10 * 8 + 3, OTHER: 19 * 8 + 0, THIRD: 10 * 8 + 4}
