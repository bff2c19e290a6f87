"""What distributions and projects ship for xinetd and the inetds: the attribute lines of their files, and how they are read.

The lines stand in ``tests/golden/distributions`` without the files' comments; autoconf's variables have a value.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.config.foreign import Foreign
from superd.config.inetd.source import parse as parse_inetd
from superd.config.xinetd.source import parse
from superd.problem import Severity, errors
from superd.service import Service
from tests.config.golden import GOLDEN, MemoryFiles, load

CASES = sorted((GOLDEN / "distributions").glob("*.case"))
GONE = {"no internal service `servers`", "no internal service `services`"}
"""What their files ask for and no xinetd since 2.3.13 has: theirs refuses the entries as well."""


def summary(foreign: Foreign) -> str:
    """A line a service, then the problems."""
    lines = [f"{service.name}: {summed(service)}" for service in foreign.services]
    return "\n".join([*lines, *(str(problem) for problem in foreign.problems)]) + "\n"


def summed(service: Service) -> str:
    what = " ".join(service.argv) if service.server else service.redirect or service.internal or "sensor"
    place = f"{service.service if service.port is None else service.port}/{service.socket_type.value}"
    return f"{'off' if service.disable else 'on'} {place} {service.user or '-'}: {what}"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_shipped_files_read_as_a_human_reads_them(case: Path) -> None:
    files, wanted = load(case)
    assert summary(parse("conf", files)) == wanted


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_whatever_is_switched_on_in_them_has_no_error(case: Path) -> None:
    files, _ = load(case)
    for path, data in files.files.items():
        # Debian has its datagram services twice, under the same ids: with both switched on one of the two is wrong.
        if not path.endswith("-udp"):
            files.files[path] = data.replace(b"disable = yes", b"disable = no")
    foreign = parse("conf", files)
    said = {problem.message for problem in errors(foreign.problems)}
    assert said <= GONE
    left = [service.name for service in foreign.services if service.disable]
    # tftp is in `disabled` of the defaults of xinetd's sample
    assert not [name for name in left if name != "tftp" and not name.endswith("-dgram-2")]


INETD = {
    # update-inetd(8) writes these lines for the packages; those of tcpd ask superd's own wrappers.
    "finger stream tcp nowait nobody /usr/sbin/tcpd /usr/sbin/in.fingerd": "on finger/stream nobody: /usr/sbin/in.fingerd",
    "finger stream tcp nowait efingerd /usr/sbin/tcpd /usr/sbin/efingerd -n": "on finger/stream efingerd: /usr/sbin/efingerd -n",
    "ident stream tcp nowait identd /usr/sbin/ident2 ident2 -i -n": "on ident/stream identd: ident2 -i -n",
    "ident stream tcp nowait nobody /usr/sbin/nullidentd nullidentd": "on ident/stream nobody: nullidentd",
    "telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/telnetd": "on telnet/stream root: /usr/sbin/telnetd",
    "80 stream tcp nowait nobody:www-data /usr/sbin/tcpd /usr/sbin/micro-httpd /var/www": (
        "on 80/stream nobody: /usr/sbin/micro-httpd /var/www"
    ),
    "pop3 stream tcp nowait root.mail /usr/sbin/tcpd /usr/sbin/solid-pop3d": "on pop3/stream root: /usr/sbin/solid-pop3d",
    "shell stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.rshd": "on shell/stream root: /usr/sbin/in.rshd",
    "sane-port stream tcp nowait saned:saned /usr/sbin/saned saned": "on sane-port/stream saned: saned",
    "talk dgram udp wait nobody.tty /usr/sbin/in.talkd in.talkd": "on talk/dgram nobody: in.talkd",
    "ntalk dgram udp4 wait root /usr/sbin/tcpd /usr/sbin/talkd": "on ntalk/dgram root: /usr/sbin/talkd",
    "csync2 stream tcp nowait root /usr/sbin/csync2 csync2 -i -l": "on csync2/stream root: csync2 -i -l",
    "gopher stream tcp nowait _gophernicus /usr/sbin/gophernicus gophernicus": "on gopher/stream _gophernicus: gophernicus",
    # As it is shipped: the option is its argv[0], and dicod is content with that.
    "dict stream tcp nowait dicod /usr/bin/dicod --inetd": "on dict/stream dicod: --inetd",
    "printer stream tcp nowait lp /usr/lib/cups/daemon/cups-lpd cups-lpd": "on printer/stream lp: cups-lpd",
    "amanda stream tcp nowait backup /usr/lib/amanda/amandad amandad -auth=bsdtcp amdump senddiscover": (
        "on amanda/stream backup: amandad -auth=bsdtcp amdump senddiscover"
    ),
    "tftp dgram udp4 wait nobody /usr/sbin/tcpd /usr/sbin/in.tftpd --tftpd-timeout 300 /srv/tftp": (
        "on tftp/dgram nobody: /usr/sbin/in.tftpd --tftpd-timeout 300 /srv/tftp"
    ),
    "echo stream tcp nowait root internal": "on echo/stream root: echo",
    "echo dgram udp wait root internal": "on echo/dgram root: echo",
}


@pytest.mark.parametrize("line", INETD)
def test_lines_that_packages_write_into_inetd_conf_read_without_a_complaint(line: str) -> None:
    foreign = parse_inetd("conf", MemoryFiles({"conf": f"{line}\n".encode()}), "openbsd")
    assert [summed(service) for service in foreign.services] == [INETD[line]]
    assert {problem.severity for problem in foreign.problems} <= {Severity.NOTE}
