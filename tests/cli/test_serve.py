"""One service out of options: the same as its file, and served."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib

import pytest

from superd.cli.serve import help_text, options, parse, serve, service_text, sources_of
from superd.config.toml.service_file import KEYS
from superd.errors import ConfigError
from superd.load.registry import load
from superd.service import Service
from tests.daemon_process import WAIT, free_port, talk


def service(line: str) -> Service:
    typed = parse(line.split())
    registry, _ = load(sources_of(typed))
    return registry.services[typed.name]


def test_options_are_what_their_keys_are_in_a_file() -> None:
    made = service(
        "--port 1337 --user nobody --per-source 4 --session 60s --limits-idle 5 --umask 027 --only-from 192.0.2.0/24 "
        "--only-from 2001:db8::/32 --cps [9,5] --env A=b=c --rlimit-as 64M --login-environment --limits-memory=1G "
        "--sandbox strict -- /bin/sh -c --port"
    )
    assert (made.name, made.port, made.user, made.per_source) == ("sh", 1337, "nobody", 4)
    assert (made.limits.session, made.limits.idle, made.umask, made.cps) == (60.0, 5.0, 0o27, (9, 5))
    assert made.only_from == ("192.0.2.0/24", "2001:db8::/32")
    assert (dict(made.env), made.rlimit_as, made.login_environment) == ({"A": "b=c"}, 64 << 20, True)
    assert (made.server, made.server_args) == ("/bin/sh", ("-c", "--port"))


def test_the_first_word_without_a_dash_is_the_program_and_a_redirect_needs_none() -> None:
    assert service("--port 7 --user nobody --name shout /bin/echo -n").server_args == ("-n",)
    assert str(service("--port 7 --redirect 127.0.0.1:80").redirect) == "127.0.0.1:80"


def test_every_key_of_a_service_file_is_an_option_and_stands_in_the_help() -> None:
    keys = {key.path.partition(".")[0] for key in options().values()}
    assert set(KEYS) <= keys | {"limits", "sandbox"}
    text = help_text()
    assert [option for option in options() if f"  {option}" not in text] == []


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--per-sorce 4 /bin/cat", "`--per-sorce` is not an option"),
        ("--port", "`--port` needs a value"),
        ("--env A -- /bin/cat", "`--env A` has no value"),
    ],
)
def test_a_wrong_option_is_named(line: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [str(problem)[: len(error)] for problem in parse(line.split()).wrong] == [error]
    assert serve(line.split()) == 64
    assert error in capsys.readouterr().err


def test_a_wrong_value_is_the_problem_of_its_key() -> None:
    with pytest.raises(ConfigError) as refused:
        service("--port 7 --user nobody --instances many -- /bin/cat")
    (problem,) = refused.value.problems
    assert "`instances`" in problem.line()
    assert "(the command line)/cat.toml:3" in problem.line()


def test_a_text_of_any_kind_reads_back_as_it_was() -> None:
    typed = parse(["--name", "x", "--env", 'A="\\\n', "--", "/bin/x", 'a"b', "\x1b"])
    found = tomllib.loads(service_text(typed))
    assert (found["server_args"], found["env"]) == (['a"b', "\x1b"], {"A": '"\\\n'})


def test_it_serves_and_reloads_without_a_file() -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "superd", "serve", "--listen", f"127.0.0.1:{port}", "--user", "root", "--", "/bin/cat"],
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        while b"ready" not in (line := process.stderr.readline()):
            assert line
        assert talk(port, b"hi") == b"hi"
        process.send_signal(signal.SIGHUP)
        while b"reload: " not in (line := process.stderr.readline()):
            assert line
        assert b"1 kept" in line
        assert talk(port, b"hi") == b"hi"
    finally:
        process.terminate()
        process.communicate(timeout=WAIT)
    assert process.returncode == 0
