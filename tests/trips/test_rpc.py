"""RPC services of the real daemon at the real rpcbind, in a network of their own."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.daemon_process import WAIT, Superd
from tests.needs import needs, needs_root


@pytest.fixture
def inside() -> Iterator[list[str]]:
    """An rpcbind with a network and a /run of its own; the command that goes in there."""
    needs_root()
    program = needs("rpcbind", "rpcbind")
    needs("iproute2", "ip")
    script = f"mount -t tmpfs none /run; ip link set lo up; exec {program} -f"
    process = subprocess.Popen(["unshare", "-n", "-m", "sh", "-c", script], stderr=subprocess.DEVNULL)
    enter = ["nsenter", "-t", str(process.pid), "-n", "-m", "--"]
    deadline = time.monotonic() + WAIT
    while subprocess.run([*enter, "rpcinfo", "-s"], capture_output=True).returncode != 0:
        assert process.poll() is None
        assert time.monotonic() < deadline
    yield enter
    process.kill()
    process.wait()


def table(enter: list[str], program: int) -> set[tuple[str, str, str]]:
    """(version, netid, address) of what rpcbind knows of the program."""
    text = subprocess.run([*enter, "rpcinfo"], capture_output=True, check=True, timeout=WAIT).stdout.decode()
    words = [line.split() for line in text.splitlines()]
    return {(line[1], line[2], line[3]) for line in words if line[0] == str(program)}


def test_every_version_is_registered_and_taken_back_at_the_end(superd: Superd, inside: list[str]) -> None:
    superd.prefix = inside
    superd.service("both", 'type = "RPC"\nrpc_number = 391002\nrpc_version = "1-2"\nserver = "/bin/cat"\nport = 4000\n')
    superd.service(
        "rstatd",
        'type = "RPC"\nsocket_type = "dgram"\nwait = true\nrpc_version = "3"\nserver = "/bin/cat"\nlisten = ["127.0.0.1:4001"]\n',
    )
    superd.service("any", 'type = "RPC"\nrpc_number = 391003\nrpc_version = "1"\nserver = "/bin/cat"\n')
    superd.service("other", 'type = "RPC"\nrpc_number = 391004\nrpc_version = "1"\nserver = "/bin/cat"\n')
    superd.start()
    superd.message("registered with rpcbind")
    assert table(inside, 391002) == {
        (version, netid, f"{host}.15.160") for version in "12" for netid, host in (("tcp", "0.0.0.0"), ("tcp6", "::"))
    }
    assert table(inside, 100001) == {("3", "udp", "127.0.0.1.15.161")}
    # On any free port, and not on the same.
    free = {address for _, netid, address in table(inside, 391003) | table(inside, 391004) if netid == "tcp"}
    assert len(free) == 2

    superd.service("both", 'type = "RPC"\nrpc_number = 391002\nrpc_version = "2"\nserver = "/bin/cat"\nport = 4002\n')
    (superd.services / "any.toml").unlink()
    superd.reload()
    assert {(version, address) for version, netid, address in table(inside, 391002) if netid == "tcp"} == {
        ("2", "0.0.0.0.15.162")
    }
    assert table(inside, 391003) == set()
    superd.stop()
    assert [table(inside, number) for number in (391002, 391004, 100001)] == [set()] * 3


def test_what_a_killed_superd_left_is_replaced(superd: Superd, inside: list[str]) -> None:
    superd.prefix = inside
    superd.service("any", 'type = "RPC"\nrpc_number = 391003\nrpc_version = "1"\nserver = "/bin/cat"\n')
    superd.start()
    superd.message("registered with rpcbind")
    left = table(inside, 391003)
    assert superd.process is not None
    superd.process.send_signal(signal.SIGKILL)
    superd.stop()
    superd.start()
    superd.message("registered with rpcbind")
    now = table(inside, 391003)
    assert len(now) == len(left) == 2


def test_without_rpcbind_the_service_is_served_and_the_log_says_what_is_missing(superd: Superd) -> None:
    needs_root()
    needs("iproute2", "ip")
    superd.prefix = ["unshare", "-n", "-m", "sh", "-c", 'mount -t tmpfs none /run; ip link set lo up; exec "$@"', "sh"]
    superd.service("any", 'type = "RPC"\nrpc_number = 391003\nrpc_version = "1"\nserver = "/bin/cat"\nport = 4000\n')
    superd.start()
    superd.message("not registered with rpcbind: rpcbind cannot be asked: Connection refused; trying again in 30 s")
