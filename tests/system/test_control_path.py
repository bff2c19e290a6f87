"""Where the control socket is."""

from __future__ import annotations

import os

import pytest

from superd.system.control_path import control_path


def test_a_variable_names_the_socket_and_a_setting_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", "/x/control")
    assert control_path() == "/x/control"
    assert control_path("/y") == "/y"
    assert control_path("") == ""


def test_root_and_users_have_their_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPERD_SOCKET", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert control_path() == "/run/superd/control"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert control_path() == f"/run/user/1000/superd.{os.getuid()}/control"
