"""What packaging/ holds is understood by the programs it is for, and superd works under it."""

from __future__ import annotations

import configparser
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import Superd, free_port, talk
from tests.needs import needs, needs_root

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"


def unit(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return {name: dict(parser[name]) for name in parser.sections()}


def installed(folder: Path, *drop_ins: str) -> Path:
    """The unit as an admin has it, with a program that is there; for an older systemd without the type it does not know."""
    version = int(subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout.split()[1])
    text = (PACKAGING / "superd.service").read_text().replace("ExecStart=superd", f"ExecStart={sys.executable} -m superd")
    names = list(drop_ins)
    if version < 253:
        text = text.replace("Type=notify-reload\n", "")
        names.append("before-253")
    (folder / "superd.service").write_text(text)
    (folder / "superd.service.d").mkdir()
    for name in names:
        shutil.copy(PACKAGING / "drop-ins" / f"{name}.conf", folder / "superd.service.d")
    shutil.copy(PACKAGING / "superd.socket", folder)
    return folder / "superd.service"


@pytest.mark.parametrize("drop_ins", [(), ("hardened",)], ids=["plain", "hardened"])
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path, drop_ins: tuple[str, ...]) -> None:
    needs("systemd", "systemd-analyze")
    service = installed(tmp_path, *drop_ins)
    done = subprocess.run(["systemd-analyze", "verify", service], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_nothing_to_say_about_the_socket_unit(tmp_path: Path) -> None:
    needs("systemd", "systemd-analyze")
    installed(tmp_path)
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / "superd.socket"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_nothing_again_that_would_fail_again() -> None:
    from superd.cli.xinetd import EX_USAGE
    from superd.exit_status import EX_CONFIG

    service = unit(PACKAGING / "superd.service")["Service"]
    assert service["RestartPreventExitStatus"].split() == [str(EX_USAGE), str(EX_CONFIG)]


def test_sysusers_makes_the_user_that_the_settings_name(tmp_path: Path) -> None:
    from superd.settings import Settings

    needs_root()
    program = needs("systemd", "systemd-sysusers")
    (tmp_path / "etc").mkdir()
    subprocess.run([program, f"--root={tmp_path}", PACKAGING / "superd.sysusers"], check=True, capture_output=True)
    name, _, uid, *_, home, shell = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert (name, home, shell) == (Settings().user, "/", "/usr/sbin/nologin")
    assert uid != "0"


def test_tmpfiles_makes_folders_that_root_trusts(tmp_path: Path) -> None:
    needs_root()
    program = needs("systemd", "systemd-tmpfiles")
    subprocess.run([program, f"--root={tmp_path}", "--create", PACKAGING / "superd.tmpfiles"], check=True, capture_output=True)
    for name in ("etc/superd/services.d", "run/superd"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, oct(status.st_mode)) == (0, "0o40755")


def test_a_program_of_another_user_runs_and_is_ended_with_the_capabilities_of_the_hardened_example(superd: Superd) -> None:
    needs_root()
    setpriv = needs("util-linux", "setpriv")
    hardened = unit(PACKAGING / "drop-ins/hardened.conf")["Service"]
    kept = ",".join(f"+{word.removeprefix('CAP_').lower()}" for word in hardened["CapabilityBoundingSet"].split())
    port, long = free_port(), free_port()
    superd.service("who", f'server = "/usr/bin/id"\nuser = "nobody"\nnice = -1\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{long}"]\n[limits]\nsession = 0.2\n')
    superd.prefix = [setpriv, "--no-new-privs", f"--bounding-set=-all,{kept}", "--inh-caps=-all"]
    superd.start()
    assert talk(port).startswith(b"uid=65534(nobody)")
    with socket.create_connection(("127.0.0.1", long)) as session:
        assert session.recv(1) == b""
    assert superd.event(event="EXIT", service="cat")["signal"] == 15
