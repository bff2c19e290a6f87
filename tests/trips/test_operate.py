"""What operators' commands do to a running superd: each with real clients."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.daemon_process import WAIT, Superd, free_port, living, talk
from tests.trips.test_control import asked, connect, serve


@contextmanager
def going_on(superd: Superd, *words: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A command that goes on, and what it prints. It ends with the test, also with one that fails."""
    arguments = [sys.executable, "-m", "superd", *words]
    folder = Path(__file__).parent.parent.parent
    with subprocess.Popen(arguments, env=superd.environment, stdout=subprocess.PIPE, text=True, cwd=folder) as command:
        assert command.stdout is not None
        try:
            yield command, command.stdout
        finally:
            command.kill()


def closed(sock: socket.socket) -> bool:
    sock.settimeout(WAIT)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_sessions_name_client_program_and_memory(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connect(port, "127.0.0.5"), connect(port, "127.0.0.6"):
        found = asked(superd, "sessions", "--source", "127.0.0.5")["sessions"]
        assert [session["peer"].partition(":")[0] for session in found] == ["127.0.0.5"]
        assert found[0]["memory"] > 100_000
        assert living(found[0]["pid"])
        assert len(asked(superd, "sessions", "cat")["sessions"]) == 2
        assert asked(superd, "sessions", "--older-than", "1h")["sessions"] == []
        assert "127.0.0.6" in superd.command("sessions").stdout


def test_a_kick_ends_the_session_and_the_log_says_so(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connect(port) as one, connect(port) as two:
        ids = [session["id"] for session in asked(superd, "sessions")["sessions"]]
        assert len(asked(superd, "kick", "--service", "cat", "--dry-run")["ended"]) == 2
        done = superd.command("kick", ids[0])
        assert (done.returncode, "ending 1 session: cat" in done.stdout) == (0, True)
        assert closed(one)
        ended = superd.event(event="exit")
        assert (ended["session"], ended["ended_by"]) == (ids[0], "kick")
        done = superd.command("kick", ids[0][:-1] + "0")
        assert done.returncode == 1
        assert "did you mean" in done.stderr
        assert superd.command("kick", "--source", "127.0.0.0/8", "--now").returncode == 0
        assert closed(two)


def test_a_program_that_ignores_sigterm_is_killed_by_now(superd: Superd) -> None:
    port = serve(superd)
    superd.service("deaf", (superd.services / "cat.toml").read_text().replace(
        'server = "/bin/cat"', 'server = "/bin/sh"\nserver_args = ["-c", "trap \'\' TERM; echo x; while :; do sleep 60; done"]'
    ))  # fmt: skip
    (superd.services / "cat.toml").unlink()
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(1) == b"x"
        (session,) = asked(superd, "sessions")["sessions"]
        asked(superd, "kick", session["id"], "--now")
        assert superd.event(event="exit")["signal"] == 9


def test_what_a_sensor_banned_is_listed_and_taken_back(superd: Superd) -> None:
    port, trap = serve(superd), free_port()
    superd.service("trap", f'flags = ["SENSOR"]\ndeny_time = "FOREVER"\nlisten = ["127.0.0.1:{trap}"]\n')
    superd.start()
    assert talk(trap, source="127.0.0.5") == b""
    superd.event(event="ban", peer="127.0.0.5")
    assert talk(port, source="127.0.0.5") == b""
    refused = superd.event(event="fail", service="cat")
    assert (refused["reason"], refused["detail"]) == ("penalty", "for ever: sensor trap 1")
    files = ("-s", str(superd.services), "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny))
    expected = {"service": "", "source": "127.0.0.5", "left": 0.0, "refused": 1, "why": "sensor trap 1"}
    assert asked(superd, "bans")["penalties"] == [expected]
    shown = superd.command("bans").stdout.splitlines()[-1].split()
    assert shown == ["127.0.0.5", "all", "for", "ever", "1", "sensor", "trap", "1"]
    explained = superd.command("explain", "cat", "127.0.0.5", *files)
    assert "a sensor banned the client for ever: sensor trap 1" in explained.stdout
    assert "127.0.0.5 has no penalty with all services any more (sensor trap 1)" in superd.command("unban", "127.0.0.5").stdout
    assert asked(superd, "bans")["penalties"] == []
    assert talk(port, b"hi", source="127.0.0.5") == b"hi"


def test_a_ban_refuses_ends_counts_and_survives_a_restart(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connect(port, "127.0.0.5") as sock:
        done = superd.command("ban", "127.0.0.5", "--for", "1h", "--because", "mirror loop")
        assert done.returncode == 0
        assert "banned 127.0.0.5 until" in done.stdout
        assert "undo: superd unban 127.0.0.5" in done.stdout
        assert closed(sock)
        assert superd.event(event="exit")["ended_by"] == "ban"
    assert talk(port, source="127.0.0.5") == b""
    assert superd.event(event="fail")["reason"] == "banned"
    assert talk(port, b"hi", source="127.0.0.6") == b"hi"
    (ban,) = asked(superd, "bans")["bans"]
    assert (ban["prefix"], ban["because"], ban["by"], ban["hits"]) == ("127.0.0.5", "mirror loop", os.getuid(), 1)
    superd.stop()
    superd.start()
    assert talk(port, source="127.0.0.5") == b""
    os.kill(superd.front(), signal.SIGKILL)
    superd.message("the front ended")
    assert talk(port, b"hi", source="127.0.0.6") == b"hi"
    assert talk(port, source="127.0.0.5") == b""
    assert superd.command("unban", "127.0.0.5").returncode == 0
    assert talk(port, b"hi", source="127.0.0.5") == b"hi"
    done = superd.command("unban", "127.0.0.5")
    assert (done.returncode, "is not banned" in done.stderr) == (1, True)


def test_a_ban_may_keep_sessions_and_hold_one_service(superd: Superd) -> None:
    port, other = serve(superd), serve(superd, "other")
    superd.start()
    with connect(port, "127.0.0.5") as sock:
        asked(superd, "ban", "127.0.0.0/28", "--service", "cat", "--keep", "--yes")
        assert talk(port, source="127.0.0.5") == b""
        assert talk(other, b"hi", source="127.0.0.5") == b"hi"
        sock.sendall(b"y")
        assert sock.recv(1) == b"y"


def test_a_ban_of_ones_own_address_or_of_everything_asks_for_a_yes(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    done = superd.command("ban", "127.0.0.0/29")  # this host's own address is in it
    assert (done.returncode, "127.0.0.1 is an address of yours" in done.stderr) == (64, True)
    done = superd.command("ban", "0.0.0.0/0")
    assert (done.returncode, "--yes" in done.stderr) == (64, True)
    done = superd.command("ban", "127.0.0.0/16", env={"SSH_CLIENT": "127.0.0.7 5 22"})
    assert (done.returncode, "127.0.0.7 is an address of yours" in done.stderr) == (64, True)
    assert talk(port, b"hi") == b"hi"


def test_a_state_folder_that_cannot_be_written_is_said_and_the_ban_holds(superd: Superd) -> None:
    port = serve(superd)
    (superd.folder / "state").write_text("in the way")
    superd.start()
    superd.message("cannot be read")
    done = superd.command("ban", "127.0.0.5")
    assert (done.returncode, "not saved" in done.stderr) == (1, True)
    assert talk(port, source="127.0.0.5") == b""
    assert talk(port, b"hi") == b"hi"


def test_a_paused_service_lets_clients_wait_and_a_resume_serves_them(superd: Superd) -> None:
    port, other = serve(superd), serve(superd, "other")
    superd.start()
    assert superd.command("pause", "cat", "--because", "upgrade").returncode == 0
    with socket.create_connection(("127.0.0.1", port), WAIT) as waiting:
        waiting.sendall(b"x")
        assert talk(other, b"hi") == b"hi"
        assert asked(superd, "sessions")["sessions"] == []
        assert "paused by" in superd.command("status").stdout
        front = superd.front()
        os.kill(front, signal.SIGKILL)
        superd.message("the front ended")
        assert talk(other, b"hi") == b"hi"
        assert asked(superd, "sessions")["sessions"] == []
        assert superd.command("resume").stdout == "resumed cat\n"
        assert waiting.recv(1) == b"x"
    assert superd.command("resume").stdout == "nothing was paused\n"


def test_a_reload_keeps_a_pause(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    asked(superd, "pause", "cat")
    text = (superd.services / "cat.toml").read_text()
    superd.service("cat", text.replace("listen", "instances = 5\nlisten"))
    superd.reload()
    with socket.create_connection(("127.0.0.1", port), WAIT) as waiting:
        waiting.sendall(b"x")
        assert asked(superd, "status")["services"][0]["paused"]["service"] == "cat"
        assert asked(superd, "sessions")["sessions"] == []
        asked(superd, "resume", "cat")
        assert waiting.recv(1) == b"x"


def test_a_service_may_refuse_while_it_is_paused(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    asked(superd, "pause", "cat", "--refuse")
    assert talk(port) == b""
    assert superd.event(event="fail")["reason"] == "paused"


def test_a_drain_waits_for_sessions_and_says_which_are_left(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connect(port) as sock:
        done = superd.command("drain", "cat", "--until", "0.5s")
        assert done.returncode == 1
        assert "1 session left, oldest cat" in done.stdout
        assert "left: 1 session: cat" in done.stdout
        with going_on(superd, "drain") as (drain, lines):
            assert "not accepting" in lines.readline()
            assert "1 session left" in lines.readline()
            sock.close()
            out, _ = drain.communicate(timeout=WAIT)
            assert (drain.returncode, "all sessions are over" in out) == (0, True)


def test_a_reload_waits_until_it_is_in_force_and_shows_what_changed(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    new = serve(superd, "tang")
    text = (superd.services / "cat.toml").read_text()
    superd.service("cat", text.replace("listen", 'instances = 5\nno_access = ["127.0.0.9"]\nlisten'))
    done = superd.command("reload", "--dry-run")
    assert done.stdout.startswith("reload would be: 1 opened, 1 changed, 0 kept\n+ tang ")
    with pytest.raises(ConnectionRefusedError):
        talk(new)
    done = superd.command("reload", "--diff")
    assert done.returncode == 0, done.stderr
    assert "~ cat         instances none → 5" in done.stdout
    assert "no_access + 127.0.0.9" in done.stdout
    assert talk(new, b"hi") == b"hi"
    assert talk(port, source="127.0.0.9") == b""
    (superd.services / "tang.toml").unlink()
    assert "- tang " in superd.command("reload", "--diff").stdout
    assert superd.command("reload", "--diff").stdout == "reload: 1 kept\n"


def test_a_refused_reload_is_78_with_its_problems_and_stays_a_problem_of_the_status(superd: Superd) -> None:
    serve(superd)
    superd.start()
    superd.service("bad", 'server = "/bin/cat"\nlisten = ["127.0.0.1:1"]\ninstances = "fifty"\n')
    for words in (("reload",), ("reload", "--dry-run")):
        done = superd.command(*words)
        assert done.returncode == 78
        assert "reload refused: 1 problem, nothing has changed" in done.stdout
        assert "bad.toml:3: error:" in done.stderr
    assert "the last reload was refused: " in superd.command("status").stdout
    (superd.services / "bad.toml").unlink()
    assert superd.command("reload").returncode == 0
    assert superd.command("status").returncode == 0


def test_explain_asks_the_running_superd_about_bans_pauses_and_limits(superd: Superd) -> None:
    port = serve(superd, instances="1")
    superd.start()
    files = ["-s", str(superd.services), "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny)]
    done = superd.command("explain", "cat", "127.0.0.5", *files)
    assert superd.process is not None
    assert done.returncode == 0
    assert done.stdout.endswith(f"limits: 0 of 1 programs run\nasked the running superd (pid {superd.process.pid})\n")
    with connect(port):
        done = superd.command("explain", "cat", "127.0.0.5", *files)
        assert (done.returncode, done.stdout.endswith("refused now: instances\n")) == (1, True)
        told = superd.command("explain", "cat", "127.0.0.5", "--json", *files)
        answer = json.loads(told.stdout)
        assert (told.returncode, answer["service"], answer["address"], answer["admitted"]) == (1, "cat", "127.0.0.5", False)
        assert "\n".join(answer["steps"]) + "\n" == done.stdout
        limits = asked(superd, "status", "cat")["limits"]
        assert [limit["key"] for limit in limits] == ["cps"]
    asked(superd, "ban", "127.0.0.5", "--because", "loop")
    done = superd.command("explain", "cat", "127.0.0.5", *files)
    assert "bans: 127.0.0.5 is banned by " in done.stdout
    assert done.stdout.endswith("refused now: banned\n")
    other = superd.command("explain", "cat", "127.0.0.5", "-s", str(superd.services))
    assert (other.returncode, "asked the running superd" in other.stdout) == (0, False)


def test_explain_asks_the_running_superd_about_the_user_of_a_unix_socket(superd: Superd) -> None:
    path = superd.folder / "cat.sock"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\nper_source = 1\n')
    superd.start()
    files = ["-s", str(superd.services), "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny)]
    user = f"uid:{os.geteuid()}"
    done = superd.command("explain", "cat", user, *files)
    assert (done.returncode, "limits: 0 of 1 programs run of this source" in done.stdout) == (0, True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        done = superd.command("explain", "cat", user, *files)
        assert (done.returncode, done.stdout.endswith("refused now: per_source\n")) == (1, True)
        assert superd.command("explain", "cat", "uid:65534", *files).returncode == 0
    asked(superd, "pause", "cat", "--refuse")
    assert superd.command("explain", "cat", user, *files).stdout.endswith("refused now: paused\n")


def test_logs_are_of_master_and_front_and_follow(superd: Superd) -> None:
    port = serve(superd, no_access='["127.0.0.9"]')
    superd.start()
    talk(port, b"hi")
    talk(port, source="127.0.0.9")
    superd.command("reload")
    lines = superd.command("logs").stdout
    assert "EXIT cat" in lines
    assert "notice: reload: " in lines
    assert "FAIL cat" in superd.command("logs", "--source", "127.0.0.9").stdout
    only = [json.loads(line) for line in superd.command("logs", "cat", "--event", "fail", "--json").stdout.splitlines()]
    assert [(event["event"], event["fields"]["reason"]) for event in only] == [("fail", "address")]
    with going_on(superd, "logs", "-f", "-n", "1", "--event", "fail") as (follow, printed):
        assert "127.0.0.9" in printed.readline()
        talk(port, source="127.0.0.9")
        assert "127.0.0.9" in printed.readline()
        follow.send_signal(signal.SIGINT)
        follow.communicate(timeout=WAIT)
        assert follow.returncode == 130


def test_a_status_may_be_watched(superd: Superd) -> None:
    serve(superd)
    superd.start()
    with going_on(superd, "status", "--watch", "0.2s") as (watch, lines):
        shown = (line for line in lines if line.startswith("superd "))
        assert next(shown)
        assert next(shown)
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=WAIT)
        assert watch.returncode == 0
