"""A relay is taken over: the real master and front, and in the relay's place a process that means ill."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import compromised_relay
from tests.compromised_relay import ATTACKS
from tests.daemon_process import Superd, free_port, talk
from tests.trips.test_relays import answers, connected, relays, serve


@pytest.mark.parametrize("attack", sorted(set(ATTACKS) - {"all numbers"}))
def test_whatever_a_relay_says_harms_its_own_sessions_alone(superd: Superd, attack: str) -> None:
    port = attacked(superd, attack)
    with connected(port) as victim:
        superd.message("relay 0")
        assert victim.recv(1) == b""
    superd.event(event="exit", service="echo")
    assert works(superd, port)


def test_a_relay_cannot_end_the_session_of_another(superd: Superd) -> None:
    port = attacked(superd, "all numbers")
    with connected(port) as victim, connected(port) as other:
        assert victim.recv(1) == b""
        superd.message("relay 0")
        assert answers(other)
    assert works(superd, port)


def attacked(superd: Superd, attack: str) -> int:
    port = serve(superd)
    folder = superd.folder / "place"
    folder.mkdir()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    superd.prefix = [
        "env", f"PYTHONPATH={Path.cwd()}", sys.executable, str(Path(compromised_relay.__file__)), attack, str(folder),
    ]  # fmt: skip
    superd.start()
    return port


def works(superd: Superd, port: int) -> bool:
    with connected(port) as sock:
        relays(superd, len(superd.relays()) or 1)
        return answers(sock) and talk(port, b"hi") == b"hi"
