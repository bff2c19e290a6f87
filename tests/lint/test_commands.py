"""Commands that cannot run, and words that were meant to be run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.lint.commands import command_findings, letter_findings
from superd.problem import Origin
from superd.rule import Option

PROGRAMS = {"/bin/echo", "/bin/date", "/bin/sh", "/usr/bin/mail", "/usr/bin/logger", "/usr/sbin/safe_finger"}


def program(path: str) -> str:
    return "is a folder" if path.endswith("/") else "" if path in PROGRAMS else "does not exist"


def said(command: str) -> list[tuple[str, str]]:
    found = command_findings(Option("spawn", command, Origin("hosts.deny", 1)), program)
    return [(text, better) for _, text, better in found]


@pytest.mark.parametrize(
    "command",
    [
        "(/usr/sbin/safe_finger -l @%h | /usr/bin/mail -s %d-%h root) &",
        "/bin/echo 'somebody called' >> /var/log/calls",
        '/bin/echo "date and time | /no/such: $(/bin/date)"',
        "/bin/sh -c 'date'",
        "/bin/echo `/bin/date` %c",
        "logger -t %d %a",
        "/opt/%d/alert %a",
        "/bin/echo /no/such",
    ],
)
def test_a_command_that_can_run_is_left_alone(command: str) -> None:
    assert said(command) == []


def test_every_command_of_a_line_is_looked_for() -> None:
    assert said("(/no/finger | /usr/bin/mail root; /no/more && /bin/echo `/no/date`) & /bin/") == [
        ("/no/finger", ""),
        ("/no/more", ""),
        ("/no/date", ""),
        ("/bin/ ", "/bin/echo "),
    ]


@pytest.mark.parametrize("command", ["loger %a", "(safe-finger @%h | /usr/bin/mail root) &"])
def test_a_command_that_no_folder_has_is_reported(command: str) -> None:
    ((text, better),) = said(command)
    assert command.lstrip("(").startswith(text)
    assert not better


@pytest.mark.parametrize(
    "command", ["exec /bin/date", "if true; then /bin/date; fi", "cd /tmp", "logger x", "X=1 y", "$HOME/x", "[ -f x ]"]
)
def test_what_the_shell_knows_by_itself_is_left_alone(command: str) -> None:
    assert said(command) == []


def test_a_rule_with_a_path_of_its_own_knows_its_commands() -> None:
    assert not list(command_findings(Option("spawn", "loger %a", Origin("hosts.deny", 1)), program, own_path=True))


def test_a_letter_that_stands_for_nothing_is_reported_once() -> None:
    option = Option("setenv", "X 100%% %q%a%q %e", Origin("hosts.deny", 1))
    assert [(text, better) for _, text, better in letter_findings(option)] == [("%q", "%%q"), ("%e", "%%e")]


@pytest.mark.parametrize(
    ("quoted", "meant"),
    [("'date'", "`date`"), ('"date"', "`date`"), ("'/bin/date'", "`/bin/date`"), ("'date +%%F'", "`date +%%F`")],
)
def test_a_command_in_quotes_gets_backquotes(quoted: str, meant: str) -> None:
    assert said(f"/bin/echo {quoted} %a") == [(quoted, meant)]


@given(st.text(alphabet="/bin'\"`()|;& echodate%a+-$\n", max_size=80) | st.text(max_size=40))
def test_any_command_is_looked_at_without_a_fault_of_ours(command: str) -> None:
    assert all(text for text, _ in said(command))
