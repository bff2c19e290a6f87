"""``superd xinetd``: xinetd's options, and nothing else."""

from __future__ import annotations

import pytest

from superd.cli.xinetd import _ALONE, _WITH_VALUE, HELP, main, translate


def test_options_that_scripts_use_are_understood() -> None:
    options = translate(["-pidfile", "/run/x.pid", "-stayalive", "-limit", "9", "-f", "/c", "-inetd_compat", "-dontfork"])
    assert (options.pidfile, options.limit, options.config) == ("/run/x.pid", 9, "/c")
    assert options.inetd == ("/etc/inetd.conf",)
    assert options.foreground


@pytest.mark.parametrize("words", [["-help"], ["file"], ["-f"], ["-limit", "x"], ["-syslog", "a", "-filelog", "b"]])
def test_an_unknown_or_wrong_option_is_an_error_with_status_64(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 64
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_names_every_option(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    assert capsys.readouterr().out == HELP
    assert [option for option in (*_WITH_VALUE, *_ALONE) if option not in HELP.replace(",", " ").split()] == []
    assert max(map(len, HELP.splitlines())) <= 80
