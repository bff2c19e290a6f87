"""The listeners of a panel: bound once by the master, polled while no panel accepts, and removed at the end."""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superd.master.panel_listeners import PanelListeners
from superd.settings import HttpSettings, Settings
from tests.daemon_process import free_port
from tests.master.parts import Lines


class Made:
    def __init__(self, *, private: bool = False) -> None:
        self.lines, self.poll = Lines(), select.poll()
        log: Any = self.lines
        self.listeners = PanelListeners(log, self.poll, private=private)

    def ready(self) -> set[int]:
        return {fd for fd, _ in self.poll.poll(0)}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUPERD_SOCKET", str(tmp_path / "control"))
    return tmp_path / "control"


@pytest.fixture
def made() -> Iterator[Made]:
    found = Made()
    yield found
    found.listeners.close()


def page(port: int | str) -> HttpSettings:
    return HttpSettings(listen=f"127.0.0.1:{port}" if port else "")


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o666)])
def test_others_may_connect_only_where_superd_has_users_to_tell_apart(path: Path, private: bool, mode: int) -> None:
    made = Made(private=private)
    made.listeners.open(Settings())
    assert stat.S_IMODE(path.stat().st_mode) == mode
    made.listeners.close()
    assert not path.exists()


def test_a_connection_wakes_the_master_only_while_no_panel_accepts(path: Path, made: Made) -> None:
    made.listeners.open(Settings())
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert made.ready() == made.listeners.waiting != set()
        made.listeners.ignore()
        assert made.ready() == set()
        made.listeners.listen()
        made.listeners.listen()
        assert made.ready() == made.listeners.waiting != set()


def test_a_page_follows_its_address_and_is_kept_without_a_change(made: Made) -> None:
    first, second = free_port(), free_port()
    made.listeners.configure({"metrics": page(first)})
    [(kind, kept)] = made.listeners.all()
    assert kind == "metrics"
    assert made.listeners.has_metrics
    made.listeners.configure({"metrics": page(first), "page": page("")})
    assert made.listeners.all() == [("metrics", kept)]
    made.listeners.listen()
    made.listeners.configure({"metrics": page(""), "page": page(second)})
    assert not made.listeners.has_metrics
    assert made.listeners.waiting == set()  # the page is polled by the next listen
    assert not connects(first)
    assert connects(second)


def test_a_page_whose_address_is_taken_is_logged_and_the_others_open(made: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made.listeners.configure({"metrics": page(taken.getsockname()[1]), "page": page(free_port())})
        assert [kind for kind, _ in made.listeners.all()] == ["page"]
        [line] = made.lines.lines
        assert line.startswith("error: [metrics]")
        assert line.endswith("a reload tries again")


def test_a_socket_that_another_process_has_is_left_to_it_and_named(path: Path, made: Made) -> None:
    other = Made()
    other.listeners.open(Settings())
    made.listeners.open(Settings())
    assert made.listeners.path == ""
    assert f"pid {os.getpid()} has it" in made.lines.lines[0]
    made.listeners.close()
    assert path.exists()
    other.listeners.close()


def test_without_a_path_there_is_not_a_socket_and_no_line(monkeypatch: pytest.MonkeyPatch, made: Made) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", "")
    made.listeners.open(Settings.model_validate({"control": {"socket": ""}}))
    assert made.listeners.all() == []
    assert made.lines.lines == []


def test_a_child_closes_its_copies_and_the_master_goes_on(path: Path, made: Made) -> None:
    made.listeners.open(Settings())
    pid = os.fork()
    if pid == 0:
        made.listeners.close_copies()
        os._exit(0 if [sock.fileno() for _, sock in made.listeners.all()] == [-1] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert made.ready()
