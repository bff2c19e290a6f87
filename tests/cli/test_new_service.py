"""`superd new` writes a file that `check` takes, or nothing at all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from superd.cli import new_service
from superd.cli.new_service import Wanted, new
from superd.load.registry import load
from superd.load.sources import Sources
from tests.needs import needs_root


def made(folder: Path, wanted: Wanted, **how: bool) -> int:
    return new(wanted, str(folder), **({"force": False, "dry_run": False} | how))


def test_a_program_of_this_host_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs_root()
    assert made(tmp_path, Wanted("hello", run="/bin/echo 'good day'", port="7070")) == 0
    keys = tomllib.loads((tmp_path / "hello.toml").read_text())
    assert keys["server"] == "/bin/echo"
    assert keys["server_args"] == ["good day"]
    assert keys["listen"][0] == "127.0.0.1:7070"
    assert keys["user"] == "nobody"
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"wrote {tmp_path}/hello.toml (4 lines, the rest is comments); superd check: no errors"
    assert out[1] == f"try: superd run --services {tmp_path}, then in another terminal: nc 127.0.0.1 7070"
    assert set(load(Sources(services=(str(tmp_path),)))[0].services) == {"hello"}


def test_the_client_to_try_is_one_that_may_connect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path, Wanted("hello", run="/bin/echo", port="7070", only_from=["192.0.2.0/24"]))
    tried = capsys.readouterr().out.splitlines()[-1]
    assert tried == f"try: superd run --services {tmp_path}, then on a host of 192.0.2.0/24: nc THIS-HOST 7070"


def test_the_file_has_its_schema_and_the_meaning_of_each_key(tmp_path: Path) -> None:
    made(tmp_path, Wanted("hello", run="/bin/echo", port="7070", only_from=["192.0.2.0/24"]))
    lines = (tmp_path / "hello.toml").read_text().splitlines()
    assert lines[0].startswith("#:schema ")
    assert lines[lines.index("port = 7070") - 1] == "# Port number, or a name from /etc/services."
    assert 'only_from = ["192.0.2.0/24"]' in lines
    assert "#instances = 50" in lines


def test_every_key_that_is_suggested_can_be_switched_on(tmp_path: Path) -> None:
    needs_root()
    made(tmp_path, Wanted("hello", run="/bin/echo", port="7070", everybody=True))
    path = tmp_path / "hello.toml"
    keys = [
        line[1:] if line.startswith("#") and line[1:2].isalpha() and " = " in line else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(keys) + "\n")
    [service] = load(Sources(services=(str(tmp_path),)))[0].services.values()
    assert (service.instances, service.limits.idle) == (50, 300)


def test_a_redirect_and_a_built_in_service(tmp_path: Path) -> None:
    assert made(tmp_path, Wanted(redirect="127.0.0.1:80", port="8080")) == 0
    assert made(tmp_path, Wanted(builtin="daytime", everybody=True)) == 0
    services = load(Sources(services=(str(tmp_path),)))[0].services
    assert str(services["relay"].redirect) == "127.0.0.1:80"
    assert (services["daytime"].internal, services["daytime"].port) == ("daytime", 13)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("a", run="/bin/cat"), "--port NUMBER"),
        (Wanted("a", run="/bin/cat", port="0"), "is not a port"),
        (Wanted("a", run="/bin/cat", port="9" * 5000), "is not a port"),
        (Wanted("a", run="nosuchprogram", port="1"), "is not a program of $PATH"),
        (Wanted("a", run="'", port="1"), "No closing quotation"),
        (Wanted("a", run="/bin/cat", redirect="x:1", port="1"), "exclude each other"),
        (Wanted("a", builtin="ecko"), "is not an internal service"),
        (Wanted("../a", run="/bin/cat", port="1"), "cannot be the name"),
        (Wanted("a"), "say what clients reach"),
    ],
)
def test_options_that_make_no_service_are_wrong_usage(
    tmp_path: Path, wanted: Wanted, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert made(tmp_path, wanted) == 64
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_check_refuses_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path, Wanted("a", run="/bin/nosuchprogram", port="7070")) == 78
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text("mine")
    wanted = Wanted("a", run="/bin/cat", port="7070")
    assert made(tmp_path, wanted) == 73
    assert (tmp_path / "a.toml").read_text() == "mine"
    assert made(tmp_path, wanted, force=True) == 0
    assert "/bin/cat" in (tmp_path / "a.toml").read_text()


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a.toml").symlink_to("victim")
    assert made(tmp_path, Wanted("a", run="/bin/cat", port="7070"), force=True) == 0
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_dry_run_prints_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path, Wanted("a", run="/bin/cat", port="7070"), dry_run=True) == 0
    assert 'server = "/bin/cat"' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_dialogue_asks_until_it_has_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["7", "1", "", "/bin/echo hello", "7070", "2", "192.0.2.0/24, 198.51.100.1"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    wanted = Wanted()
    assert made(tmp_path, wanted) == 0
    assert wanted.name == "echo"
    assert tomllib.loads((tmp_path / "echo.toml").read_text())["only_from"] == ["192.0.2.0/24", "198.51.100.1"]
    assert "Type a number from 1 to 3." in capsys.readouterr().out


def test_the_end_of_the_input_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert made(tmp_path, Wanted()) == 64
    assert list(tmp_path.iterdir()) == []


def test_an_ordinary_user_gets_their_own_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_service, "is_root", lambda: False)
    monkeypatch.setattr("os.geteuid", lambda: 65534)
    assert 'user = "nobody"' in new_service.text_of(Wanted("a", run="/bin/cat", port="7070"))
