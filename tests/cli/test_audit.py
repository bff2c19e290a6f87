"""`superd audit`: who can reach each listener, as which user, and what is unusual."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superd.cli.audit import audit
from superd.load.sources import Sources

PLAIN = 'server = "/bin/cat"\nuser = "nobody"\nport = 7070\n'
BOUNDED = PLAIN + 'instances = 5\nlimits.idle = "5m"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "services.d").mkdir()
    return tmp_path


def row(folder: Path, capsys: pytest.CaptureFixture[str], text: str, deny: str = "", name: str = "a") -> dict[str, object]:
    (folder / "services.d" / f"{name}.toml").write_text(text)
    (folder / "deny").write_text(deny)
    sources = Sources(services=(str(folder / "services.d"),), hosts_deny=str(folder / "deny"))
    assert audit(sources, as_json=True) == 0
    [found] = json.loads(capsys.readouterr().out)["services"]
    assert isinstance(found, dict)
    return found


def test_a_bounded_service_that_a_network_reaches_is_not_unusual(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = row(folder, capsys, BOUNDED + 'only_from = ["192.0.2.0/24"]\n')
    assert found["unusual"] == []
    assert found["reach"] == "only_from 192.0.2.0/24"
    assert (found["listeners"], found["user"], found["runs"]) == (["*:7070"], "nobody", "/bin/cat")
    assert found["limits"] == "instances 5, cps 200, idle 300 s"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOUNDED, "every client that reaches the port is served"),
        (BOUNDED.replace("nobody", "root"), "its program runs as root"),
        (PLAIN + 'only_from = ["192.0.2.1"]\nlimits.idle = 5\n', "the number of its programs has no limit"),
        (PLAIN + 'only_from = ["192.0.2.1"]\ninstances = 5\n', "a client may stay for ever"),
        (BOUNDED + 'only_from = ["192.0.2.1"]\npassenv = ["*"]\n', "superd's whole environment"),
        (BOUNDED + 'only_from = ["192.0.2.1"]\nservice = "telnet"\n', "is not encrypted"),
        ('type = "INTERNAL"\nservice = "chargen"\nsocket_type = "dgram"\nport = 19\n', "forged senders"),
    ],
)
def test_what_is_unusual_is_said(folder: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str) -> None:
    unusual = row(folder, capsys, text)["unusual"]
    assert isinstance(unusual, list)
    assert len([line for line in unusual if sentence in line]) == 1


def test_loopback_is_this_host_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = row(folder, capsys, BOUNDED.replace("port = 7070", 'listen = ["127.0.0.1:7070", "[::1]:7070"]'))
    assert (found["reach"], found["unusual"]) == ("this host only", [])


def test_a_rule_of_hosts_deny_guards_a_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = row(folder, capsys, BOUNDED, deny="cat : ALL\n")
    assert (found["reach"], found["unusual"]) == ("hosts.allow and hosts.deny, as `cat`", [])
    unguarded = row(folder, capsys, BOUNDED + 'flags = "NOLIBWRAP"\n', deny="cat : ALL\n")
    assert unguarded["reach"] == "every client; hosts.allow and hosts.deny are not asked"


@pytest.mark.parametrize(("service", "point"), [("echo", "2.1.4"), ("time", "2.1.5")])
def test_a_service_that_the_benchmark_names_has_its_point(
    folder: Path, capsys: pytest.CaptureFixture[str], service: str, point: str
) -> None:
    assert row(folder, capsys, f'type = "INTERNAL"\nservice = "{service}"\nport = 7\n')["cis"] == [point]


def test_the_text_has_what_is_unusual_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d/a.toml").write_text(BOUNDED + 'only_from = ["192.0.2.1"]\n')
    (folder / "services.d/b.toml").write_text(BOUNDED.replace("7070", "7071"))
    assert audit(Sources(services=(str(folder / "services.d"),)), as_json=False) == 0
    out = capsys.readouterr().out
    assert out.index("b  (") < out.index("a  (")
    assert out.splitlines()[-1].startswith("2 services, 1 with something unusual.")


def test_errors_end_with_78(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d/a.toml").write_text("sever = 1\n")
    assert audit(Sources(services=(str(folder / "services.d"),)), as_json=False) == 78
    assert "unknown key `sever`" in capsys.readouterr().err
