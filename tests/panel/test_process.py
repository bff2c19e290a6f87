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

from superd.exit_status import EX_NOPERM
from superd.ipc import panel_requests
from superd.master.panel_child import start_panel
from superd.wire.varlink import encode_call
from tests.needs import needs_root
from tests.panel.test_control import answer

OPERATORS = {"admins": [os.geteuid()], "admin_groups": [], "viewers": [], "viewer_groups": [], "own": []}
NO_PAGES: dict[str, Any] = {"allow": {}, "names": {}, "host": "h"}
INFO = encode_call("org.varlink.service.GetInfo", {})


class PanelProcess:
    def __init__(self, path: str, user: tuple[int, int] | None = None) -> None:
        self.master, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = start_panel(theirs, user)
        theirs.close()
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(100)
        value: dict[str, Any] = {"listeners": ["control"], "operators": OPERATORS, **NO_PAGES}
        panel_requests.send_message(self.master, panel_requests.BEGIN, value, [self.listener.fileno()])

    def end(self) -> None:
        """Let it end, which it does well."""
        self.master.close()
        self.listener.close()
        assert os.waitpid(self.pid, 0)[1] == 0

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
    made.end()


def test_it_answers_confined_and_ends_with_the_master(panel: PanelProcess) -> None:
    with panel.client() as client:
        client.sendall(INFO)
        assert answer(client)["parameters"]["product"] == "superd"
        status = Path(f"/proc/{panel.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        os.kill(panel.pid, signal.SIGTERM)  # ignored: its master ends it
        client.sendall(INFO)
        answer(client)


def test_it_gives_up_root_for_good_before_it_hears_an_operator(tmp_path: Path) -> None:
    needs_root()
    panel = PanelProcess(str(tmp_path / "control"), (54901, 54902))
    with panel.client() as client:
        client.sendall(INFO)
        assert answer(client)["parameters"]["product"] == "superd"
        status = dict(line.split(":", 1) for line in Path(f"/proc/{panel.pid}/status").read_text().splitlines())
    assert (status["Uid"].split(), status["Gid"].split(), status["Groups"].split()) == (["54901"] * 4, ["54902"] * 4, [])
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    panel.end()


def test_a_panel_that_cannot_give_up_root_hears_no_operator(tmp_path: Path) -> None:
    needs_root()
    panel = PanelProcess(str(tmp_path / "control"), (0xFFFFFFFE, 0xFFFFFFFF))
    assert os.waitstatus_to_exitcode(os.waitpid(panel.pid, 0)[1]) == EX_NOPERM
    panel.master.close()
    panel.listener.close()


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
