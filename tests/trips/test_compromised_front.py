"""The front is taken over: the real master and real launchers, and in the front's place a process that means ill."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

from superd.config.hosts.tables import parse
from tests import compromised_front
from tests.compromised_front import ATTACKS, EVIL, TO_LAUNCHER, TO_MASTER, Attack
from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


def place(superd: Superd) -> Path:
    """The one folder that every user may write to: superd trusts no file there."""
    return superd.folder / "place"


def attacked(superd: Superd, *names: str) -> int:
    """Starts superd with these fronts before its own; the port of `cat`."""
    needs_root()
    place(superd).mkdir()
    place(superd).chmod(0o777)
    superd.watched = False
    superd.prefix = [
        "env", f"PYTHONPATH={Path.cwd()}",
        sys.executable, str(Path(compromised_front.__file__)), json.dumps(names), str(place(superd)),
    ]  # fmt: skip
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nuser = "daemon"\nlisten = ["127.0.0.1:{port}"]\n')
    return port


def told(superd: Superd, name: str) -> Any:
    """What a hostile front wrote down."""
    return compromised_front.read_notes((place(superd) / "notes").read_bytes())[name]


def every_one_was_replaced(superd: Superd, attacks: dict[str, Attack]) -> None:
    """Each front waits for its end, so all that is to be looked at is what was said of it."""
    for reason in dict.fromkeys(reason for _, reason in attacks.values()):
        superd.message(reason)  # the same words are logged once in a while


def test_whatever_a_front_says_to_the_master_that_is_not_in_the_table_ends_the_front_alone(superd: Superd) -> None:
    port = attacked(superd, *(f"master: {name}" for name in TO_MASTER))
    superd.start()
    every_one_was_replaced(superd, TO_MASTER)
    assert talk(port, b"hi") == b"hi"


def test_whatever_a_front_says_to_a_launcher_that_is_not_in_the_table_ends_the_front_alone(superd: Superd) -> None:
    port = attacked(superd, "serve one", *(f"launcher: {name}" for name in TO_LAUNCHER))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"one")
        assert sock.recv(3) == b"one"
        every_one_was_replaced(superd, TO_LAUNCHER)
        assert talk(port, b"hi") == b"hi"
        # What ran before all that runs on, and the last front knows of it.
        sock.sendall(b"two")
        assert sock.recv(3) == b"two"
    assert not [event for event in superd.rest() if re.match(r"launcher \d+ ended", event.get("message", ""))]
    assert not list(Path("/").glob("owned"))


def test_a_front_reaches_nothing_that_is_roots(superd: Superd) -> None:
    port = attacked(superd, "reach")
    secret = superd.folder / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    superd.allow.write_text("")
    superd.start()
    superd.message(ATTACKS["reach"][1])
    assert talk(port, b"hi") == b"hi"
    found = told(superd, "reached")
    assert found.pop("pairs of the master's") == "[]"
    assert found.pop("the master's session") == "False"
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 1:
        del found["bind port 1"]  # the host lets every user
    assert set(found.values()) <= {"EACCES", "EPERM"}, found


def test_a_launcher_starts_what_the_master_gave_it_and_takes_no_value_for_a_command(superd: Superd) -> None:
    port = attacked(superd, "abuse")
    hooked = place(superd) / "hooked"
    superd.service("env", f'server = "/usr/bin/env"\nuser = "daemon"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    rule = f"cat : 192.0.2.1 : spawn cd {place(superd)} && printf '%%s\\n' %c %h %n %u \"$SUPERD_CLIENT\" > {hooked}\n"
    superd.allow.write_text(rule)
    policy, problems = parse(rule.encode(), str(superd.allow), "allow")
    assert problems == ()
    (place(superd) / "digest").write_text(policy[0].options[0].digest)
    superd.start()
    superd.message(ATTACKS["abuse"][1])
    assert talk(port, b"hi") == b"hi"
    answers = told(superd, "answered")
    assert answers.pop("step") == [116]  # ESTALE: no such option is in force
    assert answers.pop("path") == [9]  # EBADF: nothing that a program could read
    assert answers.pop("command") == [-1]
    assert set(map(tuple, answers.values())) == {(2,)}, answers  # ENOENT: no such service
    words = set(hooked.read_text().split())
    assert words
    assert not [word for word in words if set(word) & set("$`;|'\"/\n\x1b")]
    assert "TCPREMOTE" in (environment := told(superd, "environment"))
    assert not {"TCPREMOTEHOST", "TCPREMOTEINFO"} & {line.split("=")[0] for line in environment.splitlines()}
    assert EVIL[:8] not in environment
    assert not list(superd.folder.rglob("owned"))


def test_requests_without_end_are_taken_only_as_far_as_their_answers_are_read(superd: Superd) -> None:
    port = attacked(superd, "pour")
    superd.start()
    superd.message(ATTACKS["pour"][1])
    assert told(superd, "poured") < 10_000
    assert talk(port, b"hi") == b"hi"
