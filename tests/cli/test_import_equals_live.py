"""What an import writes serves the same as the old file read live: the Services are equal, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from superd.cli.importer import import_command
from superd.config.inetd.dialects import DIALECTS
from superd.errors import ConfigError
from superd.key_conflicts import fit
from superd.load.services import read
from superd.load.sources import Sources
from tests.needs import needs

XINETD = """\
defaults
{
    instances       = 30
    per_source      = 5
    cps             = 25 30
    log_type        = SYSLOG authpriv info
    log_on_success  = HOST PID EXIT DURATION
    log_on_failure  = HOST
    only_from       = 127.0.0.0 192.0.2.0/24
    passenv         = PATH TZ
    banner_fail     = /etc/hostname
    v6only          = no
    groups          = yes
    umask           = 027
}
service shout
{
    type            = UNLISTED
    socket_type     = stream
    protocol        = tcp
    port            = 4001
    wait            = no
    user            = nobody
    group           = daemon
    server          = /usr/bin/tr
    server_args     = a-z A-Z "quoted" back\\slash #hash
    env             = LANG=C EMPTY= QUOTE="x"
    nice            = 3
    rlimit_as       = 64M
    rlimit_cpu      = 20
    rlimit_files    = UNLIMITED
    access_times    = 8:00-11:59 13:00-18:00
    only_from       += 2001:db8::/32
    no_access       = 192.0.2.66
    flags           = KEEPALIVE NODELAY
    log_on_success  -= PID
    deny_time       = 60
    max_load        = 2.5
    libwrap         = in.shout
    instances       = UNLIMITED
}
service ftp
{
    socket_type     = stream
    wait            = no
    user            = root
    server          = /bin/cat
    server_args     = in.cat -x
    flags           = NAMEINARGS IPv4
    bind            = 127.0.0.1
    only_from       =
}
service daytime
{
    type            = INTERNAL
    socket_type     = dgram
    wait            = yes
    id              = daytime-dgram
}
service relay
{
    type            = UNLISTED
    socket_type     = stream
    port            = 4002
    wait            = no
    user            = nobody
    redirect        = ::1 http
    log_on_success  += TRAFFIC
    cps             = 0 5
}
service trap
{
    type            = INTERNAL UNLISTED
    flags           = SENSOR
    socket_type     = stream
    port            = 4003
    wait            = no
    deny_time       = FOREVER
}
service tcpmux
{
    type            = INTERNAL
    socket_type     = stream
    wait            = no
    user            = root
}
service echoes
{
    type            = TCPMUXPLUS UNLISTED
    socket_type     = stream
    protocol        = tcp
    wait            = no
    user            = nobody
    server          = /bin/cat
}
service rstatd
{
    type            = RPC UNLISTED
    socket_type     = dgram
    wait            = yes
    user            = nobody
    rpc_version     = 2-4
    rpc_number      = 100001
    server          = /bin/cat
}
service off
{
    type            = UNLISTED
    socket_type     = stream
    port            = 4004
    wait            = no
    user            = nobody
    server          = /bin/cat
    disable         = yes
}
service odd/name.of:it
{
    type            = UNLISTED
    socket_type     = stream
    port            = 4005
    wait            = no
    user            = nobody
    server          = /bin/cat
}
"""

INETD = {
    "openbsd": """\
127.0.0.1:
7001 stream tcp nowait.60 nobody.daemon /bin/cat other -u
*:7002 stream tcp6 nowait nobody /usr/sbin/tcpd /bin/cat
192.0.2.1,192.0.2.2:ftp stream tcp nowait root /bin/cat cat
127.0.0.1:7003 dgram udp wait root /bin/cat cat
daytime dgram udp wait root internal
/run/cat.sock stream unix nowait nobody /bin/cat cat
rstatd/2-4 dgram rpc/udp wait root /bin/cat cat
""",
    "freebsd": """\
