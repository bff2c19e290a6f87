"""What confines a service's program stands in its unit: read back it is the same, and systemd has no fault to find."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from superd.cli.export import to_systemd, written
from superd.cli.export_confining import confining_lines
from superd.config.systemd.source import parse
from superd.problem import errors
from superd.service import Service
from tests.cli.test_export import service, units
from tests.needs import needs

WHOLE = {
    "no_new_privs": True,
    "capabilities": ["CAP_CHOWN", "CAP_KILL"],
    "private_tmp": "8M",
    "read_only": ["/", "-/nowhere"],
    "read_write": ["/srv"],
    "hide": ["-/home", "/root"],
    "private_network": True,
    "private_ipc": True,
    "seccomp": ["@mount", "@bpf", "@admin", "@network-io"],
}
SANDBOXES: list[dict[str, object]] = [
    WHOLE,
    {"capabilities": []},
    {"ambient": ["CAP_NET_BIND_SERVICE"]},
    {"seccomp": ["@namespaces"], "no_new_privs": True},
    {"private_pids": True},
    {"root": "/srv/jail", "read_only": ["/", "-/nowhere"], "read_write": ["/state"]},
]
LIMITS = {"memory": "64M", "memory_swap": 0, "pids": 20, "cpu_quota": 50, "io_weight": 200}


def back(original: Service) -> Service:
    socket, unit = units("\n".join(to_systemd(original).lines))
    found = parse("git", {"git.socket": socket}, {"git@.service": unit})
    assert errors(found.problems) == ()
    return found.services[0]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_sandbox_is_read_back(sandbox: dict[str, object]) -> None:
    original = service(sandbox=sandbox, limits=LIMITS)
    same = back(original)
    assert same.limits == original.limits
    assert same.sandbox.call_groups == original.sandbox.call_groups
    assert {**same.sandbox.model_dump(), "seccomp": ()} == {**original.sandbox.model_dump(), "seccomp": ()}


def test_the_strict_preset_is_read_back_as_its_keys() -> None:
    original = service(sandbox="strict")
    same = back(original)
    assert same.sandbox.call_groups == original.sandbox.call_groups
    unlike = {"seccomp": (), "preset": ""}
    assert {**same.sandbox.model_dump(), **unlike} == {**original.sandbox.model_dump(), **unlike}


@pytest.mark.parametrize("sandbox", [*SANDBOXES[:4], "strict"])
def test_systemd_finds_no_fault_with_what_confines(sandbox: object, tmp_path: Path) -> None:
    program = needs("systemd", "systemd-analyze")
    made = to_systemd(service(server="/bin/cat", user="daemon", sandbox=sandbox, limits=LIMITS))
    socket, unit = units("\n".join(made.lines))
    (tmp_path / "git.socket").write_bytes(socket)
    (tmp_path / "git@.service").write_bytes(unit.replace(b"PrivatePIDs=yes\n", b""))  # systemd 257 knows it first
    done = subprocess.run([program, "verify", "--man=no", tmp_path / "git.socket"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_key_is_lost_and_none_in_silence() -> None:
    whole = service(sandbox=WHOLE, limits=LIMITS)
    assert set(written(whole)) - to_systemd(whole).said == set()
    spaced = service(sandbox={"hide": ["/a b"], "landlock": ["/usr"]}, tls={"cert": "/a", "key": "/b"})
    assert set(written(spaced)) - to_systemd(spaced).said == {"sandbox.hide", "sandbox.landlock", "tls.cert", "tls.key"}


def test_a_limit_of_processor_time_is_one_of_the_process() -> None:
    assert ("LimitCPU=5", "limits.cpu") in confining_lines(service(limits={"cpu": 5}))
    assert list(confining_lines(service(limits={"cpu": 5}, rlimit_cpu=3))) == []
