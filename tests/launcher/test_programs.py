"""A launcher's own copies: what may be started for how long, and how options of rules change a start."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superd.errors import ControlError
from superd.expansion import Values
from superd.ipc.launch_codec import Launch, RunCommand
from superd.ipc.launcher_control import RETIRED_SECONDS
from superd.launcher.identity import Limits
from superd.launcher.programs import Programs, key_of
from superd.system.spawn import choose_spawn

SPAWN = choose_spawn()


def message(*argv: str, index: int = 0, **more: Any) -> dict[str, Any]:
    plain = {
        "program": argv[0], "argv": list(argv), "env": [["PATH", os.defpath]], "umask": 0o022, "stderr_socket": True,
        "leftovers_grace": -1.0, "index": index,
    }  # fmt: skip
    return plain | more


def launch(service: str = "x", *, steps: tuple[str, ...] = (), values: Values | None = None, proto: str = "tcp") -> Launch:
    return Launch(1, service, "192.0.2.7", 4711, "192.0.2.1", 23, "", "", proto, steps, values)


def made(limits: Limits = ()) -> Programs:
    return Programs(SPAWN, limits)


@pytest.fixture
def programs() -> Programs:
    return made()


def output(programs: Programs, request: Launch) -> str:
    """What the program of a request writes to its connection."""
    client, ours = socket.socketpair()
    with client:
        with ours:
            ours.setblocking(False)
            spec = programs.spec(request.service, 0.0)
            assert spec is not None
            pid, _ = programs.start(spec, request, ours.fileno(), 0.0)
        os.waitpid(pid, 0)
        return client.makefile().read()


def shell(text: str, **more: Any) -> dict[str, Any]:
    return message("/bin/sh", "-c", text, **more)


# ---------------------------------------------------------------------------------------------------- what may be started


def test_what_is_no_longer_configured_can_be_asked_for_a_while(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat")}, {"d": ["umask", "077"]}, 0.0)
    programs.configure({}, {}, 10.0)
    last = 10.0 + RETIRED_SECONDS
    assert programs.spec("x", last - 1) is not None
    assert programs.option("d", last - 1) == ("umask", "077")
    assert programs.spec("x", last) is None
    assert programs.option("d", last) is None
    programs.configure({}, {}, last)
    assert programs.spec("x", 0.0) is None
    assert programs.option("d", 0.0) is None


def test_what_comes_back_in_time_stays(programs: Programs) -> None:
    for when, specs in ((0.0, {"x": message("/bin/cat")}), (1.0, {}), (2.0, {"x": message("/bin/cat")})):
        programs.configure(specs, {"d": ["umask", "077"]} if specs else {}, when)
    assert programs.spec("x", 1e6) is not None
    assert programs.option("d", 1e6) == ("umask", "077")


def test_a_service_that_did_not_change_keeps_its_copy_and_one_that_did_its_pipe(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat", stderr_socket=False)}, {}, 0.0)
    first = programs.spec("x", 0.0)
    assert first is not None
    habit = first.habit
    programs.configure({"x": message("/bin/cat", stderr_socket=False)}, {}, 1.0)
    assert programs.spec("x", 1.0) is first
    programs.configure({"x": message("/bin/echo", stderr_socket=False)}, {}, 2.0)
    second = programs.spec("x", 2.0)
    assert second is not None
    assert second is not first
    assert second.habit is habit
    assert key_of(message("/bin/cat")) != key_of(message("/bin/cat", umask=0))


# ---------------------------------------------------------------------------------------------------- starting


def test_a_program_has_its_connection_umask_folder_and_variables(programs: Programs, tmp_path: Path) -> None:
    text = 'echo "$REMOTE_HOST $PWD $(umask) $A"'
    programs.configure({"x": shell(text, umask=0o027, directory=str(tmp_path), env=[["A", "b"], ["PATH", os.defpath]])}, {}, 0.0)
    assert output(programs, launch()) == f"192.0.2.7 {tmp_path} 0027 b\n"


def test_options_of_a_rule_change_environment_umask_and_priority(programs: Programs) -> None:
    programs.configure(
        {"x": shell('echo "$A-$PATH-$(umask)-$(nice)"', env=[["A", "service"], ["PATH", "/usr/bin:/bin"]])},
        {"s": ["setenv", "A %a"], "u": ["umask", "077"], "n": ["nice", "4"]},
        0.0,
    )
    before = os.nice(0)
    assert output(programs, launch(steps=("s", "u", "n"), values=Values(a="192.0.2.7"))) == (
        f"192.0.2.7-/usr/bin:/bin-0077-{min(19, before + 4)}\n"
    )
    assert output(programs, launch()) == f"service-/usr/bin:/bin-0022-{before}\n"


def test_a_value_of_a_peer_is_not_a_command(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat")}, {"t": ["twist", "echo got %n; echo end"]}, 0.0)
    assert output(programs, launch(steps=("t",), values=Values(n="$(id);`id`|id&"))).splitlines()[-1] == "end"
    assert "uid=" not in output(programs, launch(steps=("t",), values=Values(n="$(id);`id`|id&")))


def test_an_option_that_is_not_known_starts_nothing(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat")}, {}, 0.0)
    with pytest.raises(OSError, match="no longer in force"):
        output(programs, launch(steps=("unknown",)))
    with pytest.raises(OSError, match="no longer in force"):
        programs.run_command(RunCommand(1, "unknown", Values(), 5.0), 0.0)


def test_a_request_with_a_wrong_address_starts_nothing(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat", stderr_socket=False)}, {}, 0.0)
    spec = programs.spec("x", 0.0)
    assert spec is not None
    with pytest.raises(ControlError):
        programs.start(spec, Launch(1, "x", "not an address", 1, "", 0, "", "", "tcp"), 0, 0.0)
    assert programs.pipes.unsent == {}


@pytest.mark.parametrize(
    "limits", [((int(resource.RLIMIT_CPU), 7),), ((int(resource.RLIMIT_CPU), 7), (int(resource.RLIMIT_CORE), 0))]
)
def test_limits_are_the_programs_and_not_the_launchers(limits: Limits) -> None:
    programs = made(limits)
    before = resource.getrlimit(resource.RLIMIT_CPU)
    programs.configure({"x": shell("ulimit -S -t")}, {}, 0.0)
    assert output(programs, launch()) == "7\n"
    assert resource.getrlimit(resource.RLIMIT_CPU) == before


# ---------------------------------------------------------------------------------------------------- commands, stderr, pipes


@pytest.fixture
def hang_up_ends() -> Iterator[None]:
    """SIGHUP as a launcher has it; these tests may run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up_ends")
