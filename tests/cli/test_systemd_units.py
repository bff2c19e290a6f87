"""Which files a unit is: the highest folder's, with the drop-ins of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.cli.importer import Disk, import_command
from superd.cli.systemd_units import read_units
from superd.problem import errors

SOCKET = "[Socket]\nListenStream=7070\nAccept=yes\n"
SERVICE = "[Service]\nExecStart=/bin/cat\nStandardInput=socket\nUser=nobody\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    for name in ("etc", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib/a.socket").write_text(SOCKET)
    (tmp_path / "lib/a@.service").write_text(SERVICE)
    return str(tmp_path / "etc"), str(tmp_path / "lib")


@pytest.mark.parametrize("name", ["a", "a.socket", "a@.service", "a.service"])
def test_a_unit_is_found_by_its_name(folders: tuple[str, str], name: str) -> None:
    [service] = read_units(name, Disk(), folders).services
    assert (service.name, service.server) == ("a", "/bin/cat")


def test_the_admins_unit_and_drop_ins_win(folders: tuple[str, str]) -> None:
    etc, lib = map(Path, folders)
    for folder, port in ((etc, 1), (lib, 2)):
        (folder / "a.socket.d").mkdir()
        (folder / "a.socket.d/port.conf").write_text(f"[Socket]\nListenStream=\nListenStream={port}\n")
    (lib / "a.socket.d/queue.conf").write_text("[Socket]\nBacklog=7\n")
    [service] = read_units("a", Disk(), folders).services
    assert (service.listen, service.backlog) == (("*:1",), 7)


def test_service_names_another_unit_where_nothing_is_accepted(folders: tuple[str, str]) -> None:
    etc = Path(folders[0])
    (etc / "a.socket").write_text("[Socket]\nListenStream=7070\nService=b.service\n")
    (etc / "b.service").write_text(SERVICE)
    [service] = read_units("a", Disk(), folders).services
    assert service.wait


def test_a_file_of_the_working_folder_comes_before_an_installed_unit(
    folders: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.socket").write_text(SOCKET.replace("7070", "7171"))
    [service] = read_units("a.socket", Disk(), folders).services
    assert service.listen == ("*:7171",)
    assert read_units("a", Disk(), folders).services[0].listen == ("*:7070",)


def test_a_unit_that_does_not_exist_is_an_error(folders: tuple[str, str]) -> None:
    assert "no unit `x.socket`" in errors(read_units("x", Disk(), folders).problems)[0].message
    (Path(folders[1]) / "a@.service").unlink()
    assert "`a@.service` does not exist" in errors(read_units("a", Disk(), folders).problems)[0].message


def test_import_writes_the_file_and_the_report(
    folders: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(f"{folders[1]}/a@.service", "a") as file:
        file.write("PrivateDevices=yes\n")
    assert import_command("systemd", [f"{folders[1]}/a.socket"], tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "carried over: 1\n" in out
    assert "a@.service:5: `PrivateDevices=yes` is lost: it confined the program" in out
    text = (tmp_path / "out/a.toml").read_text()
    assert f'server = "/bin/cat"  # from {folders[1]}/a@.service:2' in text
    assert "instances = 64" in text


def test_import_ends_with_78_for_what_cannot_be_kept(
    folders: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(f"{folders[1]}/a@.service", "a") as file:
        file.write("DynamicUser=yes\n")
    assert import_command("systemd", [f"{folders[1]}/a.socket"], tmp_path / "out") == 78
    assert "cannot be kept: 1\n" in capsys.readouterr().out
    assert not list((tmp_path / "out").glob("*"))
