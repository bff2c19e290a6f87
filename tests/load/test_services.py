"""Reading a host's files: folders on top of each other, fragments, and what is wrong with any of them, at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.config.grammar import grammar_of
from superd.errors import ConfigError
from superd.load.services import read, skipped
from superd.load.sources import Sources
from superd.problem import errors
from superd.system.trusted_file import TrustedFiles

ECHO = 'type = "INTERNAL"\nservice = "echo"\nlisten = "127.0.0.1:7007"\n'


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def test_all_files_that_are_wrong_are_reported_at_once_and_keep_going_serves_the_others(services_dir: Path) -> None:
    write(services_dir / "good.toml", ECHO)
    write(services_dir / "one.toml", ECHO + "nise = 1\n")
    write(services_dir / "two.toml", "= \n")
    sources = Sources(services=(str(services_dir),))
    with pytest.raises(ConfigError) as raised:
        read(sources)
    told = {(os.path.basename(problem.origin.file), problem.origin.line) for problem in errors(raised.value.problems)}
    assert {("one.toml", 4), ("two.toml", 1)} <= told
    registry, problems = read(sources, keep_going=True)
    assert set(registry.services) == {"good"}
    assert errors(problems)


def test_what_else_is_wrong_with_a_service_is_reported_with_its_wrong_address(services_dir: Path) -> None:
    for name, port in (("high", "70000"), ("kind", "[]"), ("text", '"no-such-service"')):
        write(services_dir / f"{name}.toml", f'server = "/bin/cat"\nport = {port}\nuser = "no-such-user"\n')
    with pytest.raises(ConfigError) as raised:
        read(Sources(services=(str(services_dir),)))
    told = [(os.path.basename(problem.origin.file), problem.origin.line) for problem in errors(raised.value.problems)]
    assert told == [(f"{name}.toml", line) for name in ("high", "kind", "text") for line in (2, 3)]


def test_a_fragment_is_laid_on_its_file_and_a_higher_folder_replaces_or_masks_it(services_dir: Path) -> None:
    higher = services_dir.parent / "higher"
    higher.mkdir(mode=0o755)
    write(services_dir / "a.toml", ECHO + "nice = 1\nbacklog = 5\n")
    write(services_dir / "b.toml", ECHO.replace("7007", "7008"))
    write(services_dir / "c.toml", ECHO.replace("7007", "7009"))
    write(higher / "a.toml.d" / "10.toml", "nice = 2\n")
    write(higher / "a.toml.d" / "20.toml~", "nice = 3\n")
    (higher / "b.toml").symlink_to("/dev/null")
    write(higher / "c.toml", ECHO.replace("7007", "7010"))
    registry, _ = read(Sources(services=(str(services_dir), str(higher))))
    assert set(registry.services) == {"a", "c"}
    assert (registry.services["a"].nice, registry.services["a"].backlog) == (2, 5)
    assert registry.origins["a", "nice"].file.endswith("10.toml")
    assert registry.services["c"].listen == ("127.0.0.1:7010",)


def test_what_editors_and_package_managers_leave_is_not_a_configuration() -> None:
    left = [".a.toml", "a.toml~", "a.toml.rpmnew", "a.toml.dpkg-old", "#a.toml#", ".a.toml.swp", "a.toml.bak"]
    assert all(skipped(name) for name in left)
    assert not any(skipped(name) for name in ("a.toml", "a.toml.d", "#a.toml"))


def test_a_stray_first_line_makes_no_toml_of_a_file_with_the_other_daemons_name() -> None:
    for line in (b"instances = 3\n", b"{\n", b"x\n"):
        assert grammar_of("/etc/xinetd.conf", line + b"service x\n") == "xinetd"
        assert grammar_of("/etc/inetd.conf", line) == "inetd"
        assert grammar_of("/etc/superd.conf", line) not in ("xinetd", "inetd")


def test_a_file_that_is_removed_while_the_folder_is_read_is_left_out(services_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(services_dir / "echo.toml", ECHO)
    write(services_dir / "echo.toml.d" / "10.toml", "nice = 2\n")
    really = TrustedFiles.list
    late = {str(services_dir): ["gone.toml"], str(services_dir / "echo.toml.d"): ["20.toml"]}
    monkeypatch.setattr(TrustedFiles, "list", lambda files, path: really(files, path) + late.pop(path, []))
    registry, problems = read(Sources(services=(str(services_dir),)))
    assert (set(registry.services), late, problems) == ({"echo"}, {}, ())
    (services_dir / "gone.toml").symlink_to(services_dir / "nowhere")
    with pytest.raises(ConfigError, match="gone"):
        read(Sources(services=(str(services_dir),)))


def test_fragments_that_are_not_folder_are_an_error_with_their_place(services_dir: Path) -> None:
    write(services_dir / "echo.toml", ECHO)
    write(services_dir / "echo.toml.d", "nice = 2\n")
    with pytest.raises(ConfigError) as raised:
        read(Sources(services=(str(services_dir),)))
    (problem,) = errors(raised.value.problems)
    assert problem.origin.file.endswith("echo.toml.d")
    assert "Not a directory" in problem.message


def test_a_wait_service_that_a_default_closes_takes_no_other_service_with_it(tmp_path: Path) -> None:
    conf = tmp_path / "xinetd.conf"
    entry = "service {0}\n{{\ntype = UNLISTED\nsocket_type = stream\nprotocol = tcp\nport = {1}\nuser = root\nwait = {2}\n"
    entry += "server = /bin/cat\n}}\n"
    defaults = "defaults\n{\nno_access = 127.0.0.77\n}\n"
    write(conf, defaults + entry.format("one", 7001, "no") + entry.format("taken", 7002, "yes") + entry.format("two", 7003, "no"))
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    registry, problems = read(Sources(config=str(conf)), keep_going=True)
    assert set(registry.services) == {"one", "two"}
    (wrong,) = errors(problems)
    assert wrong.origin.line == 15
    assert wrong.message.endswith(f"`taken` has it from {conf}:3")


def test_a_cut_inside_an_entry_of_xinetd_conf_is_an_error_or_has_no_line_end(
    tmp_path: Path,
) -> None:
    one = "service s{0}\n{{\n\ttype = UNLISTED\n\tport = 700{0}\n\tsocket_type = stream\n\twait = no\n"
    one += "\tuser = nobody\n\tonly_from = 192.0.2.1\n\tserver = /bin/cat\n}}\n"
    text = one.format(1) + one.format(2)
    conf = tmp_path / "xinetd.conf"
    for length in range(len(text) // 2, len(text) + 1):
        conf.write_text(text[:length])
        registry, problems = read(Sources(str(conf)), keep_going=True)
        assert {path: end.ended for path, end in registry.endings.items()} == {str(conf): text[:length].endswith("\n")}
        if registry.endings[str(conf)].ended and not text[:length].endswith("}\n"):
            assert errors(problems), text[:length]