def test_a_command_runs_with_expanded_values_and_ignores_a_hang_up_only_as_spawn(programs: Programs, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    text = f"grep SigIgn /proc/self/status >{seen}; echo %a >>{seen} &"
    programs.configure({}, {"s": ["spawn", text], "a": ["aclexec", text.removesuffix(" &")]}, 0.0)
    for digest, ignored in (("s", 1), ("a", 0)):
        pid = programs.run_command(RunCommand(1, digest, Values(a="192.0.2.7"), 5.0), 0.0)
        assert os.waitpid(pid, 0)[1] == 0
        mask, address = seen.read_text().splitlines()
        assert int(mask.split()[1], 16) & 1 == ignored
        assert address == "192.0.2.7"


def test_only_commands_run_as_commands(programs: Programs) -> None:
    programs.configure({}, {"t": ["twist", "echo hello"], "u": ["umask", "077"]}, 0.0)
    for digest in "tu":
        with pytest.raises(OSError, match="no longer in force"):
            programs.run_command(RunCommand(1, digest, Values(), 5.0), 0.0)


def test_stderr_goes_to_a_pipe_of_the_program_s_own(programs: Programs) -> None:
    programs.configure({"x": shell("echo oops >&2", stderr_socket=False, leftovers_grace=1.0)}, {}, 0.0)
    spec = programs.spec("x", 0.0)
    assert spec is not None
    client, ours = socket.socketpair()
    with client, ours:
        pid, number = programs.start(spec, launch(), ours.fileno(), 0.0)
        os.waitpid(pid, 0)
    [pipe] = programs.pipes.unsent
    assert number == pipe.number > 0
    assert os.read(pipe.read, 100) == b"oops\n"
    programs.ended("x", 1, alone=True)
    programs.pipes.told()
    output(programs, launch())
    assert list(programs.pipes.unsent) == [pipe]


def test_a_program_that_did_not_start_keeps_no_pipe(programs: Programs) -> None:
    programs.configure({"x": message("/nonexistent", stderr_socket=False, leftovers_grace=1.0)}, {}, 0.0)
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            output(programs, launch())
        programs.pipes.told()
    assert len(programs.pipes.unsent) == 1


def test_a_program_apart_from_its_connection_has_pipes_that_go_to_the_front(programs: Programs) -> None:
    programs.configure({"x": message("/bin/cat", stdio="pipe")}, {}, 0.0)
    spec = programs.spec("x", 0.0)
    assert spec is not None
    pid, _ = programs.start(spec, launch(), -1, 0.0)
    ((conn, ends),) = programs.ends
    assert conn == 1
    words = dict(ends)
    assert len(words) == 2
    programs.forget_ends()
    assert programs.ends == []
    os.waitpid(pid, 0)  # its input has ended
