"""`superd diff` says what would be served otherwise, and nothing for what would not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superd.cli.diff import diff
from superd.cli.sources import named

BASE = 'server = "/bin/cat"\nuser = "nobody"\n'


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    return tmp_path / "old", tmp_path / "new"


def compare(old: Path, new: Path, *, as_json: bool = False) -> int:
    return diff(named(old, None, None, None), named(new, None, None, None), as_json=as_json)


def test_services_that_come_go_and_change_are_named_with_key_and_place(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = folders
    (old / "finger.toml").write_text(BASE + "port = 79\n")
    (old / "git.toml").write_text(BASE + 'port = 9418\ninstances = 20\nlimits.idle = "5m"\n')
    (new / "git.toml").write_text(BASE + 'port = 9418\ninstances = 50\nonly_from = ["10.0.0.0/8"]\n')
    (new / "tang.toml").write_text(BASE + 'listen = ["127.0.0.1:7500"]\n')
    assert compare(old, new) == 1
    assert capsys.readouterr().out.splitlines() == [
        "- finger  *:79",
        f"~ git     instances 20 → 50                 {new}/git.toml:4",
        f'          only_from unset → ["10.0.0.0/8"]  {new}/git.toml:5',
        f"          limits.idle 300.0 → unset         {new}/git.toml:1",
        f"+ tang    127.0.0.1:7500                    {new}/tang.toml:1",
    ]


@pytest.mark.parametrize("line", ["sandbox.no_new_privs = true", 'tls.cert = "/etc/superd/cert.pem"', 'limits.memory = "64M"'])
def test_a_key_of_any_table_is_a_difference(folders: tuple[Path, Path], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = folders
    (old / "a.toml").write_text(BASE + "port = 7\n")
    (new / "a.toml").write_text(BASE + f"port = 7\n{line}\n")
    assert compare(old, new) == 1
    assert f"~ a  {line.partition(' ')[0]} " in capsys.readouterr().out


def test_what_is_written_otherwise_and_means_the_same_is_not_a_difference(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = folders
    (old / "a.toml").write_text(BASE + "port = 7\n")
    (new / "a.toml").write_text("# moved\nport = 7\n" + BASE + 'limits.kill_grace = "5s"\n')
    assert compare(old, new) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_settings_differ_by_their_tables(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (folder / "superd.toml" for folder in folders)
    for path, text in ((old, ""), (new, "[log]\nqueue = 500\n")):
        services = path.parent / "services.d"
        services.mkdir()
        (services / "a.toml").write_text(BASE + "port = 7\n")
        path.write_text(f'services = ["{folders[0]}/services.d"]\n{text}')
    assert compare(old, new) == 1
    assert capsys.readouterr().out == "~ superd.toml  log.queue 10000 → 500\n"


def test_json_has_the_values_themselves(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = folders
    (old / "a.toml").write_text(BASE + "port = 7\n")
    (new / "a.toml").write_text(BASE + "port = 7\nper_source = 3\n")
    assert compare(old, new, as_json=True) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert (found["change"], found["service"], found["key"], found["old"], found["new"]) == (
        "changed", "a", "per_source", "UNLIMITED", 3
    )  # fmt: skip


def test_errors_end_with_78(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = folders
    (new / "a.toml").write_text('sever = "/bin/cat"\n')
    assert compare(old, new) == 78
    assert "unknown key `sever`" in capsys.readouterr().err
