"""``superd match`` next to the real tcpdmatch: the same question, the same lines, the same answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import Superd
from tests.needs import needs
from tests.world import World

ALLOW = "sh : 127.0.0.1 192.0.2.0/255.255.255.0 : setenv A b\nin.ftpd@10.0.0.1 : bob@ALL\n"
DENY = "sh : 198.51.100. EXCEPT 198.51.100.7\nALL : 203.0.113. : twist /bin/echo no\n"

QUESTIONS = [
    ("sh", "127.0.0.1"),
    ("sh", "192.0.2.9"),
    ("sh", "198.51.100.7"),
    ("sh", "198.51.100.8"),
    ("sh", "203.0.113.4"),
    ("sh", "2001:db8::1"),
    ("in.ftpd@10.0.0.1", "bob@198.51.100.8"),
    ("in.ftpd@127.0.0.1", "bob@198.51.100.8"),
    ("in.ftpd@10.0.0.1", "al@203.0.113.4"),
    ("sh", "localhost"),
    ("sh", "unknown"),
    ("sh", "paranoid"),
    ("sh", "UNKNOWN"),
    ("/x/sh", "@127.0.0.1"),
    ("sh", "joe@x@127.0.0.1"),
    ("sh@127.0.0.1@x", "127.0.0.1"),
    ("sh", "no-such-host.invalid"),
]
ROOT = Path(__file__).parent.parent.parent
LINE = re.compile(r"(client|server|access): ")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "superd", "match", *arguments],
        cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "hosts.allow").write_text(ALLOW)
    (tmp_path / "hosts.deny").write_text(DENY)
    (tmp_path / "services.d").mkdir()
    return tmp_path


@pytest.mark.parametrize(("daemon", "client"), QUESTIONS, ids=lambda word: str(word))
def test_the_lines_are_those_of_tcpdmatch(tables: Path, daemon: str, client: str) -> None:
    needs("tcpd", "tcpdmatch")
    (tables / "inetd.conf").write_text("# nothing\n")
    theirs = subprocess.run(
        ["tcpdmatch", "-d", "-i", "inetd.conf", daemon, client], cwd=tables, capture_output=True, text=True
    )  # fmt: skip
    ours = run(tables, "-d", "-s", "services.d", daemon, client)
    assert [line for line in ours.stdout.splitlines() if LINE.match(line)] == theirs.stdout.splitlines()
    assert ours.returncode == (0 if "access:   granted" in theirs.stdout or "delegated" in theirs.stdout else 1)


def test_the_rule_and_its_options_are_those_that_tcpdmatch_finds(superd: Superd) -> None:
    tcpdmatch = needs("tcpd", "tcpdmatch")
    world = World(superd)
    (world.etc / "inetd.conf").write_text("")
    superd.service("sh", 'server = "/bin/cat"\nport = 7\n')
    superd.start()
    (world.etc / "hosts.allow").write_text(
        "# a comment\nsh : 10.1. : setenv A %a : spawn /bin/echo %u@%h %d %% : umask 077\n"
        "sh : 10.2. : \\\n aclexec /bin/false %a : nice 5 : deny\nsh : bob@10.3. : severity mail.info : allow\n"
    )
    (world.etc / "hosts.deny").write_text("sh : 10.3. : keepalive : linger 3\nALL : 10.4. : twist /bin/echo no %c\nALL : 10.5.\n")
    ask = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "superd", "match", "-s", str(superd.services)]
    ask += ["--hosts-allow", "/etc/hosts.allow", "--hosts-deny", "/etc/hosts.deny"]
    for client in ("10.1.0.1", "al@10.1.0.1", "10.2.0.1", "bob@10.3.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "10.6.0.1"):
        # Debian's tcpdmatch tells these two to syslog alone.
        with world.hears_syslog() as heard:
            world.run(tcpdmatch, "-i", "/etc/inetd.conf", "sh", client)
        theirs = [found[0].rstrip() for line in heard if (found := re.search(r"(matched|option): .*", line))]
        ours = world.run("sh", "-c", '"$@" || true', "sh", *ask, "sh", client).splitlines()
        assert [line for line in ours if line.startswith(("matched:", "option:"))] == theirs, client


def test_every_rule_that_was_looked_at_says_why_it_did_not_match(tables: Path) -> None:
    said = run(tables, "-d", "-s", "services.d", "sh", "al@198.51.100.7").stdout.splitlines()
    assert said[-5:] == [
        "hosts.allow:1: does not match: its client list does not name 198.51.100.7: "
        "sh : 127.0.0.1 192.0.2.0/255.255.255.0 : setenv A b",
        "hosts.allow:2: does not match: its daemon list does not name sh: in.ftpd@10.0.0.1 : bob@ALL",
        "hosts.deny:1: does not match: its client list excepts 198.51.100.7: sh : 198.51.100. EXCEPT 198.51.100.7",
        "hosts.deny:2: does not match: its client list does not name 198.51.100.7: ALL : 203.0.113. : twist /bin/echo no",
        "no rule matched",
    ]


def test_a_rule_that_decides_is_named_with_its_options_and_nothing_is_executed(tables: Path) -> None:
    ran = tables / "ran"
    (tables / "hosts.deny").write_text(
        f"ALL : ALL : aclexec /usr/bin/touch {ran} : spawn /usr/bin/touch {ran}.%a : banners /etc\n"
    )
    answer = run(tables, "-d", "-s", "services.d", "sh", "198.51.100.7")
    assert answer.returncode == 1
    assert [line for line in answer.stdout.splitlines() if line.startswith(("matched", "option", "access"))] == [
        "matched:  hosts.deny line 1",
        f"option:   aclexec /usr/bin/touch {ran}",
        f"option:   spawn /usr/bin/touch {ran}.198.51.100.7",
        "option:   banners /etc",
        "access:   denied",
    ]
    assert not list(tables.glob("ran*"))


def test_a_daemon_that_no_service_has_is_reported_with_the_nearest_name(tables: Path) -> None:
    (tables / "services.d" / "files.toml").write_text('server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nuser = "root"\n')
    assert run(tables, "-d", "-s", "services.d", "cet", "127.0.0.1").stderr == (
        "warning: cet: no service has this daemon name; did you mean `cat`?\n"
    )


@pytest.mark.parametrize(
    ("daemon", "client", "said"),
    [
        ("", "127.0.0.1", "error: `` names no daemon\n"),
        ("/usr/sbin/", "127.0.0.1", "error: `/usr/sbin/` names no daemon\n"),
        ("sh@", "127.0.0.1", "error: `sh@` names no server\n"),
        ("sh", "joe@", "error: `joe@` names no client\n"),
        ("sh", "", "error: `` names no client\n"),
    ],
)
def test_a_question_with_an_empty_part_is_none(tables: Path, daemon: str, client: str, said: str) -> None:
    answer = run(tables, "-d", "-s", "services.d", daemon, client)
    assert (answer.returncode, answer.stdout, answer.stderr) == (64, "", said)


def test_an_inetd_conf_names_the_daemons_as_it_does_for_tcpdmatch(tables: Path) -> None:
    (tables / "inetd.conf").write_text("7001 stream tcp nowait nobody /bin/cat cat\n")
    assert "no service has this daemon name" in run(tables, "-d", "-i", "inetd.conf", "dog", "127.0.0.1").stderr
    assert run(tables, "-d", "-i", "inetd.conf", "cat", "127.0.0.1").stderr == ""
