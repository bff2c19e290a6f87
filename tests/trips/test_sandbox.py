"""Sandboxes, through the real daemon: what a program sees, and what it cannot do however it tries."""

from __future__ import annotations

import pytest

from tests.daemon_process import Superd, free_port, talk
from tests.needs import needs, needs_root

SEES = r"""
echo pid=$$
echo processes=$(ls /proc | grep -c "^[0-9]")
echo links=$(grep -c : /proc/net/dev)
echo tmp=$(ls /tmp | wc -l)
echo x > /tmp/superd-test-$$ && echo "write tmp=yes"
(echo x > /var/superd-test) 2>/dev/null && echo "write var=yes"
ls /home >/dev/null 2>&1 && echo "home=yes"
cat /etc/shadow >/dev/null 2>&1 && echo "shadow=yes"
unshare -r true 2>/dev/null && echo "unshare=yes"
rm -f /tmp/superd-test-$$
sed -n "s/^NoNewPrivs:[[:space:]]*/nnp=/p;s/^CapBnd:[[:space:]]*/bounding=/p" /proc/self/status
sed -n "s/^CapEff:[[:space:]]*/effective=/p" /proc/self/status
id -u | sed s/^/uid=/
"""


@pytest.fixture
def probe() -> str:
    """The start of a service whose program prints what it sees."""
    needs_root()
    needs("util-linux", "unshare")
    text = SEES.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'server = "/bin/sh"\nserver_args = ["-c", "{text}"]\n'


def seen(port: int) -> dict[str, str]:
    return dict(line.split("=", 1) for line in talk(port).decode().splitlines())


def test_a_program_in_strict_sees_itself_alone_and_one_outside_sees_the_host(superd: Superd, probe: str) -> None:
    inside, outside = free_port(), free_port()
    superd.service("inside", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{inside}"]\nsandbox = "strict"\n')
    superd.service("outside", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{outside}"]\n')
    superd.start()
    for _ in range(2):
        found = seen(inside)
        assert (found["pid"], found["links"], found["tmp"], found["uid"]) == ("1", "1", "0", "65534")
        assert int(found["processes"]) < 5
        assert found["write tmp"] == "yes"
        assert not found.keys() & {"write var", "home", "shadow", "unshare"}
        assert (found["nnp"], int(found["bounding"], 16), int(found["effective"], 16)) == ("1", 0, 0)
    found = seen(outside)
    assert found["pid"] != "1"
    assert found["nnp"] == "0"
    assert int(found["bounding"], 16) != 0


def test_one_key_does_its_own_work_alone(superd: Superd, probe: str) -> None:
    ports = {
        key: free_port() for key in ("no_new_privs = true", "private_network = true", "private_ipc = true", 'hide = "/home"')
    }
    for number, (key, port) in enumerate(ports.items()):
        superd.service(f"s{number}", f'{probe}user = "nobody"\nlisten = ["127.0.0.1:{port}"]\nsandbox = {{ {key} }}\n')
    superd.start()
    found = [seen(port) for port in ports.values()]
    assert [one["nnp"] for one in found] == ["1", "0", "0", "0"]
    assert [one["links"] == "1" for one in found][1]
    assert ["home" in one for one in found] == [True, True, True, False]
    assert all(one["pid"] != "1" for one in found)
