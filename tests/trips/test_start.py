"""The start: what is wrong with the configuration is said all at once, and nothing begins half; what is right is layered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


def refused(superd: Superd, *arguments: str) -> list[str]:
    """What superd says when it does not start for its configuration: the lines, without the folder's name."""
    done = subprocess.run(
        [
            sys.executable, "-m", "superd", "run", "--services", str(superd.services),
            "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny), *arguments,
        ],
        capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (78, "")
    said: list[str] = []
    for line in done.stderr.replace(f"{superd.services}/", "").replace(f"{superd.folder}/", "").splitlines():
        event = json.loads(line)
        said.append(event["message"])
        if "hint" in event:
            said.append(f"  hint: {event['hint']}")
    return said


def cat(port: int, extra: str = "") -> str:
    return f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{extra}'


def test_everything_that_is_wrong_is_said_with_its_place_and_nothing_starts(superd: Superd) -> None:
    port, plain = free_port(), superd.folder / "plain"
    plain.write_text("")
    superd.service("a", cat(port))
    superd.service("b", cat(port))
    superd.service("c", 'serve = "/bin/cat"\nserver = "/bin/cat"\nport = 1\n')
    superd.service("d", f'server = "{plain}"\nport = 2\nuser = "nobdy"\n')
    superd.service("e", 'server = "/no/such"\nport = "no-such-port"\n')
    superd.service("f", 'server = "/bin/cat"\nport = 3\ninstances = "many"\n')
    superd.service("g", 'server = "/bin/cat\n')
    superd.deny.write_text("ALL ALL\n")
    said = refused(superd)
    for line in (
        f"b.toml:2: error: 127.0.0.1:{port}/stream is taken by service `a` (",
        "c.toml:1: error: unknown key `serve`",
        "d.toml:1: error: `plain` is not executable",
        "d.toml:3: error: user `nobdy` does not exist",
        "e.toml:2: error: ",
        "f.toml:3: error: `instances`: ",
        "g.toml:1: error: not TOML: ",
        "hosts.deny:1: error: ",
    ):
        assert any(found.startswith(line) for found in said), (line, said)
    assert "  hint: did you mean `server`?" in said
    assert "  hint: did you mean `nobody`?" in said
    assert "(a.toml:2)" in next(found for found in said if "is taken" in found)
    with pytest.raises(ConnectionRefusedError):
        talk(port)


@pytest.mark.parametrize("what", ["file", "folder", "fragment", "table", "main"])
def test_root_reads_nothing_that_others_can_write(superd: Superd, what: str) -> None:
    needs_root()
    superd.service("cat", cat(free_port()))
    main, fragments = superd.folder / "superd.toml", superd.services / "cat.toml.d"
    main.write_text("")
    fragments.mkdir(mode=0o755)
    (fragments / "10.toml").write_text("instances = 3\n")
    superd.deny.write_text("")
    paths = {
        "file": superd.services / "cat.toml", "folder": superd.services, "fragment": fragments / "10.toml",
        "table": superd.deny, "main": main,
    }  # fmt: skip
    paths[what].chmod(0o777)
    said = refused(superd, "--config", str(main))
    assert any("can be written by others" in line and paths[what].name in line for line in said), said


def test_root_runs_no_program_that_others_can_change(superd: Superd) -> None:
    needs_root()
    program = superd.folder / "program"
    program.write_text("#!/bin/sh\n")
    superd.service("cat", f'server = "{program}"\nlisten = ["127.0.0.1:{free_port()}"]\nuser = "root"\n')
    program.chmod(0o777)
    assert any("`program` can be written by every user" in line for line in refused(superd))
    program.chmod(0o755)
    os.chown(program, 65534, 0)
    assert any("runs as root, and it belongs to `nobody`" in line for line in refused(superd))


def test_with_keep_going_the_right_are_served_and_the_wrong_reported(superd: Superd) -> None:
    ports = {name: free_port() for name in ("right", "wrong", "clash")}
    superd.service("right", cat(ports["right"]))
    superd.service("wrong", cat(ports["wrong"], 'user = "nobdy"\n'))
    superd.service("syntax", "server = \n")
    superd.start("--keep-going")
    assert talk(ports["right"], b"hi") == b"hi"
    with pytest.raises(ConnectionRefusedError):
        talk(ports["wrong"])
    superd.message("wrong.toml:3: error: user `nobdy` does not exist")
    superd.message("syntax.toml:1: error: not TOML")


def test_with_keep_going_a_policy_that_cannot_be_used_admits_no_client_until_it_is_fixed(superd: Superd) -> None:
    wrapped, own = free_port(), free_port()
    superd.service("cat", cat(wrapped))
    superd.service("own", cat(own, 'flags = ["NOLIBWRAP"]\n'))
    superd.deny.write_text("cat 127.0.0.2\n")
    superd.start("--keep-going")
    superd.message("hosts.deny:1: error: ")
    assert talk(wrapped) == b""
    assert talk(own, b"hi") == b"hi"
    superd.deny.write_text("cat : 127.0.0.2\n")
    assert talk(wrapped, b"hi") == b"hi"
    assert talk(wrapped, source="127.0.0.2") == b""


def test_the_admins_file_replaces_the_vendors_fragments_are_merged_and_a_link_to_null_masks(superd: Superd) -> None:
    ports = {name: free_port() for name in ("kept", "replaced", "merged", "masked")}
    admin = superd.folder / "admin"
    admin.mkdir(mode=0o755)
    say = 'server = "/bin/echo"\nlisten = ["127.0.0.1:{port}"]\nserver_args = ["{what}"]\nuser = "root"\n'
    for name, port in ports.items():
        superd.service(name, say.format(port=port, what=f"vendor {name}"))
    (admin / "replaced.toml").write_text(say.format(port=ports["replaced"], what="admin"))
    (admin / "masked.toml").symlink_to("/dev/null")
    fragments = admin / "merged.toml.d"
    fragments.mkdir(mode=0o755)
    (fragments / "10-args.toml").write_text('server_args = ["first"]\n')
    (fragments / "20-args.toml").write_text('server_args_add = ["second"]\n')
    for skipped in (".hidden.toml", "kept.toml~", "kept.toml.dpkg-old", "kept.toml.rpmnew", "#kept.toml#"):
        (admin / skipped).write_text("this is no configuration")
    config = superd.folder / "superd.toml"
    config.write_text('[defaults]\nenv = { A = "b" }\n')
    superd.start("--services", str(admin), "--config", str(config))
    assert talk(ports["kept"]) == b"vendor kept\n"
    assert talk(ports["replaced"]) == b"admin\n"
    assert talk(ports["merged"]) == b"first second\n"
    with pytest.raises(ConnectionRefusedError):
        talk(ports["masked"])


def test_defaults_reach_every_service_and_its_own_words_win(superd: Superd) -> None:
    ports = free_port(), free_port()
    config = superd.folder / "superd.toml"
    config.write_text('[defaults]\numask = "077"\ninstances = 7\n')
    script = '"-c", "umask"'
    superd.service("one", f'server = "/bin/sh"\nserver_args = [{script}]\nlisten = ["127.0.0.1:{ports[0]}"]\n')
    superd.service("two", f'server = "/bin/sh"\nserver_args = [{script}]\nlisten = ["127.0.0.1:{ports[1]}"]\numask = "027"\n')
    superd.start("--config", str(config))
    assert [talk(port) for port in ports] == [b"0077\n", b"0027\n"]


def test_files_lines_and_depths_have_bounds_that_the_error_names(superd: Superd) -> None:
    superd.service("big", cat(free_port(), f"# {'x' * (1 << 20)}\n"))
    with superd.deny.open("wb") as table:
        table.truncate((64 << 20) + 1)
    said = refused(superd)
    assert any(line.startswith("big.toml: error: ") and "longer than 1048576 bytes" in line for line in said), said
    assert any("hosts.deny" in line and "longer than 67108864 bytes" in line for line in said), said


def test_includes_and_lines_of_another_daemons_file_have_bounds_too(superd: Superd) -> None:
    config = superd.folder / "xinetd.conf"
    config.write_text(f"service {'x' * 70000}\ninclude {superd.folder}/1\n")
    for number in range(1, 21):
        (superd.folder / str(number)).write_text(f"include {superd.folder}/{number + 1}\n")
    said = refused(superd, "--config", str(config))
    assert "xinetd.conf:1: error: a line of 70008 bytes; at most 16384" in said
    assert any("is included more than 16 deep" in line for line in said)


def test_a_program_that_went_away_after_the_start_is_a_logged_failure_with_its_errno(superd: Superd) -> None:
    port, program = free_port(), superd.folder / "program"
    program.write_text("#!/bin/sh\necho hi\n")
    program.chmod(0o755)
    superd.service("program", f'server = "{program}"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port) == b"hi\n"
    program.chmod(0o644)
    assert talk(port) == b""
    assert superd.event(event="FAIL")["detail"] == f"cannot execute `{program}`: Permission denied"
    program.unlink()
    assert talk(port) == b""
    assert superd.event(event="FAIL")["detail"] == f"cannot execute `{program}`: No such file or directory"


def test_a_hang_up_before_superd_can_answer_it_kills_nothing(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    # Stopped by its own start: the first thing it can do is to ignore the signal.
    superd.prefix = [sys.executable, "-c", HANG_UP]
    superd.start()
    assert superd.process is not None
    assert superd.process.poll() is None
    assert talk(port, b"hi") == b"hi"


HANG_UP = """
import os, signal, sys
pid = os.getpid()
if os.fork() == 0:
    # From the first moment that the signal is ignored, until the start is over.
    ignored, sent = False, 0
    while sent < 300:
        try:
            lines = open(f"/proc/{pid}/status").read().split("\\n")
        except OSError:
            break
        mask = next(line for line in lines if line.startswith("SigIgn")).split()[1]
        caught = next(line for line in lines if line.startswith("SigCgt")).split()[1]
        if (int(mask, 16) | int(caught, 16)) & 1:
            os.kill(pid, signal.SIGHUP)
            sent += 1
    os._exit(0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Becomes superd, and has a child that sends it SIGHUP again and again as soon as that does not kill."""
