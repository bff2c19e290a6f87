"""``superd import``: parts with their whole, folders, counts, comments, [defaults]."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from superd.cli import importer
from superd.cli.importer import file_name, import_command
from superd.load.services import read
from superd.load.sources import Sources


def entry(name: str, port: int, *lines: str) -> str:
    body = ["type = UNLISTED", f"port = {port}", "socket_type = stream", "wait = no", "user = root", "server = /bin/cat", *lines]
    return "\n".join([f"service {name}", "{", *body, "}", ""])


DEFAULTS = "defaults\n{\nonly_from = 192.0.2.7\ninstances = 3\nlog_type = SYSLOG daemon\n}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A whole xinetd.conf with two files in its folder."""
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    (folder / "one").write_text("# default: off\n# One thing.\n" + entry("one", 7001))
    (folder / "two").write_text(entry("two", 7002, "# Another thing.", "instances = 5"))
    (folder / "skipped.rpmnew").write_text(entry("three", 7003))
    (tmp_path / "xinetd.conf").write_text(f"{DEFAULTS}includedir {folder}\n")
    return tmp_path


def written(folder: Path) -> dict[str, dict[str, object]]:
    return {path.name: tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml"))} if folder.exists() else {}


def test_a_part_is_read_with_the_defaults_of_the_whole(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_command("xinetd", [etc / "xinetd.d" / "one"], etc / "new") == 0
    (service,) = written(etc / "new").values()
    assert (service["only_from"], service["instances"]) == (["192.0.2.7"], 3)
    out = capsys.readouterr().out
    assert f"read with the `defaults` of `{etc}/xinetd.conf`, which includes it" in out
    assert "carried over: 1\n" in out
    assert "two" not in out


def test_a_folder_is_read_as_includedir_reads_it(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_command("xinetd", [etc / "xinetd.d"], etc / "new") == 0
    files = written(etc / "new")
    assert sorted(files) == ["one.toml", "two.toml"]
    assert all(keys["only_from"] == ["192.0.2.7"] for keys in files.values())
    assert "carried over: 2\n" in capsys.readouterr().out


def test_a_part_that_is_named_from_its_folder_has_its_whole_too(
    etc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(etc)
    assert import_command("xinetd", ["xinetd.d"], "out") == 0
    assert f"read with the `defaults` of `{etc}/xinetd.conf`" in capsys.readouterr().out
    assert sorted(written(etc / "out")) == ["one.toml", "two.toml"]


def test_an_import_into_the_hosts_own_folder_makes_its_superd_toml(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "OPERATORS_OWN", str(etc / "superd/services.d"))
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "superd/services.d") == 0
    main = tomllib.loads((etc / "superd/superd.toml").read_text())
    assert main["defaults"]["log_type"] == "SYSLOG daemon"
    assert "log_type" not in written(etc / "superd/services.d")["one.toml"]
    assert written(etc / "superd/services.d")["one.toml"]["only_from"] == ["192.0.2.7"]


def test_a_superd_toml_of_the_host_stays_as_it_is(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "OPERATORS_OWN", str(etc / "superd/services.d"))
    (etc / "superd").mkdir()
    (etc / "superd/superd.toml").write_text("xinetd = []\n")
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "superd/services.d") == 0
    assert (etc / "superd/superd.toml").read_text() == "xinetd = []\n"
    assert written(etc / "superd/services.d")["one.toml"]["log_type"] == "SYSLOG daemon"


@pytest.mark.parametrize("what", ["xinetd.d/one", "xinetd.d"])
def test_a_part_without_a_whole_writes_nothing_unless_it_is_alone(
    etc: Path, what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "xinetd.conf").write_text(DEFAULTS)
    monkeypatch.setattr("superd.config.xinetd.source.ELSEWHERE", str(etc / "nowhere"))
    assert import_command("xinetd", [etc / what], etc / "new") == 78
    assert written(etc / "new") == {}
    assert "no xinetd.conf includes it" in capsys.readouterr().out
    assert import_command("xinetd", [etc / what], etc / "new", alone=True) == 0
    assert "only_from" not in written(etc / "new")["one.toml"]


def test_a_part_and_its_whole_are_one_import(etc: Path) -> None:
    assert import_command("xinetd", [etc / "xinetd.conf", etc / "xinetd.d" / "one"], etc / "new") == 0
    assert sorted(written(etc / "new")) == ["one.toml", "two.toml"]


def test_comments_are_kept(etc: Path) -> None:
    import_command("xinetd", [etc / "xinetd.conf"], etc / "new")
    assert "# default: off\n# One thing.\n" in (etc / "new" / "one.toml").read_text()
    assert "# Another thing.\n" in (etc / "new" / "two.toml").read_text()
    (etc / "inetd.conf").write_text(
        "#:OTHER: Other\n# A gopher.\n7001 stream tcp nowait root /bin/cat cat\n\n# telnet stream tcp nowait root /x x\n"
        "7002 stream tcp nowait root /bin/cat cat\n"
    )
    import_command("inetd", [etc / "inetd.conf"], etc / "inetd")
    assert "# A gopher.\n" in (etc / "inetd" / "7001.toml").read_text()
    assert "telnet" not in (etc / "inetd" / "7002.toml").read_text()
    assert "OTHER" not in (etc / "inetd" / "7001.toml").read_text()


def test_defaults_are_written_once_and_serve_the_same(etc: Path) -> None:
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "apart") == 0
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new", defaults=etc / "superd.toml") == 0
    shared = tomllib.loads((etc / "superd.toml").read_text())["defaults"]
    assert shared["log_type"] == "SYSLOG daemon"
    assert "only_from" not in shared
    assert "instances" not in shared  # `two` has its own
    assert "log_type" not in written(etc / "new")["one.toml"]
    assert written(etc / "new")["one.toml"]["only_from"] == ["192.0.2.7"]
    (etc / "plain.toml").write_text("")
    apart = read(Sources(config=str(etc / "plain.toml"), services=(str(etc / "apart"),)))[0].services
    together = read(Sources(config=str(etc / "superd.toml"), services=(str(etc / "new"),)))[0].services
    assert dict(together) == dict(apart)


def test_what_is_lost_is_counted_as_lost_and_nowhere_else(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (etc / "xinetd.d" / "servers").write_text(
        "service servers\n{\ntype = INTERNAL UNLISTED\nport = 9099\nsocket_type = stream\nprotocol = tcp\nwait = no\n"
        "disable = yes\n}\n"
    )
    (etc / "xinetd.d" / "gone").write_text(entry("gone", 7004).replace("root", "no-such-user"))
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new") == 78
    out = capsys.readouterr().out
    carried, _, rest = out.partition("changes meaning")
    changed, _, lost = rest.partition("cannot be kept")
    assert carried.startswith("carried over: 2\n")
    assert lost.startswith(": 2\n")
    assert "no internal service `servers`" in lost
    assert "user `no-such-user` does not exist" in lost
    assert "servers" not in changed
    assert "`gone`" not in carried


def test_a_lost_entry_that_was_off_fails_nothing(etc: Path) -> None:
    (etc / "xinetd.d" / "old").write_text(entry("old", 7005, "disable = yes", "instances = many"))
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new") == 0


def test_each_note_is_said_once_with_its_services(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_command("xinetd", [etc / "xinetd.conf"], etc / "new")
    out = capsys.readouterr().out
    assert out.count("soft limit of open files") == 1
    assert "`one`, `two`: programs keep the soft limit" in out


def test_a_renamed_id_is_named_though_its_entry_is_off(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (etc / "xinetd.d" / "dup").write_text(entry("dup", 7006, "id = one", "disable = yes"))
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new") == 0
    assert "`one-stream` → one-stream.toml (disabled) (its id `one` is taken by another entry)" in capsys.readouterr().out


def test_the_other_daemons_file_is_reported_with_the_right_command(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_command("inetd", [etc / "xinetd.conf"], etc / "new") == 64
    assert f"write `superd import xinetd {etc}/xinetd.conf …`" in capsys.readouterr().err


def test_nothing_is_written_over_without_force_and_the_report_does_not_say_that_it_was(
    etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new") == 0
    (etc / "new" / "two.toml").unlink()
    capsys.readouterr()
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new") == 73
    assert "would be carried over: 2" in capsys.readouterr().out
    assert not (etc / "new" / "two.toml").exists()
    assert import_command("xinetd", [etc / "xinetd.conf"], etc / "new", force=True) == 0


@pytest.mark.parametrize(
    ("service", "name"), [("a/b", "a_b.toml"), ("..", "service.toml"), ("x" * 300, "x" * 200 + ".toml"), ("q q", "q_q.toml")]
)
def test_a_file_name_holds_nothing_that_a_reader_would_skip(service: str, name: str) -> None:
    assert file_name(service, {}) == name
    assert file_name(service, {name: ""}) == name.replace(".toml", "-2.toml")