7001 stream tcp nowait/10/20/3 nobody:daemon /bin/cat cat "two words" 'x y'
7002 stream tcp6 nowait nobody /bin/cat cat
auth stream tcp nowait root internal auth -r -o TESTS -t 3
tcpmux stream tcp nowait root internal
tcpmux/+date stream tcp nowait nobody /bin/date date
:root:daemon:0600:/run/cat.sock stream unix nowait nobody /bin/cat cat
""",
    "netbsd": """\
7001 stream tcp,sndbuf=4k nowait:10 nobody:daemon /bin/cat cat
7002 on protocol = tcp6, user = nobody, exec = /bin/cat, args = cat, service_max = 7, ip_max = 3;
""",
    "inetutils": """\
7001 stream tcp4 nowait.10 nobody /bin/cat cat
7002 stream tcp6only nowait nobody /bin/cat cat
tcpmux stream tcp nowait root internal
""",
    "busybox": """\
7001 stream tcp nowait.3 nobody /bin/cat cat
7002 dgram udp nowait nobody /bin/cat cat
""",
}


def served(sources: Sources) -> dict[str, dict[str, Any]]:
    """Every service that would be served, as plain values, by id."""
    try:
        registry, _ = read(sources)
    except ConfigError as refused:
        raise AssertionError("\n".join(map(str, refused.problems))) from None
    # superd's own files may not name a key that has no effect for their kind of service.
    return {name: fit(service, lambda _: True)[0].model_dump() for name, service in registry.services.items()}


def imported(kind: str, old: Path, folder: Path, dialect: str = "auto") -> dict[str, dict[str, Any]]:
    """What the files of an import would serve."""
    status = import_command(kind, [old], folder, dialect=dialect)
    assert status == 0
    return served(Sources(services=(str(folder),)))


def test_an_imported_xinetd_conf_serves_what_it_served_live(tmp_path: Path) -> None:
    old = tmp_path / "xinetd.conf"
    old.write_text(XINETD)
    live = served(Sources(str(old)))
    new = imported("xinetd", old, tmp_path / "new")
    # A file's name is the id: one that cannot be a file's name is changed, which only its reader sees.
    odd = live.pop("odd/name.of:it")
    live["odd_name.of_it"] = {**odd, "name": "odd_name.of_it"}
    assert new.keys() == live.keys()
    assert "off" not in live
    assert live["relay"]["redirect"] == "[::1]:80"
    for name, service in live.items():
        assert new[name] == service, name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_imported_inetd_conf_serves_what_it_served_live(dialect: str, tmp_path: Path) -> None:
    old, main = tmp_path / "inetd.conf", tmp_path / "superd.toml"
    old.write_text(INETD[dialect])
    main.write_text(f'inetd = ["{old}"]\ninetd_dialect = "{dialect}"\nservices = []\n')
    (tmp_path / "none").mkdir()
    live = served(Sources(str(main), services=(str(tmp_path / "none"),)))
    new = imported("inetd", old, tmp_path / "new", dialect)
    assert len(live) == sum(len(line.split()) > 1 for line in INETD[dialect].splitlines())
    assert new == live


def test_the_packages_own_files_import_and_serve_the_same(tmp_path: Path) -> None:
    old = Path(needs("xinetd", "/etc/xinetd.conf"))
    live = served(Sources(str(old)))
    (tmp_path / "new").mkdir()
    assert imported("xinetd", old, tmp_path / "new") == live


def test_what_this_host_has_against_an_entry_is_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "xinetd.conf"
    entry = "service shout\n{{\n type = UNLISTED\n socket_type = stream\n port = 4001\n wait = no\n user = {}\n"
    entry += " server = /bin/cat\n}}\n"
    old.write_text(entry.format("no-such-user"))
    assert import_command("xinetd", [old], tmp_path / "new") == 78
    assert f"{old}:7: user `no-such-user` does not exist (on this host)\n" in capsys.readouterr().out
    old.write_text(entry.format("nobody"))
    assert import_command("xinetd", [old], tmp_path / "other") == 0
    assert "cannot be kept: 0" in capsys.readouterr().out
