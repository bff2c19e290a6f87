"""What packaging/ holds is understood by the programs it is for, and superd works under it."""

from __future__ import annotations

import configparser
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from superd.verdict import Reason
from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"


def unit(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return {name: dict(parser[name]) for name in parser.sections()}


def installed(folder: Path, *drop_ins: str) -> Path:
    """The unit as an admin has it, with a program that exists."""
    text = (PACKAGING / "superd.service").read_text().replace("ExecStart=superd", f"ExecStart={sys.executable} -m superd")
    (folder / "superd.service").write_text(text)
    (folder / "superd.service.d").mkdir()
    for name in drop_ins:
        shutil.copy(PACKAGING / "drop-ins" / f"{name}.conf", folder / "superd.service.d")
    shutil.copy(PACKAGING / "superd.socket", folder)
    return folder / "superd.service"


@pytest.mark.parametrize("drop_ins", [(), ("hardened",), ("keep-sessions",)], ids=["plain", "hardened", "keep-sessions"])
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path, drop_ins: tuple[str, ...]) -> None:
    needs("systemd", "systemd-analyze")
    service = installed(tmp_path, *drop_ins)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", service], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_nothing_to_say_about_the_socket_unit(tmp_path: Path) -> None:
    needs("systemd", "systemd-analyze")
    installed(tmp_path)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "superd.socket"], capture_output=True, text=True)
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


@pytest.mark.parametrize(("drop_in", "most"), [("", 7.4), ("hardened", 2.5)])
def test_the_unit_and_the_hardened_example_leave_no_more_exposed_than_is_written_down(
    tmp_path: Path, drop_in: str, most: float
) -> None:
    """In systemd's own score, from 0 to 10; most of what is left is what a superserver does: sockets, users, signals."""
    program = needs("systemd", "systemd-analyze")
    more = (PACKAGING / f"drop-ins/{drop_in}.conf").read_text().partition("[Service]")[2] if drop_in else ""
    whole = tmp_path / "superd.service"
    whole.write_text((PACKAGING / "superd.service").read_text().replace("[Install]", f"{more}\n[Install]"))
    argv = [program, "security", "--offline=true", f"--threshold={most * 10:.0f}", "--no-pager", str(whole)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def test_the_manual_pages_that_the_units_name_are_there() -> None:
    for name in ("superd.service", "superd.socket"):
        for word in unit(PACKAGING / name)["Unit"]["Documentation"].split():
            page, _, section = word.removeprefix("man:").rstrip(")").partition("(")
            assert (PACKAGING / "man" / f"{page}.{section}").exists(), word


def fail2ban(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read(PACKAGING / "fail2ban" / name)
    return parser


REFUSED = [Reason.ADDRESS, Reason.RATE, Reason.RULE_DENY, Reason.PER_SOURCE, Reason.SENSOR, Reason.SOURCE_RATE, Reason.HOURS]


def test_fail2bans_filter_finds_a_client_that_was_refused_for_what_it_did(tmp_path: Path) -> None:
    program = needs("fail2ban", "fail2ban-regex")
    lines: list[str] = []
    for number, reason in enumerate(Reason):
        lines += [
            f"2026-12-01 01:12:07+0000 FAIL tftp 9f3a1-2a from=198.51.100.{number}:2071 reason={reason} limit=40 now=40",
            f"Dec  1 01:12:07 host superd[12]: FAIL git 9-1 from=[2001:db8::1:{number}]:2071 name=a user=b reason={reason}",
        ]
    lines += [
        'Dec  1 01:12:07 host superd[12]: START git 9-1 from=192.0.2.1:2 user="FAIL git 9-1 from=192.0.2.9:1 reason=libwrap"',
        'Dec  1 01:12:07 host superd[12]: FAIL git 9-1 from=192.0.2.1:2 user="from=192.0.2.9:1 reason=libwrap" reason=instances',
        "Dec  1 01:12:07 host other[12]: FAIL git 9-1 from=192.0.2.1:2 reason=libwrap",
    ]
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [program, "-o", "ip", log, PACKAGING / "fail2ban/filter-superd.conf"], capture_output=True, text=True, timeout=WAIT
    )
    found = [number for number, reason in enumerate(Reason) if reason in REFUSED]
    assert done.stdout.split() == [word for n in found for word in (f"198.51.100.{n}", f"2001:db8::1:{n}")]


@pytest.mark.parametrize(("address", "family"), [("127.0.0.2", ""), ("2001:db8::1", "?family=inet6")])
def test_fail2bans_action_refuses_a_client_and_admits_it_again(address: str, family: str, tmp_path: Path) -> None:
    action = fail2ban("action-superd.conf")
    entry = action["Init" + family]["entry"].replace("<ip>", address)
    banned, deny = tmp_path / "fail2ban.deny", tmp_path / "hosts.deny"
    deny.write_text(f"ALL : {banned}\n")

    def carry_out(step: str) -> None:
        command = action["Definition"][step].replace("%%", "%")
        for word, value in {"folder": str(tmp_path), "name": "fail2ban.deny", "entry": entry}.items():
            command = command.replace(f"<{word}>", value)
        subprocess.run(["sh", "-ec", command], check=True)

    def refused(client: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "superd", "match", "echo", client, "--services", tmp_path, "--hosts-deny", deny],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 1

    carry_out("actionstart")
    carry_out("actioncheck")
    assert not refused(address)
    carry_out("actionban")
    assert refused(address)
    assert not refused("127.0.0.22")
    carry_out("actionunban")
    assert not refused(address)


def test_apparmor_reads_the_profile() -> None:
    program = needs("apparmor", "apparmor_parser")
    done = subprocess.run([program, "-Q", "-K", PACKAGING / "apparmor/usr.bin.superd"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "flags=(complain" in (PACKAGING / "apparmor/usr.bin.superd").read_text()


def test_logrotate_reads_its_file() -> None:
    program = needs("logrotate", "logrotate")
    done = subprocess.run([program, "-d", PACKAGING / "superd.logrotate"], capture_output=True, text=True)
    assert (done.returncode, "error" in done.stderr) == (0, False)


def test_bash_completes_commands_and_their_options() -> None:
    script = PACKAGING / "completions/superd.bash"
    run = f'. {script}; COMP_WORDS=(superd check --st) COMP_CWORD=2; _superd_completion superd; echo "${{COMPREPLY[@]}}"'
    bash = needs("bash", "bash")
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([bash, "-c", run], capture_output=True, text=True, env=environ)
    assert (done.stdout.split(), done.stderr) == (["--strict"], "")


@pytest.mark.parametrize("folder", [True, False])
def test_what_inetutils_reads_without_arguments_is_what_an_installation_takes_over(folder: bool, tmp_path: Path) -> None:
    text = (PACKAGING / "debian/superd.postinst").read_text()
    function = text[text.index("find_old() {") : text.index("enable_and_start() {")].replace("/etc/", f"{tmp_path}/")
    if folder:
        (tmp_path / "inetd.d").mkdir()
    script = f'installed() {{ [ "$1" = inetutils-inetd ]; }}\n{function}find_old; printf "%s\\n" "$unit" "$lines"'
    found = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, check=True).stdout
    files = ["inetd.conf", "inetd.d"] if folder else ["inetd.conf"]
    written = ", ".join(f'"{tmp_path}/{name}"' for name in files)
    assert found == f'inetutils-inetd.service\ninetd = [{written}]\ninetd_dialect = "inetutils"\n'
