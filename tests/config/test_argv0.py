"""An argument in the place of argv[0]: told, and plain names left alone."""

from __future__ import annotations

import pytest

from superd.config.argv0 import argv0_problem
from superd.problem import Origin, Severity


@pytest.mark.parametrize(
    ("server", "args", "said"),
    [
        ("/usr/bin/python3", ["/srv/gopher.py"], "gets no argument and reads what the client sends"),
        ("/usr/bin/python3.11", ["/srv/gopher.py", "-v"], "gets only what follows"),
        ("/usr/bin/env", ["FOO=1"], "reads what the client sends"),
        ("/bin/sh", ["-c", "echo"], "reads what the client sends"),
        ("/bin/sh", ["/srv/x.sh"], "reads what the client sends"),
        ("/usr/sbin/in.tftpd", ["-s", "/srv/tftp"], "does not see it"),
        ("/usr/bin/git", ["--inetd"], "does not see it"),
        ("/usr/local/bin/serve", ["serve.conf"], "does not see it"),
        ("/usr/local/bin/serve", ["/etc/serve.conf"], "does not see it"),
    ],
)
def test_an_argument_in_its_place_is_reported(server: str, args: list[str], said: str) -> None:
    problem = argv0_problem(server, args, Origin("f", 3), "the line")
    assert problem is not None
    assert said in problem.message
    assert problem.hint == "write `the line`"
    assert problem.severity is (Severity.WARNING if "client sends" in problem.message else Severity.NOTE)


@pytest.mark.parametrize(
    ("server", "args"),
    [
        ("/bin/cat", []),
        ("/bin/cat", ["cat"]),
        ("/usr/bin/python3", ["python3", "/srv/x.py"]),
        ("/usr/bin/python3", ["/usr/bin/python3", "/srv/x.py"]),
        ("/usr/sbin/in.fingerd", ["fingerd"]),
        ("/usr/libexec/ftpd", ["ftpd", "-l"]),
        ("/bin/busybox", ["ftpd", "-w"]),
        ("/bin/sh", ["-sh"]),
        ("/bin/cat", ["other", "-u"]),
        ("/usr/sbin/rpc.rstatd", ["rpc.rstatd"]),
        ("/srv/wrap", ["/usr/sbin/in.ftpd", "-l"]),
    ],
)
def test_a_name_for_the_program_is_one(server: str, args: list[str]) -> None:
    assert argv0_problem(server, args, Origin("f"), "") is None


@pytest.mark.parametrize("args", [[], ["python3"], ["/usr/bin/python3"]])
def test_an_interpreter_without_a_script_is_reported(args: list[str]) -> None:
    problem = argv0_problem("/usr/bin/python3", args, Origin("f", 3), "the line")
    assert problem is not None
    assert (problem.severity, problem.message) == (Severity.WARNING, "`python3` gets no argument: it runs what the client sends")


def test_a_file_that_is_not_a_program_is_an_argument() -> None:
    problem = argv0_problem("/bin/cat", ["/etc/motd"], Origin("f", 3), "7 stream tcp nowait nobody /bin/cat cat /etc/motd")
    assert problem is not None
    assert problem.hint == "write `7 stream tcp nowait nobody /bin/cat cat /etc/motd`"
