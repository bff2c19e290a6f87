"""Every hint is followed as it stands, and what it was given for is gone: wrong inputs of each kind, each fixed by its hints.

A hint is a line to write, two lines, a word to write instead, a line to remove or to add.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from superd.config.inetd.source import parse as parse_inetd
from superd.config.xinetd.source import parse as parse_xinetd
from superd.errors import ConfigError
from superd.load.registry import load
from superd.load.sources import Sources
from superd.problem import Origin, Problem, Severity
from tests.config.golden import MemoryFiles

MOST = 8
"""Hints that one input may need, one after the other."""
Reader = Callable[[str], list[Problem]]


def follow(text: str, problem: Problem) -> str | None:
    """The text after the hint of one problem, or None where that is for people alone."""
    lines = text.split("\n")
    at = problem.origin.line - 1
    if at < 0:
        return None
    hint = problem.hint
    if match := re.fullmatch(r"write `service (\S+)`, and `\{` on the next line(, then each attribute.*)?", hint):
        tail = lines[at].partition("{")[2]
        body = re.sub(r"\s+(?=\w+\s*=)", "\n", " " + tail.strip().removesuffix("}").strip()) + "\n}" if match[2] else tail
        return "\n".join([*lines[:at], f"service {match[1]}", "{", *body.strip("\n").split("\n"), *lines[at + 1 :]])
    if hint == "put `{` on its own line":
        return "\n".join([*lines[:at], "{", lines[at].replace("{", " ", 1), *lines[at + 1 :]])
    if hint == "put `}` on a line of its own":
        if "}" in lines[at]:
            return "\n".join([*lines[:at], lines[at].replace("}", "\n}", 1), *lines[at + 1 :]])
        return None
    if match := re.match(r"write `([^`]*)` in place of these (\d+) lines$", hint):
        return "\n".join([*lines[:at], match[1], *lines[at + int(match[2]) :]])
    if match := re.match(r"write `([^`]*)`(?: and `([^`]*)`)?$", hint):
        return "\n".join([*lines[:at], *filter(None, match.groups()), *lines[at + 1 :]])
    if match := re.match(r"did you mean (.*)\?$", hint):
        wrong = re.findall(r"`([^`]*)`", problem.message.partition(":")[2] or problem.message)
        line = lines[at]
        for word, right in zip(wrong, re.findall(r"`([^`]*)`", match[1]), strict=False):
            line = line.replace(word, right, 1)
        return "\n".join([*lines[:at], line, *lines[at + 1 :]])
    if hint.startswith(("remove the line", "remove this line", "remove it")):
        return "\n".join([*lines[:at], *lines[at + 1 :]])
    if match := re.match(r"add (?:the|a) line `([^`]*)`(?:,|$)", hint):
        return "\n".join([*lines[: at + 1], match[1], *lines[at + 1 :]])
    return None


def mended(text: str, read: Reader) -> tuple[str, list[Problem]]:
    """The text after all hints, and what is still wrong with it."""
    for _ in range(MOST):
        problems = [problem for problem in read(text) if problem.severity is not Severity.NOTE]
        followed = next((new for problem in problems if (new := follow(text, problem)) not in (None, text)), None)
        if followed is None:
            return text, problems
        text = followed
    return text, problems


XINETD = ("type = UNLISTED", "socket_type = stream", "wait = no", "user = root", "server = /bin/cat", "port = 9001")
WRONG_XINETD = [
    "only_from = any", "only_from = ALL", "only_from = 192.168", "only_from = 10.1/16", "only_from = ::1/128",
    "only_from = 10.0.0.0/255.255.255.0", "only_from = 10.0.0.5/33", "only_from = [::1]", "only_from = ::",
    "only_from = 10.0.0.1,10.0.0.2", "only_from = 10.0.0.", "only_from = 0x7f.1 any 10.0.0.1-10.0.0.9",
    "no_access = 192.168", "no_access = 10.0.0.1-10.0.0.9", "no_access = any", "no_access = 10.1.2.3/255.255.0.0",
    "enable = yes", "enabled = yes", "enabled = no", "disabled = yes", "disabled = no", "disable = true", "disable = 0",
    "active = no", "v6only = 0", "groups = on", "instances = 3 4", "instances=3", "instances = 3;", "nice = 5,",
    "allow = 10.0.0.1", "deny = 10.0.0.2", "max_connections = 5", "per_ip = 3", "cwd = /tmp", "environment = A=b",
    "only_form = 10.0.0.1", "bind = 127.0.0.1 10.0.0.1", "passenv = A=b", "only_from\u00a0= 10.0.0.1",
    "only_from =\u00a010.0.0.1", "umask = 027x", "log_on_success = HOTS", "flags = NODLAY", "only_from = 10.0.0.1 \\\n 10.0.0.2",
    "protocol = tcp6", "protocol = udp", "instances : 3", "instances: 3", "instances => 3", "instances := 3", "instances == 3",
    "instances 3", 'only_from = "127.0.0.1"', "only_from = 127.0.0.1:80 http://10.0.0.2/ 127.", "no_access = 'fe80::1'",
    "only_from = ::1%lo", "no_access = 2001:db8::1%eth0", "only_from= 10.0.0.1",
]  # fmt: skip
WRONG_ENTRIES = [
    "service x{\n" + "\n".join(XINETD) + "\n}\n",
    "service x {\n" + "\n".join(XINETD) + "\n}\n",
    "service x { " + " ".join(XINETD) + " }\n",
    "service x\n{ " + "\n".join(XINETD) + "\n}\n",
    "service x\n" + "\n".join(XINETD) + "\n}\n",
    "service x\n{\n" + "\n".join(XINETD) + " }\n",
    "service x\n{\n" + "\n".join(XINETD).replace("server = /bin/cat", "server = /bin/cat /etc/motd") + "\n}\n",
    "service x\n{\n" + "\n".join(XINETD).replace("= stream", "= tcp") + "\n}\n",
    "service x\n{\n" + "\n".join(XINETD).replace("server = /bin/cat", "redirect = 192.0.2.1:80") + "\n}\n",
    "service tftp\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}\n",
    "service mine\n{\nport = 9001\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}\n",
    "servce y\n{\n" + "\n".join(XINETD) + "\n}\n",
    "service y\n{\n" + "\n".join(XINETD) + "\n}\nstray\n",
    "service y\n{\n" + "\n".join(XINETD) + "\n}\n}\n",
]
WRONG_INETD = [
    "7001 stream tcp nowait nobody /usr/bin/python3 /srv/x.py", "7001 stream tcp nowait nobody /usr/bin/env FOO=1",
    "7001 stream udp nowait nobody /bin/cat cat", "7001 dgram tcp wait nobody /bin/cat cat",
    "7001 stream tcp nowait root cat cat", "7001 stream tcp nowait root /bin/echo echo a \\\n  b",
    "7001 stream tcp nowait root /bin/echo echo a \\\nb",
    "7001 stream tcp nowait root /bin/echo echo a\\\nb\\\n c", "7001 stream tcp nowait root /bin/echo echo a # b",
    "7001 streamx tcp nowait root /bin/cat cat",
    "7001 stream tpc nowait root /bin/cat cat", "7001 stream tcp no-wait root /bin/cat cat",
    "7001 stream tcp\u00a0nowait root /bin/cat cat",
    "rexd sunrpc_tcp tcp wait root /usr/sbin/rpc.rexd rexd 100017 1", "100002/2 tli rpc/circuit_v wait root /x/y y",
    "rpc dgram udp wait root /x/y 100001 1-3 y", "7001 stream tcp nowait root ?/x/y y",
    "7001 stream tcp nowait root /bin/cat cat\n7001 stream tcp nowait root /bin/cat cat",
]  # fmt: skip
TOML = 'server = "/bin/cat"\nlisten = ["127.0.0.1:7001"]\nuser = "nobody"\n'
WRONG_TOML = [
    'server_args = "-n 3 /etc/motd"', 'flags = "NODELAY KEEPALIVE"', 'flags = ["NODLAY", "KEEPALIV"]', 'wait = "no"',
    "v6only = 0", 'only_from = "192.0.2.1, 192.0.2.2"', 'env = ["A=b"]', 'env = "A=b"', 'cps = "25 30"', 'allow = ["192.0.2.1"]',
    'deny = ["192.0.2.1"]', 'args = ["x"]', "max_connections = 5", "per_ip = 3", 'environment = { A = "b" }', "enabled = true",
    "enable = false", 'name = "x"', "nise = 3", "libwrap = cat", 'libwrap = "cat', "disable = no", 'log_on_success = "HOST PID"',
    'passenv = "LANG TZ"', "nice = 3\nnice = 3", 'libwrap\u00a0= "cat"', "libwrap = \u201ccat\u201d",
    'log_on_success = ["HOTS", "PDI"]', 'stderr = "sockt"', 'only_from = "any"', 'only_from = ["*"]', 'only_from = ["10."]',
    'only_from = ["10.0.0.1;10.0.0.2"]', 'only_from = ["10.0.0.1 10.0.0.2"]', 'only_from = ["http://10.0.0.1/", "10.0.0.2:80"]',
    'no_access = ["*.example.com", "10.1"]', 'quiet = ["any"]', 'limits.idle = "60 s"', 'limits.idle = "1 minute"',
    'rlimit_as = "64MB"', 'rlimit_as = "1 GiB"', 'at_limit = "queue"\ninstances = 3', 'at_limit = "drop"', 'leftovers = "kill"',
    'socket_type = "tcp"', 'socket_type = "STREAM"', "nice_value = 3", "[limit]\nidle = 5", "restart = 3", "retry = 3",
    "instances = 3\nqueue = 5", "queue = 5",
]  # fmt: skip
WRONG_TOML_FILES = [
    TOML.replace('"/bin/cat"', '"/bin/cat /etc/motd"'),
    TOML.replace('"/bin/cat"', '"cat"').replace("cat", "tail"),
    TOML.replace("server =", "command ="),
    TOML.replace("server =", "sever ="),
    TOML.replace("user =", "runas ="),
    TOML.replace("listen =", "bind ="),
    TOML.replace('"nobody"', '"nobdy"'),
    TOML.replace('"nobody"', '"nobody:nogroup"'),
]
SERVICES = b"telnet 23/tcp\ntftp 69/udp\n"


def xinetd(text: str) -> list[Problem]:
    return list(parse_xinetd("conf", MemoryFiles({"conf": text.encode(), "/etc/services": SERVICES})).problems)


def inetd(text: str) -> list[Problem]:
    return list(parse_inetd("conf", MemoryFiles({"conf": text.encode()}), "openbsd").problems)


def check(text: str, problems: list[Problem], before: str) -> None:
    assert problems == [], text
    assert text != before


@pytest.mark.parametrize("line", WRONG_XINETD)
def test_an_attribute_of_xinetd_is_fixed_by_its_hints(line: str) -> None:
    name = line.split()[0].split("=")[0]
    own = [other for other in XINETD if not other.startswith(f"{name} ")]
    text = "\n".join(["service x", "{", *own, line, "}", ""])
    check(*mended(text, xinetd), text)


@pytest.mark.parametrize("text", WRONG_ENTRIES)
def test_an_entry_of_xinetd_is_fixed_by_its_hints(text: str) -> None:
    check(*mended(text, xinetd), text)


@pytest.mark.parametrize("text", WRONG_INETD)
def test_a_line_of_inetd_is_fixed_by_its_hints(text: str) -> None:
    check(*mended(text, inetd), text)


@pytest.mark.parametrize("text", [*(f"{TOML}{line}\n" for line in WRONG_TOML), *WRONG_TOML_FILES])
def test_a_service_file_is_fixed_by_its_hints(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"

    def read(new: str) -> list[Problem]:
        path.write_text(new)
        path.chmod(0o644)
        try:
            return list(load(Sources(single=str(path)))[1])
        except ConfigError as refused:
            return list(refused.problems)

    check(*mended(text, read), text)


def test_following_is_strict_enough_to_see_a_hint_that_does_not_help() -> None:
    wrong = Problem(Origin("conf", 1), Severity.ERROR, "`a` is wrong", "write `b`")

    def read(text: str) -> list[Problem]:
        return [wrong] if text in ("a", "b") else []

    assert mended("a", read) == ("b", [wrong])
