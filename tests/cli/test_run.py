"""The table that `superd run` prints, the commands to try, and the file of the state."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from superd.address import BindAddress
from superd.cli.run import default_dump, greet, how_to_try, print_table, what_runs, write_dump
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings


def service(name: str = "x", **keys: Any) -> Service:
    return Service(name=name, **keys)


def only_address(of: Service) -> BindAddress:
    (address,) = of.addresses()
    return address


@pytest.mark.parametrize(
    ("keys", "runs", "to_try"),
    [
        ({"server": "/bin/cat", "listen": ["127.0.0.1:7"]}, "/bin/cat", "nc 127.0.0.1 7"),
        ({"server": "/bin/sh", "server_args": ["-c", "y" * 99], "port": 7}, f"/bin/sh -c {'y' * 99}", "nc ::1 7"),
        ({"redirect": "192.0.2.1:80", "listen": ["0.0.0.0:7"]}, "-> 192.0.2.1:80", "nc 127.0.0.1 7"),
        ({"flags": "SENSOR", "listen": ["127.0.0.1:7"]}, "sensor", "nc 127.0.0.1 7"),
        (
            {"type": "INTERNAL", "service": "echo", "listen": ["127.0.0.1:7"]},
            "internal echo",
            "echo hi | nc -N 127.0.0.1 7",
        ),
        (
            {"type": "INTERNAL", "service": "echo", "socket_type": "dgram", "listen": ["127.0.0.1:7"]},
            "internal echo",
            "nc -u 127.0.0.1 7",
        ),
        ({"server": "/bin/cat", "listen": ["unix:/run/x"]}, "/bin/cat", "nc -U /run/x"),
    ],
)
def test_a_service_shows_what_runs_and_how_to_try_it(keys: dict[str, Any], runs: str, to_try: str) -> None:
    made = service(**keys)
    assert what_runs(made) == runs
    assert how_to_try(made.addresses()[0], made) in (to_try, to_try.replace("::1", "127.0.0.1"))


def registry(*services: Service) -> Registry:
    return Registry(settings=Settings(), services={one.name: one for one in services})


def test_the_table_shows_each_address_and_why_one_is_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    first = service("a", server="/bin/cat", listen=["127.0.0.1:7"])
    second = service("b", server="/bin/cat", listen=["127.0.0.1:8"])
    print_table(registry(second, first), {only_address(second): "in use"})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["SERVICE", "a", "b", "superd"]
    assert lines[1].endswith("nc 127.0.0.1 7")
    assert lines[2].endswith("(in use)")
    assert lines[3] == f"superd {os.getpid()} serves 1 of 2 services; Ctrl-C stops it"


def test_the_table_has_the_width_of_the_terminal_and_commands_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((80, 24)))
    long = service("a-service", server="/bin/sh", server_args=["-c", "y" * 99], listen=["127.0.0.1:7071"])
    echo = service("echo", type="INTERNAL", listen=["[::1]:7007"])
    print_table(registry(long, echo), {})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("…  nc 127.0.0.1 7071")
    assert lines[2].split(None, 2)[:2] == ["echo", "[::1]:7007"]
    assert lines[2].endswith("echo hi | nc -N ::1 7007")
    print_table(registry(long), {only_address(long): "in use: " + "x" * 200})
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_stdout_that_nothing_reads_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    broken = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", broken)
    print_table(registry(service(server="/bin/cat", listen=["127.0.0.1:7"])), {})
    assert sys.stdout is not broken
    print("goes to /dev/null", flush=True)
    sys.stdout.close()
    with pytest.raises(BrokenPipeError):
        broken.close()


def test_the_table_goes_to_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    greet(registry(), {})
    assert out.getvalue() == ""
    monkeypatch.setattr(os, "isatty", lambda fd: fd == 1)
    greet(registry(), {})
    assert "serves 0 services" in out.getvalue()
    out.truncate(0)
    json = Settings.model_validate({"log": {"format": "json"}})
    greet(replace(registry(), settings=json), {})
    assert out.getvalue() == ""


def test_the_state_goes_to_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path, other = tmp_path / "state", tmp_path / "other"
    other.write_text("kept")
    path.symlink_to(other)
    write_dump(str(path), b"sessions: 0\n")
    assert not path.is_symlink()
    assert path.read_bytes() == b"sessions: 0\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert other.read_text() == "kept"


def test_the_default_file_is_for_roots_eyes_or_in_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_dump() == "/run/superd.dump"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert default_dump() == f"/run/user/1000/superd.{os.getuid()}.dump"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_dump() == f"/tmp/superd.{os.getuid()}.dump"
