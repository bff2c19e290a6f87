"""The operator's end of the control socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from superd.cli import main
from superd.cli.control import Control, Failed, failure, own_addresses, report, user_name

Answer = Callable[[socket.socket], None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """A superd that answers one connection as a test says."""
    path = tmp_path / "control"
    monkeypatch.setenv("SUPERD_SOCKET", str(path))

    def start(answer: Answer) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()

        def run() -> None:
            with server:
                connection, _ = server.accept()
            with connection:
                answer(connection)

        threading.Thread(target=run, daemon=True).start()

    return start


def test_replies_come_however_they_are_cut(serve: Callable[[Answer], None]) -> None:
    def answer(sock: socket.socket) -> None:
        assert json.loads(sock.recv(9999)[:-1]) == {"method": "superd.Control.X", "parameters": {"a": 1}, "more": True}
        for piece in (b'{"parameters":{"n":1},', b'"continues":true}\0{"parameters":{"n"', b":2}}\0"):
            sock.sendall(piece)

    serve(answer)
    with Control() as control:
        assert list(control.replies("X", a=1, left_out=None, empty="", false=False)) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    "data", [b"", b"x\0", b'{"parameters":', b"[]\0", b'{"error":"superd.Control.NotFound","parameters":{"text":"no"}}\0']
)
def test_what_is_not_a_reply_is_a_failure_with_a_status(serve: Callable[[Answer], None], data: bytes) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(9999)
        sock.sendall(data)

    serve(answer)
    with pytest.raises(Failed) as failed, Control() as control:
        control.call("X")
    assert (failed.value.error, failed.value.status) == (("NotFound", 1) if b"NotFound" in data else ("Gone", 69))


def test_a_superd_that_does_not_answer_is_waited_for_no_longer_than_said(serve: Callable[[Answer], None]) -> None:
    def answer(sock: socket.socket) -> None:
        while sock.recv(9999):
            pass

    serve(answer)
    with pytest.raises(Failed, match="does not answer"), Control(0.2) as control:
        control.call("X")


def test_no_superd_is_69_with_the_line_that_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", str(tmp_path / "none"))
    with pytest.raises(Failed) as failed:
        Control()
    assert report(failed.value) == 69
    assert "superd run" in capsys.readouterr().err
    assert report(failed.value, as_json=True) == 69
    assert json.loads(capsys.readouterr().out)["error"] == "NotRunning"


@pytest.mark.parametrize(
    ("error", "parameters", "status", "hint"),
    [
        ("superd.Control.NotFound", {"text": "x", "nearest": "git"}, 1, "did you mean `git`?"),
        ("superd.Control.NotFound", {"text": "x", "nearest": ""}, 1, ""),
        ("superd.Control.PermissionDenied", {"text": "x"}, 77, ""),
        ("superd.Control.Unavailable", {"text": "x"}, 69, ""),
        ("superd.Control.NeedsYes", {"text": "x"}, 64, "--yes does it all the same"),
        ("org.varlink.service.InvalidParameter", {"parameter": "ids"}, 64, ""),
    ],
)
def test_each_error_has_its_status_and_hint(error: str, parameters: dict[str, object], status: int, hint: str) -> None:
    failed = failure({"error": error, "parameters": parameters})
    assert (failed.status, failed.parameters.get("hint", "")) == (status, hint)


def test_users_and_addresses_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_name(0) == "root"
    assert user_name(4_000_000_000) == "uid 4000000000"
    monkeypatch.setenv("SSH_CLIENT", "192.0.2.7 50000 22")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert own_addresses() == ["192.0.2.7", "127.0.0.1", "::1"]


def test_a_field_that_another_version_does_not_know_is_said_with_what_to_type(
    serve: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(9999)
        sock.sendall(b'{"parameters":{"daemon":{"version":"0"}}}\0')

    serve(answer)
    monkeypatch.setattr("sys.argv", ["superd", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 69
    said = capsys.readouterr().err
    assert "the superd that runs is of another version: its answer has no `problems`" in said or "no `processes`" in said
    assert "hint: superd upgrade" in said
