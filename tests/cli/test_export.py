"""A service in another daemon's words means the same there: it is read back; and each key that gets lost is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from superd.cli.export import export, to_systemd, to_xinetd, written
from superd.config.systemd.source import parse as parse_systemd
from superd.config.xinetd.source import parse as parse_xinetd
from superd.load.sources import Sources
from superd.problem import errors
from superd.service import Service
from tests.config.golden import MemoryFiles
from tests.needs import needs

BASE = {"name": "git", "server": "/usr/bin/git", "user": "nobody", "listen": ["127.0.0.1:9418"]}
RICH = {
    **BASE,
    "server_args": ["daemon", "--inetd", "a b", 'c"d', "100%", "$5"],
    "instances": 50,
    "per_source": 5,
    "env": {"LANG": "C", "X": "two words"},
    "umask": "077",
    "nice": 5,
    "rlimit_files": 256,
    "only_from": ["10.0.0.0/8", "2001:db8::/32"],
    "limits": {"session": 60, "kill_grace": 30},
    "directory": "/srv",
    "leftovers": "keep",
    "groups": True,
    "login_environment": True,
}


def service(**keys: object) -> Service:
    return Service.model_validate({**BASE, **keys})


def units(text: str) -> tuple[bytes, bytes]:
    socket, _, rest = text.partition("\n# git")
    return socket.encode(), rest.partition("\n")[2].encode()


def test_systemds_units_are_read_back_as_the_same_service() -> None:
    rich = Service.model_validate(RICH)
    made = to_systemd(rich)
    socket, unit = units("\n".join(made.lines))
    found = parse_systemd("git", {"git.socket": socket}, {"git@.service": unit})
    assert errors(found.problems) == ()
    assert found.services[0] == rich
    assert set(written(rich)) - made.said == set()


@pytest.mark.parametrize("keys", [{}, {"wait": True}, {"socket_type": "dgram", "wait": True, "listen": ["*:69"]}, RICH])
def test_systemd_finds_no_fault_with_its_units(tmp_path: Path, keys: dict[str, object]) -> None:
    program = needs("systemd", "systemd-analyze")
    made = to_systemd(service(**{**keys, "server": "/bin/cat", "user": "daemon"}))
    socket, unit = units("\n".join(made.lines))
    template = "@" if b"Accept=yes" in socket else ""
    (tmp_path / "git.socket").write_bytes(socket)
    (tmp_path / f"git{template}.service").write_bytes(unit)
    done = subprocess.run([program, "verify", "--man=no", tmp_path / "git.socket"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"server_args": ["daemon", "--inetd"], "instances": 50, "per_source": 5, "cps": [25, 30], "umask": "077", "nice": 3},
        {"only_from": ["10.0.0.0/8"], "no_access": ["10.0.0.1"], "access_times": ["08:00-18:00"], "env": {"LANG": "C"}},
        {"wait": True},
        {"socket_type": "dgram", "wait": True, "listen": ["127.0.0.1:69"]},
        {"rlimit_as": "64M", "banner_fail": "/etc/sorry", "group": "nogroup", "groups": True},
    ],
)
def test_xinetds_entry_is_read_back_with_the_same_keys(keys: dict[str, object]) -> None:
    original = service(**keys)
    made = to_xinetd(original)
    assert made.wrong == ""
    found = parse_xinetd("conf", MemoryFiles({"conf": "\n".join(made.lines).encode() + b"\n"}))
    assert errors(found.problems) == ()
    [back] = found.services
    for key in (
        "server",
        "server_args",
        "user",
        "wait",
        "socket_type",
        "only_from",
        "no_access",
        "env",
        "instances",
        "umask",
        "nice",
    ):
        assert getattr(back, key) == getattr(original, key), key
    assert back.addresses() == original.addresses()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"server_args": ["a b"]}, "no quotes"),
        ({"listen": ["127.0.0.1:1", "127.0.0.1:2"]}, "one address"),
        ({"listen": ["unix:/run/x"]}, "one address"),
    ],
)
def test_what_xinetd_cannot_say_is_refused(keys: dict[str, object], said: str) -> None:
    assert said in to_xinetd(service(**keys)).wrong


def test_what_systemd_cannot_say_is_refused() -> None:
    assert "starts no program" in to_systemd(Service.model_validate({"name": "a", "redirect": "x:1", "port": 1})).wrong
    assert "each sender" in to_systemd(service(socket_type="dgram")).wrong


def exported(folder: Path, kind: str, text: str, name: str = "git") -> int:
    (folder / "git.toml").write_text(text)
    return export(Sources(services=(str(folder),)), kind, name)


PLAIN = 'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:9418"]\n'


def test_a_key_that_gets_lost_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(tmp_path, "systemd", PLAIN + 'access_times = ["08:00-18:00"]\nlimits.idle = 5\n') == 1
    captured = capsys.readouterr()
    assert "ListenStream=127.0.0.1:9418\n" in captured.out
    assert captured.err.splitlines() == [
        f"{tmp_path}/git.toml:4: warning: `access_times` is lost",
        f"{tmp_path}/git.toml:5: warning: `limits.idle` is lost",
    ]


def test_compose_has_the_ports_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(tmp_path, "compose", PLAIN.replace('listen = ["127.0.0.1:9418"]', "port = 9418")) == 0
    out = capsys.readouterr().out
    assert '      - "9418:9418"\n' in out
    assert "./git.toml:/services.d/git.toml:ro" in out
    assert exported(tmp_path, "compose", PLAIN) == 1  # an address of this host is none of the container
    assert "`listen` is lost" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "name"), [("upstart", "git"), ("systemd", "got")])
def test_a_name_that_does_not_exist_is_wrong_usage(
    tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(tmp_path, kind, PLAIN, name) == 64
    assert "superd: error: " in capsys.readouterr().err
