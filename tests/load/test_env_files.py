"""Files of variables on disk: one that may be missing, one that must not be, and no value is shown."""

from __future__ import annotations

from pathlib import Path

from superd.load.env_files import check_env_files, read_env_file, variables_of
from superd.problem import Origin
from superd.service import Service

HERE = Origin("s.toml", 3)


def service(*words: object) -> Service:
    return Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7, "env_file": [str(word) for word in words]})


def test_a_later_file_wins_and_a_missing_one_with_a_dash_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\nB=1\n")
    (tmp_path / "b").write_text("B=2\n")
    found = service(tmp_path / "a", f"-{tmp_path}/none", tmp_path / "b")
    assert variables_of(found, root=False) == {"A": "1", "B": "2"}
    assert check_env_files(found, HERE, root=False) == []
    assert read_env_file(f"-{tmp_path}/none", root=False) == ({}, ())


def test_a_missing_file_and_a_wrong_line_are_errors_without_a_value(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\nexport TOKEN=secret\n")
    missing, wrong = check_env_files(service(tmp_path / "none", tmp_path / "a"), HERE, root=False)
    assert (missing.origin, missing.severity.value) == (HERE, "error")
    assert missing.hint == f"write `-{tmp_path}/none` if it need not exist"
    assert wrong.origin == Origin(str(tmp_path / "a"), 2)
    assert "secret" not in str(wrong)
