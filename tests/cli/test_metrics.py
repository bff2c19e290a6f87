"""The metrics as a command: printed, or a file for node_exporter that is always whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.cli import metrics as command
from superd.cli.control import Failed
from superd.cli.metrics import metrics
from superd.metrics import EMPTY


class Answers:
    def call(self, method: str) -> object:
        assert method == "GetCounts"
        return EMPTY


@pytest.fixture(autouse=True)
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(work: object, *, as_json: bool) -> int:
        try:
            return int(work(Answers()))  # type: ignore[operator]
        except Failed as problem:
            return problem.status

    monkeypatch.setattr(command, "run", run)


def test_they_are_printed_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics("") == 0
    printed = capsys.readouterr().out
    assert "superd_config_ok 1.0\n" in printed
    path = tmp_path / "superd.prom"
    path.write_text("before")
    assert metrics(str(path)) == 0
    assert path.read_text() == printed
    assert [found.name for found in tmp_path.iterdir()] == ["superd.prom"]


def test_a_folder_that_does_not_exist_is_said(tmp_path: Path) -> None:
    assert metrics(str(tmp_path / "gone" / "superd.prom")) == 73
