"""`superd doctor` names who holds a port, and ends with 1 when something keeps superd from its work."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from superd.cli.doctor import folders, ports
from superd.cli.doctor_host import Host
from superd.cli.finding import Level
from superd.load.sources import Sources
from superd.problem import Origin
from superd.registry import Registry
from superd.service import Service
from superd.system.port_holder import Holder

SERVICE = Service(name="rsync", server="/usr/bin/rsync", user="nobody", port=873)
REGISTRY = Registry({"rsync": SERVICE}, origins={("rsync", "port"): Origin("services.d/rsync.toml", 3)})


def test_a_port_that_another_program_holds_is_named_with_its_unit() -> None:
    [found] = ports(REGISTRY, lambda _: Holder(411, "rsyncd", "rsync.service"))
    assert (found.level, found.subject) == (Level.BAD, "port 873")
    assert found.text == "held by rsyncd (pid 411, rsync.service); services.d/rsync.toml:3 wants it"
    assert found.fix == "systemctl disable --now rsync"


def test_a_program_without_a_unit_is_named_by_its_pid() -> None:
    [found] = ports(REGISTRY, lambda _: Holder(411, "nc", "session-3.scope"))
    assert found.fix == "kill 411, or give the service another port"


def test_superd_itself_may_hold_it() -> None:
    for holder in (Holder(1, "superd: master"), Holder(1, "python3", "superd.service"), None):
        [found] = ports(REGISTRY, lambda _, holder=holder: holder)  # type: ignore[misc]
        assert found.level is Level.FINE


def test_folders_that_do_not_exist_are_named_where_no_others_are_given(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    (tmp_path / "run/superd").mkdir(parents=True)
    assert [finding.level for finding in folders(Sources(), host)] == [Level.ODD, Level.FINE]
    assert list(folders(Sources(services=("/x",)), host)) == []


def doctor(folder: Path) -> tuple[int, dict[str, dict[str, str]]]:
    done = subprocess.run(
        [sys.executable, "-m", "superd", "doctor", "-s", folder, "--json"], capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    return done.returncode, {finding["subject"]: finding for finding in json.loads(done.stdout)}


def test_a_port_that_this_process_holds_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "a.toml").write_text(f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\n')
        status, found = doctor(tmp_path)
        assert status == 1
        assert f"(pid {Path('/proc/self').readlink()}" in found[f"port {port}"]["text"]
    status, found = doctor(tmp_path)
    assert f"port {port}" not in found


def test_an_error_of_the_files_is_the_first_thing_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('sever = "/bin/cat"\n')
    status, found = doctor(tmp_path)
    assert (status, found["files"]["level"]) == (1, "bad")
    assert "a.toml:1: unknown key `sever`" in found["files"]["text"]
