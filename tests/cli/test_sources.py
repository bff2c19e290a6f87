"""What an argument names: a folder, one service's file, superd.toml or another daemon's file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.cli.sources import named, sources_of


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = sources_of(Path("a.toml"), [Path("b")], "c", "")
    assert (sources.config, sources.services) == (str(tmp_path / "a.toml"), (str(tmp_path / "b"),))
    assert (sources.hosts_allow, sources.hosts_deny) == (str(tmp_path / "c"), "")


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("a.toml", 'server = "/bin/cat"\n', "single"),
        ("tmpabc123", 'server = "/bin/cat"\n', "single"),
        ("superd.toml", 'server = "/bin/cat"\n', "config"),
        ("x.toml", "[policy]\n", "config"),
        ("hosts.allow", "ALL: 192.0.2.0/24: keepalive: allow\n", "hosts_allow"),
        ("old.hosts.deny", "ALL: ALL\n", "hosts_deny"),
        ("anything", "service x\n{\n}\n", "config"),
        ("anything", "ftp stream tcp nowait root /bin/cat cat\n", "config"),
    ],
)
def test_the_text_of_a_file_says_what_it_is(tmp_path: Path, name: str, text: str, field: str) -> None:
    (tmp_path / name).write_text(text)
    sources = named(tmp_path / name, None, None, None)
    assert getattr(sources, field) == str(tmp_path / name)
    assert "" in (sources.single, sources.config)


def test_a_folder_is_one_of_services_and_a_fifo_holds_nothing_up(tmp_path: Path) -> None:
    assert named(tmp_path, None, None, None).services == (str(tmp_path),)
    os.mkfifo(tmp_path / "fifo")
    assert named(tmp_path / "fifo", None, None, None).config == str(tmp_path / "fifo")
