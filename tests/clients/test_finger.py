"""fingerd on its own port, asked by finger."""

from __future__ import annotations

from tests.clients.conf import ended, entry, serve
from tests.daemon_process import Superd
from tests.needs import needs
from tests.world import World


def test_finger_learns_of_a_user(superd: Superd) -> None:
    fingerd, finger = needs("fingerd", "in.fingerd"), needs("finger", "finger")
    world = World(superd)
    with (world.etc / "passwd").open("a") as passwd:
        passwd.write("poet:x:54321:54321:Gertrude Stein:/nowhere:/bin/sh\n")
    serve(superd, entry("finger", 79, fingerd, user="nobody"))
    said = world.run(finger, "poet@127.0.0.1")
    assert "Login: poet" in said
    assert "Gertrude Stein" in said
    ended(superd, "finger", well=True)
