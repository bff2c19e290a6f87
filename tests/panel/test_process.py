"""The panel as a process of its own, between a test's master and front."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superd.ipc import panel_requests
from superd.master.control_socket import start_panel
from superd.wire.varlink import encode_call
from tests.panel.test_control import answer

OPERATORS = {"admins": [os.geteuid()], "admin_groups": [], "viewers": [], "viewer_groups": [], "own": []}
NO_PAGES: dict[str, Any] = {"allow": {}, "host": "h"}
INFO = encode_call("org.varlink.service.GetInfo", {})


class PanelProcess:
    def __init__(self, path: str) -> None:
        self.master, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = start_panel(theirs, None)
        theirs.close()
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(100)
        value: dict[str, Any] = {"listeners": ["control"], "operators": OPERATORS, **NO_PAGES}
        panel_requests.send_message(self.master, panel_requests.BEGIN, value, [self.listener.fileno()])

    @contextlib.contextmanager
    def client(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)  # blocking: a full queue would be EAGAIN else
            client.settimeout(20)
            yield client


@pytest.fixture
def panel(tmp_path: Any) -> Iterator[PanelProcess]:
    made = PanelProcess(str(tmp_path / "control"))
    yield made
    made.master.close()
    made.listener.close()
    _, status = os.waitpid(made.pid, 0)
    assert status == 0


def test_it_answers_confined_and_ends_with_the_master(panel: PanelProcess) -> None:
    with panel.client() as client:
        client.sendall(INFO)
        assert answer(client)["parameters"]["product"] == "superd"
        status = Path(f"/proc/{panel.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        os.kill(panel.pid, signal.SIGTERM)  # ignored: its master ends it
        client.sendall(INFO)
        answer(client)


def test_without_a_front_it_says_so(panel: PanelProcess) -> None:
    with panel.client() as client:
        client.sendall(encode_call("superd.Control.GetService", {"service": "x"}))
        request, _ = panel_requests.receive_request(panel.master)
        panel_requests.send_message(panel.master, panel_requests.ANSWER, {"number": request.number, "value": {}})
        request, _ = panel_requests.receive_request(panel.master)
        panel_requests.send_message(panel.master, panel_requests.ANSWER, {"number": request.number, "value": {"holds": []}})
        assert answer(client)["error"] == "superd.Control.Unavailable"


def test_a_pair_to_the_front_is_replaced_and_listeners_too(panel: PanelProcess) -> None:
    for _ in range(3):
        front, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with front, theirs:
            panel_requests.send_message(panel.master, panel_requests.FRONT, {}, [theirs.fileno()])
    value: dict[str, Any] = {"listeners": ["control"], "operators": {**OPERATORS, "admins": []}, **NO_PAGES}
    panel_requests.send_message(panel.master, panel_requests.BEGIN, value, [panel.listener.fileno()])
    with panel.client() as client:
        client.sendall(INFO)
        assert answer(client)["error"] == "superd.Control.PermissionDenied"


def test_a_thousand_connections_leave_it_well(panel: PanelProcess) -> None:
    for _ in range(1000):
        with panel.client() as client:
            client.sendall(b"\xff" * 10)
    with panel.client() as client:
        client.sendall(INFO)
        assert "parameters" in answer(client)
