"""The three examples that superd was founded on, as they were written, with real programs on the real ports."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.daemon_process import Superd
from tests.needs import needs
from tests.world import World

PASSWORD = "open sesame"


def a_local_user(world: World, home: Path) -> str:
    """A user who may log in, in this world alone."""
    digest = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    with (world.etc / "passwd").open("a") as passwd, (world.etc / "shadow").open("a") as shadow:
        passwd.write(f"reader:x:54321:54321::{home}:/bin/sh\n")
        shadow.write(f"reader:{digest}:19000:0:99999:7:::\n")
    home.mkdir()
    os.chown(home, 54321, 54321)
    return "reader"


def test_a_banner_of_hosts_allow_stands_before_vsftpds_own_greeting(superd: Superd) -> None:
    vsftpd, ftp = needs("vsftpd", "vsftpd"), needs("ftp", "ftp")
    needs("openssl", "openssl")
    world = World(superd)
    (world.etc / "banners").mkdir()
    (world.etc / "banners/vsftpd").write_text(
        "220-Hello, %c\n"
        "220-All activity on ftp.example.com is logged.\n"
        "220-Inappropriate use will result in your access privileges being removed.\n"
    )
    (world.etc / "hosts.allow").write_text("vsftpd : ALL : banners /etc/banners/\n")
    home = superd.folder / "home"
    user = a_local_user(world, home)
    (home / "poem").write_text("a rose is a rose\n")
    (home / "poem").chmod(0o644)
    empty = superd.folder / "empty"
    empty.mkdir(mode=0o755)
    (world.etc / "vsftpd.conf").write_text(
        f"listen=NO\nlocal_enable=YES\nanonymous_enable=NO\nsecure_chroot_dir={empty}\npam_service_name=vsftpd\n"
    )
    superd.service("vsftpd", f'port = 21\nserver = "{vsftpd}"\nserver_args = ["/etc/vsftpd.conf"]\nuser = "root"\n')
    superd.start()

    lines = world.talk(21, "QUIT\n").split("\r\n")
    assert lines[:3] == [
        "220-Hello, 127.0.0.1",
        "220-All activity on ftp.example.com is logged.",
        "220-Inappropriate use will result in your access privileges being removed.",
    ]
    assert lines[3].startswith("220 (vsFTPd")

    fetched = superd.folder / "fetched"
    said = world.run(ftp, "-n", "-v", "127.0.0.1", text=f'user {user} "{PASSWORD}"\nget poem {fetched}\nbye\n')
    assert "220-Hello, 127.0.0.1" in said
    assert "230 Login successful" in said
    assert fetched.read_text() == "a rose is a rose\n"
    started = [superd.event(event="START", service="vsftpd")["pid"] for _ in range(2)]
    assert started == [superd.event(event="EXIT", service="vsftpd", pid=pid)["pid"] for pid in started]


ALERT = "ALL : 206.182.68.0/255.255.255.0 : spawn (/bin/echo `date` %c %d >> /var/log/intruder_alert)\n"
"""The second example, with what `superd check` says about it fixed: a mask, a program, and backquotes."""


def intruders(superd: Superd, table: str) -> tuple[World, str]:
    """What a client of the network that the rule names gets, with the rule in that table."""
    world = World(superd, addresses=("206.182.68.7", "192.0.2.1"))
    (world.etc / table).write_text(ALERT)
    config = superd.folder / "superd.toml"
    config.write_text('[policy]\nhook_user = "root"\n')  # only root may write in /var/log
    superd.service("cat", 'server = "/bin/cat"\nuser = "nobody"\nport = 7\n')
    superd.start("--config", str(config))
    assert world.talk(7, "hello", host="192.0.2.1", source="192.0.2.1") == "hello"
    assert not (world.var_log / "intruder_alert").exists()
    return world, world.talk(7, "hello", host="192.0.2.1", source="206.182.68.7")


def alerted(world: World) -> bool:
    line = (world.var_log / "intruder_alert").read_text()
    return re.fullmatch(r"\w{3} .*\d\d:\d\d:\d\d.* 20\d\d 206\.182\.68\.7 cat\n", line) is not None


def test_an_alert_of_hosts_deny_is_written_and_the_intruder_refused(superd: Superd) -> None:
    world, answer = intruders(superd, "hosts.deny")
    assert answer == ""
    assert alerted(world)
    assert superd.event(event="FAIL", service="cat")["peer"] == "206.182.68.7"


def test_the_same_alert_in_hosts_allow_is_written_and_the_client_is_admitted(superd: Superd) -> None:
    world, answer = intruders(superd, "hosts.allow")
    assert answer == "hello"
    assert alerted(world)


def test_a_severity_of_hosts_deny_reaches_syslog_as_authpriv_emerg(superd: Superd) -> None:
    world = World(superd)
    (world.etc / "hosts.deny").write_text("in.telnetd : ALL : severity emerg\n")
    daemon = superd.folder / "in.telnetd"
    daemon.write_text("#!/bin/sh\necho login:\n")
    daemon.chmod(0o755)
    superd.service("telnet", f'port = "telnet"\nserver = "{daemon}"\n')
    with world.syslog() as syslog:
        superd.start()
        assert world.talk(23) == ""
        record = syslog.recv(4096)
    # authpriv is 10, emerg 0 (syslog.h).
    assert record.startswith(b"<80>")
    assert b"in.telnetd[" in record
    assert record.endswith(b"refused connect from 127.0.0.1 (127.0.0.1)")
    assert superd.event(event="FAIL", service="telnet")["reason"] == "libwrap"


def test_a_severity_of_hosts_allow_is_logged_as_tcpd_would(superd: Superd) -> None:
    world = World(superd)
    (world.etc / "hosts.allow").write_text("cat : ALL : severity local3.notice\n")
    superd.service("cat", 'port = 7\nserver = "/bin/cat"\n')
    with world.syslog() as syslog:
        superd.start()
        assert world.talk(7, "hi") == "hi"
        record = syslog.recv(4096)
    assert record.startswith(b"<157>")  # local3 is 19, notice 5
    assert record.endswith(b"]: connect from 127.0.0.1 (127.0.0.1)")
