"""What real launchers, relays and panels have loaded when they end, after work: their folder's map, and nothing besides."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from superd.ipc import relay_messages as messages
from superd.ipc.launch_codec import Exited
from superd.master import launcher_bundle
from tests.launcher_process import connection, real_launcher
from tests.panel.test_control import answer
from tests.panel.test_process import INFO, PanelProcess
from tests.relay_process import RelayProcess, carry, read_all, tcp_pair
from tests.test_layers import MAY_USE, SMALL

WATCH = """
import os, sys
end, out = os._exit, os.open({out!r}, os.O_WRONLY)
def tell_and_end(status):
    os.write(out, " ".join(sys.modules).encode())
    end(status)
os._exit = tell_and_end
"""
HEAVY = {"typing", "dataclasses", "inspect", "subprocess", "logging", "pydantic", "trio", "asyncio", "pickle"}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a process writes what it has loaded when it ends."""
    out = tmp_path / "loaded"
    out.touch()
    monkeypatch.setattr(launcher_bundle, "BOOT", WATCH.format(out=str(out)) + launcher_bundle.BOOT)
    return out


def outside_its_map(process: str, loaded: Path) -> list[str]:
    """Every module that this kind of process has loaded and may not."""
    names = loaded.read_text().split()
    assert f"superd.{process}.process" in names
    found = [name for name in names if name.split(".")[0] not in sys.stdlib_module_names | {"superd", "__main__"}]
    found += [name for name in names if name in HEAVY - ({"dataclasses", "inspect", "typing"} if process == "panel" else set())]
    for name in names:
        parts = name.split(".")
        if parts[0] == "superd" and len(parts) > 1:
            allowed = MAY_USE[process] | {process} if parts[1] in MAY_USE else SMALL[process]
            found += [name] if parts[1] not in allowed else []
    return found


def test_a_launcher_that_has_started_a_program(loaded: Path) -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("true", "/bin/true")
        launcher.launch("true", accepted)
        launcher.report(Exited)
        assert client.recv(1) == b""
    assert outside_its_map("launcher", loaded) == []


def test_a_relay_that_has_carried_a_session(loaded: Path) -> None:
    relay = RelayProcess()
    (client, here), (target, there) = tcp_pair(), tcp_pair()
    relay.carry(carry(1, messages.RELAY), here.fileno(), there.fileno())
    here.close()
    there.close()
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    assert read_all(target) == b"hello"
    target.close()
    relay.report(messages.Over)
    client.close()
    relay.front.close()
    assert relay.status() == 0
    assert outside_its_map("relay", loaded) == []


def test_a_panel_that_has_answered(loaded: Path, tmp_path: Path) -> None:
    panel = PanelProcess(str(tmp_path / "control"))
    with panel.client() as client:
        client.sendall(INFO)
        assert answer(client)["parameters"]["product"] == "superd"
    panel.end()
    assert outside_its_map("panel", loaded) == []
