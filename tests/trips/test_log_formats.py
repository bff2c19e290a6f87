"""The log through the real daemon: each format and target, one id on all lines of a session, and nothing next to JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from superd.log.event import Kind
from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.log.test_text_journal import parse
from tests.needs import needs, needs_root
from tests.world import World

ROOT = Path(__file__).parent.parent.parent


def configured(superd: Superd, text: str) -> None:
    config = superd.folder / "superd.toml"
    config.write_text(text)
    superd.arguments = ["--config", str(config)]


def cat(port: int, extra: str = "") -> str:
    return f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{extra}'


def test_the_closing_record_has_everything_and_the_id_of_the_first_line(superd: Superd) -> None:
    port = free_port()
    superd.service("sh", f'server = "/bin/sh"\nserver_args = ["-c", "exit 3"]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port) == b""
    start, end = superd.event(event="start"), superd.event(event="exit")
    assert start["session"] == end["session"]
    assert re.fullmatch(r"[0-9a-z]{1,5}-1", end["session"])
    assert (end["pid"], end["status"], end["ended_by"]) == (start["pid"], 3, "exit")
    assert end["memory"] > 1 << 20
    assert end["cpu"] >= 0
    assert datetime.fromisoformat(end["time"]).utcoffset() is not None
    assert re.search(r"\.\d{6}[+-]", end["time"])


def test_a_program_that_superd_ends_says_why(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port, "[limits]\nsession = 0.05\n"))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(1) == b""
    end = superd.event(event="exit")
    assert (end["ended_by"], end["signal"], end["result"]) == ("session_limit", 15, "killed by SIGTERM")


def test_a_program_that_a_stranger_kills_ended_by_a_signal(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        os.kill(superd.event(event="start")["pid"], signal.SIGKILL)
        assert sock.recv(1) == b""
    assert superd.event(event="exit")["ended_by"] == "signal"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_session_has_superds_address_and_the_rule_that_admitted_it(superd: Superd, wrapped: bool) -> None:
    port = free_port()
    superd.service("cat", cat(port, 'flags = ["NOLIBWRAP"]\n' if not wrapped else ""))
    superd.allow.write_text("# comment\ncat: 127.0.0.1\n")
    superd.deny.write_text("ALL: ALL\n")
    superd.start()
    assert talk(port, b"hi") == b"hi"
    end = superd.event(event="exit")
    assert (end["local"], end["local_port"]) == ("127.0.0.1", port)
    assert end.get("rule") == (f"{superd.allow}:2" if wrapped else None)


def test_a_session_of_a_rule_with_options_has_its_rule_and_its_wait(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.allow.write_text("cat: 127.0.0.1: aclexec sleep 0.05\n")
    superd.start()
    assert talk(port, b"hi") == b"hi"
    end = superd.event(event="exit")
    assert end["rule"] == f"{superd.allow}:1"
    assert end["wait"] >= 0.05


@pytest.mark.parametrize(
    ("internal", "extra", "cause"),
    [
        ("echo", "", "client"),
        ("discard", "", "client"),
        ("daytime", "", "exit"),
        ("echo", "[limits]\nsession = 0.05\n", "session_limit"),
        ("chargen", 'banner_success = "/dev/null"\n[limits]\nsession = 0.05\n', "session_limit"),
        ("echo", "[limits]\nidle = 0.05\n", "idle"),
    ],
)
def test_what_ended_an_internal_service_is_in_its_record(superd: Superd, internal: str, extra: str, cause: str) -> None:
    port = free_port()
    superd.service("in", f'type = "INTERNAL"\nservice = "{internal}"\nlisten = ["127.0.0.1:{port}"]\n{extra}')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        if cause == "client":
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert superd.event(event="exit")["ended_by"] == cause


def test_a_client_that_resets_is_what_ended_the_session(superd: Superd) -> None:
    port = free_port()
    superd.service("in", f'type = "INTERNAL"\nservice = "chargen"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert superd.event(event="exit")["ended_by"] == "reset"


def test_a_stop_is_what_ended_the_session(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT):
        superd.event(event="start")
        rest = superd.rest()
    assert next(event for event in rest if event["event"] == "exit")["ended_by"] == "stop"


def test_a_client_that_resets_before_its_banner_leaves_one_refusal_and_no_session(superd: Superd) -> None:
    port, banner = free_port(), superd.folder / "banner"
    banner.write_text("welcome")
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\nbanner_success = "{banner}"\n')
    superd.allow.write_text("echo: 127.0.0.1: aclexec sleep 0.1\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert superd.event(event="fail")["reason"] == "gone"
    assert not [event for event in superd.rest() if event["event"] in ("start", "exit")]


def test_a_redirect_that_fails_has_a_reason_of_its_own(superd: Superd) -> None:
    port, nothing = free_port(), free_port()
    superd.service("far", f'redirect = "127.0.0.1:{nothing}"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port) == b""
    assert superd.event(event="fail")["reason"] == "redirect"


def test_a_refusal_has_the_limit_and_the_count(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port, "instances = 1\n"))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT):
        superd.event(event="start")
        assert talk(port) == b""
        refused = superd.event(event="fail")
        assert (refused["reason"], refused["limit"], refused["now"]) == ("instances", 1, 1)
        assert refused["session"].endswith("-2")


def test_next_to_json_nothing_is_printed_anywhere(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port, 'only_from = ["192.0.2.0/24"]\nno_access = ["192.0.2.0/24"]\n'))
    superd.start()
    assert superd.process is not None
    assert superd.process.stdout is not None
    assert talk(port) == b""
    warned = superd.event(event="problem")
    assert warned["level"] == "warning"
    assert warned["file"].endswith("cat.toml")
    superd.process.send_signal(signal.SIGTERM)
    assert superd.process.stdout.read() == b""
    assert not [event for event in superd.rest() if event["event"] == "text"]


def test_the_first_process_of_a_container_logs_json_to_stdout(superd: Superd) -> None:
    needs_root()
    unshare = needs("util-linux", "unshare")
    port = free_port()
    superd.service("cat", cat(port))
    command = [
        unshare, "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-m", "superd", "run",
        "--services", str(superd.services), "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            events: list[dict[str, Any]] = []
            while not events or events[-1]["event"] != "ready":
                events.append(json.loads(process.stdout.readline()))
            assert talk(port, b"hi") == b"hi"
            while events[-1]["event"] != "exit":
                events.append(json.loads(process.stdout.readline()))
        finally:
            process.kill()
        assert process.stderr.read() == b""


def test_the_journal_gets_entries_with_fields_of_their_own(superd: Superd) -> None:
    world = World(superd)
    folder = superd.folder / "journal"
    folder.mkdir(mode=0o755)
    superd.prefix[-2] = superd.prefix[-2].replace(
        'exec "$@"', f'mkdir -p /run/systemd/journal; mount --bind {folder} /run/systemd/journal; exec "$@"'
    )
    configured(superd, '[log]\ntargets = ["journal"]\n')
    superd.service("cat", 'server = "/bin/cat"\nport = 7\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o666)
        journal.settimeout(WAIT)
        superd.start()
        assert world.talk(7, "hi") == "hi"
        entries: list[dict[str, str]] = []
        while not entries or entries[-1]["SUPERD_EVENT"] != "exit":
            entries.append(parse(journal.recv(65536)))
        start, end = (next(entry for entry in entries if entry["SUPERD_EVENT"] == word) for word in ("start", "exit"))
        assert (start["MESSAGE_ID"], end["MESSAGE_ID"]) == (Kind.START.message_id, Kind.EXIT.message_id)
        assert (start["SUPERD_SERVICE"], start["SUPERD_PEER"]) == ("cat", "127.0.0.1")
        assert start["SUPERD_SESSION"] == end["SUPERD_SESSION"]
        assert end["SUPERD_ENDED_BY"] == "exit"
        assert superd.rest() == []


@pytest.mark.parametrize("form", ["rfc3164", "rfc5424"])
def test_a_syslog_daemon_with_a_stream_socket_gets_every_record(superd: Superd, form: str) -> None:
    world = World(superd)
    configured(superd, f'[log]\ntargets = ["syslog"]\nsyslog_format = "{form}"\n')
    superd.service("cat", 'server = "/bin/cat"\nport = 7\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
        path = superd.folder / "dev" / "log"
        daemon.bind(str(path))
        path.chmod(0o666)
        daemon.listen()
        daemon.settimeout(WAIT)
        superd.start()
        assert world.talk(7, "hi") == "hi"
        got, connections = b"", []
        while b"EXIT cat " not in got:
            connections.append(daemon.accept()[0])  # the master's, then the front's
            connections[-1].settimeout(WAIT)
            while b"ready" not in got.split(b"\0")[0] and b"serves" not in got and b"EXIT cat " not in got:
                got += connections[-1].recv(65536)
            if len(connections) == 2:
                while b"EXIT cat " not in got:
                    got += connections[-1].recv(65536)
        for connection in connections:
            connection.close()
        record = next(part for part in got.split(b"\0") if b"START cat " in part)
        assert record.startswith(b"<30>1 " if form == "rfc5424" else b"<30>")
        assert (b'[superd@32473 service="cat" session="' in record) == (form == "rfc5424")


def test_without_a_syslog_daemon_a_service_logs_to_superds_own_log(superd: Superd) -> None:
    world = World(superd)
    superd.service("cat", 'server = "/bin/cat"\nport = 7\nlog_type = "SYSLOG daemon"\n')
    superd.start()
    assert world.talk(7, "hi") == "hi"
    superd.message("syslog `/dev/log` does not exist: ")
    assert superd.event(event="exit", service="cat")["status"] == 0


def test_a_reload_changes_the_format(superd: Superd) -> None:
    port = free_port()
    configured(superd, '[log]\nformat = "json"\n')
    superd.service("cat", cat(port))
    superd.start()
    configured(superd, '[log]\nformat = "text"\n')
    assert superd.process is not None
    superd.process.send_signal(signal.SIGHUP)
    superd.message("notice: reload: ")
    assert talk(port) == b""
    line = superd.message(" EXIT cat ")
    assert line["event"] == "text"
    assert re.search(
        r" EXIT cat \w+-1 from=127\.0\.0\.1:\d+ to=127\.0\.0\.1:\d+ pid=\d+ ended_by=exit status=0 ", line["message"]
    )


def test_a_flood_of_refusals_is_a_few_lines_and_a_count_that_the_end_writes_too(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port, 'no_access = ["127.0.0.0/8"]\n'))
    superd.start()
    for _ in range(40):
        assert talk(port) == b""
    rest = superd.rest()
    assert len([event for event in rest if event["event"] == "fail"]) == 10
    [told] = [event for event in rest if event["event"] == "repeats"]
    assert (told["of"], told["peer"], told["reason"], told["count"]) == ("fail", "127.0.0.1", "address", 30)
