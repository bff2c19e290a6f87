"""Each way to start a program gives it the same: descriptors, umask, folder, session, signals; and reports why exec failed."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from superd.system import spawn as module
from superd.system.descriptors import close_on_exec
from superd.system.spawn import choose_spawn, popen

if TYPE_CHECKING:
    from superd.system.spawn import Spawn

WAYS: dict[str, Callable[[], Spawn]] = {"chosen": choose_spawn, "popen": lambda: popen}
SHOW = (
    "import os, signal, json, sys; fds = [n for n in os.listdir('/proc/self/fd')]; "
    "print(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'umask': os.umask(0), 'folder': os.getcwd(), "
    "'leads': os.getsid(0) == os.getpid(), 'fds': len(fds) - 1, "
    "'pipe': signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL}), flush=True)"
)


@pytest.fixture(params=WAYS, ids=list(WAYS))
def spawn(request: pytest.FixtureRequest) -> Spawn:
    return WAYS[str(request.param)]()


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


def shown(spawn: Spawn, **more: Any) -> dict[str, Any]:
    """What a program sees that was started with a pipe as its descriptors."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    with pipe() as (read, write):
        paths = (os.fsencode(sys.executable),)
        argv = [b"name", b"-I", b"-S", b"-c", SHOW.encode(), b"one", b"two words"]
        pid = spawn(paths, argv, [b"A=b=c", b"E="], more.pop("sock", write), null, 0o027, out=more.pop("out", -1), **more)
        assert os.waitpid(pid, 0)[1] == 0
        os.close(null)
        found: dict[str, Any] = json.loads(os.read(read, 65536))
        return found


def test_a_program_gets_what_was_asked_for_and_no_more(spawn: Spawn, tmp_path: Path) -> None:
    close_on_exec()  # what the tests were started with
    leaked = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    seen = shown(spawn, folder=os.fsencode(tmp_path))
    os.close(leaked)
    assert seen["argv"] == ["one", "two words"]
    assert seen["env"].items() >= {"A": "b=c", "E": ""}.items()
    assert not seen["env"].keys() - {"A", "E", "LC_CTYPE"}
    assert seen["umask"] == 0o027
    assert seen["folder"] == str(tmp_path)
    assert seen["leads"]
    assert seen["fds"] == 3


def test_output_can_be_another_descriptor_than_input(spawn: Spawn) -> None:
    with pipe() as (read, write), pipe() as (other_read, _):
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        pid = spawn((b"/bin/echo",), [b"echo", b"hello"], [], other_read, null, 0o022, out=write)
        os.waitpid(pid, 0)
        os.close(null)
        assert os.read(read, 100) == b"hello\n"


def test_a_program_does_not_ignore_sigpipe(spawn: Spawn) -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        pid = spawn((b"/bin/sh",), [b"sh", b"-c", b"kill -PIPE $$; exit 3"], [], null, null, 0o022)
        status = os.waitpid(pid, 0)[1]
        os.close(null)
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGPIPE


def test_what_runs_before_exec_is_in_the_child_alone(spawn: Spawn) -> None:
    with pipe() as (read, write):

        def write_pid() -> None:
            os.write(write, b"%d" % os.getpid())

        shown(spawn, before=write_pid)
        assert int(os.read(read, 100)) != os.getpid()


@pytest.mark.parametrize("python", ["this", "one with other arguments"])
def test_the_last_act_follows_what_a_start_has_before_its_exec(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if python != "this":
        monkeypatch.setattr(module, "_posixsubprocess", None)
    with pipe() as (read, write):

        def say(word: bytes) -> None:
            os.write(write, word)

        spawn = choose_spawn(lambda: say(b"last"))
        shown(spawn, before=lambda: say(b"before "))
        assert os.read(read, 100) == b"before last"
        shown(spawn)
        assert os.read(read, 100) == b"last"


@pytest.mark.parametrize(
    ("program", "number"), [(b"/no/such/program", errno.ENOENT), (b"/etc/passwd", errno.EACCES), (b"/etc", errno.EACCES)]
)
def test_why_exec_failed_is_reported(spawn: Spawn, program: bytes, number: int) -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for before in (None, lambda: None):
        for _ in range(20):  # the child writes its report in pieces
            with pytest.raises(OSError) as caught:
                spawn((program,), [b"x"], [], null, null, 0o022, before)
            assert caught.value.errno == number
    os.close(null)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no child is left


def test_an_error_before_exec_is_reported_and_nothing_runs() -> None:
    def refuse() -> None:
        raise PermissionError(errno.EPERM, "no")

    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    with pytest.raises(PermissionError):
        choose_spawn()((b"/bin/true",), [b"true"], [], null, null, 0o022, refuse)
    os.close(null)


def test_a_nul_in_a_text_is_an_error_and_starts_nothing(spawn: Spawn) -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    with pytest.raises(ValueError, match="null"):
        spawn((b"/bin/true",), [b"a\0b"], [], null, null, 0o022)
    os.close(null)


def test_no_descriptor_is_left_open(spawn: Spawn) -> None:
    shown(spawn)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        shown(spawn)
        shown(spawn, before=lambda: None)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_python_with_other_arguments_gets_popen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        @staticmethod
        def fork_exec(*arguments: object) -> int:
            raise TypeError("other arguments")

    monkeypatch.setattr(module, "_posixsubprocess", Other)
    assert choose_spawn() is popen
    monkeypatch.setattr(module, "_posixsubprocess", None)
    assert choose_spawn() is popen
