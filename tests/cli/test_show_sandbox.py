"""What ``show --sandbox`` prints is what the table says, with a score that falls with each measure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from superd.cli.show_sandbox import show_sandbox, text_of
from superd.load.sources import Sources
from superd.service import Service


def score(**keys: object) -> float:
    text = text_of(Service.model_validate({"name": "a", "server": "/bin/cat", "user": "nobody", "sandbox": keys}))
    found = re.search(r"exposure (\S+) of 10", text)
    assert found is not None
    return float(found[1])


def test_each_measure_lowers_the_score() -> None:
    assert score() == 8.5
    measures: tuple[dict[str, object], ...] = (
        {"no_new_privs": True},
        {"capabilities": []},
        {"private_network": True},
        {"private_pids": True},
        {"root": "/usr"},
        {"landlock": ["/usr"]},
    )
    for keys in measures:
        assert score(**keys) < 8.5
    assert score(preset="strict") == 1.0
    assert score(preset="strict", dynamic_user="5000-5009", landlock="/usr") == 0.0


def test_one_service_or_all_that_start_a_program_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cat.toml").write_text(
        'server = "/bin/cat"\nuser = "nobody"\nport = 7\n[sandbox]\nno_new_privs = true\nhide = "-/home"\nseccomp = "@mount"\n'
    )
    (tmp_path / "echo.toml").write_text('type = "INTERNAL"\nport = 9\n')
    sources = Sources(services=(str(tmp_path),))
    assert show_sandbox(sources, "cat") == 0
    shown = capsys.readouterr().out
    assert "cat: /bin/cat as nobody" in shown
    assert "  hidden       -/home" in shown
    assert "  refused      @mount" in shown
    assert "  + gets no rights by set-uid programs" in shown
    assert show_sandbox(sources, None) == 0
    assert capsys.readouterr().out == shown
    assert show_sandbox(sources, "echo") == 1
    assert "no service `echo` that starts a program" in capsys.readouterr().err


def test_a_host_that_cannot_do_it_is_named() -> None:
    keys = {"name": "a", "server": "/bin/cat", "user": "nobody", "sandbox": {"hide": "/no/such/file"}}
    assert "  this host    cannot do it: " in text_of(Service.model_validate(keys))


def test_what_a_program_s_root_files_and_user_are_is_shown() -> None:
    keys = {"preset": "strict", "root": "/usr", "landlock": ["/bin", "connect:443"], "dynamic_user": "5000-5009"}
    text = text_of(Service.model_validate({"name": "a", "server": "/bin/cat", "sandbox": keys}))
    assert "a: /bin/cat as a user of its own, 5001 to 5009" in text
    assert "  /            /usr\n" in text
    assert "  opens alone  /bin connect:443\n" in text
