"""What confines a program under systemd has the same key in superd, and what has none is named."""

from __future__ import annotations

import pytest

from superd.config.systemd.confining import CALLS, HOMES, TEMPORARY
from superd.problem import Severity, errors
from superd.sandbox import CAPABILITIES, DEFAULT_GROUPS, Sandbox
from superd.service import Service
from superd.system.call_groups import GROUPS
from tests.config.systemd.test_source import made, read


def confined(lines: str) -> Sandbox:
    return made("", lines + "\n").sandbox


def warnings(lines: str) -> list[str]:
    return [problem.message for problem in read("", lines + "\n").problems if problem.severity is Severity.WARNING]


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        ("NoNewPrivileges=yes", {"no_new_privs": True}),
        ("PrivateNetwork=true", {"private_network": True}),
        ("PrivateIPC=1", {"private_ipc": True}),
        ("PrivatePIDs=yes", {"private_pids": True}),
        ("PrivateTmp=yes", {"private_tmp": 64 << 20}),
        ("PrivateTmp=disconnected", {"private_tmp": 64 << 20}),
        ("TemporaryFileSystem=/tmp:size=1M /var/tmp:size=1M /dev/shm:size=1M", {"private_tmp": 1 << 20}),
        ("ProtectSystem=yes", {"read_only": ("/usr", "-/boot", "-/efi")}),
        ("ProtectSystem=full", {"read_only": ("/usr", "/etc", "-/boot", "-/efi")}),
        ("ProtectSystem=strict\nReadWritePaths=/srv -/x", {"read_only": ("/",), "read_write": ("/srv", "-/x")}),
        ("ProtectSystem=strict\nStateDirectory=a b:c", {"read_only": ("/",), "read_write": ("/var/lib/a", "/var/lib/b")}),
        ("ReadOnlyPaths=/a\nReadOnlyPaths=\nReadOnlyPaths=+/b -+/c", {"read_only": ("/b", "-/c")}),
        ("RootDirectory=/srv/jail/", {"root": "/srv/jail"}),
        (
            "RootDirectory=/j\nReadOnlyPaths=+/a -+/b /j /j/c -/j/d",
            {"root": "/j", "read_only": ("/a", "-/b", "/", "/c", "-/d")},
        ),
        ("ProtectHome=read-only", {"read_only": HOMES}),
        ("ProtectHome=yes\nInaccessiblePaths=/srv", {"hide": (*HOMES, "/srv")}),
        ("ProtectHome=tmpfs", {"hide": HOMES}),
        ("ProtectControlGroups=yes", {"read_only": ("-/sys/fs/cgroup",)}),
        ("CapabilityBoundingSet=", {"capabilities": ()}),
        ("CapabilityBoundingSet=CAP_NET_RAW cap_chown", {"capabilities": ("CAP_CHOWN", "CAP_NET_RAW")}),
        ("CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=CAP_KILL", {"capabilities": ("CAP_CHOWN", "CAP_KILL")}),
        ("CapabilityBoundingSet=~CAP_CHOWN", {"capabilities": tuple(word for word in CAPABILITIES if word != "CAP_CHOWN")}),
        ("AmbientCapabilities=CAP_NET_BIND_SERVICE", {"ambient": ("CAP_NET_BIND_SERVICE",)}),
        ("SystemCallFilter=~@mount @debug", {"seccomp": ("@mount", "@debug")}),
        ("SystemCallFilter=@system-service\nSystemCallArchitectures=native", {"seccomp": ("default",)}),
        ("SystemCallFilter=@system-service @mount", {"seccomp": tuple(word for word in DEFAULT_GROUPS if word != "@mount")}),
        ("SystemCallFilter=~bpf io_uring_setup io_uring_enter io_uring_register", {"seccomp": ("@bpf", "@io-uring")}),
        ("RestrictNamespaces=yes\nProtectClock=yes", {"seccomp": ("@namespaces", "@clock")}),
        ("ProtectKernelModules=yes\nProtectHostname=yes\nProtectKernelLogs=yes", {"seccomp": ("@module", "@admin")}),
        ("RestrictAddressFamilies=none", {"seccomp": ("@network-io",)}),
    ],
)
def test_a_setting_has_its_key_of_the_sandbox(lines: str, keys: dict[str, object]) -> None:
    assert confined(lines) == Sandbox(**keys)


@pytest.mark.parametrize(
    ("lines", "key", "value"),
    [
        ("MemoryMax=64M", "memory", 64 << 20),
        ("MemoryLimit=1T", "memory", 1 << 40),
        ("MemorySwapMax=0", "memory_swap", 0),
        ("TasksMax=20", "pids", 20),
        ("CPUQuota=150%", "cpu_quota", 150),
        ("IOWeight=50", "io_weight", 50),
        ("TasksMax=20\nTasksMax=infinity", "pids", None),
    ],
)
def test_a_limit_of_the_unit_is_one_of_each_program(lines: str, key: str, value: object) -> None:
    service: Service = made("", lines + "\n")
    assert getattr(service.limits, key) == value
    assert warnings(lines) == []


def test_the_last_line_of_a_switch_counts() -> None:
    assert confined("PrivateTmp=yes\nPrivateTmp=no\nProtectSystem=strict\nProtectSystem=no") == Sandbox()


def test_folders_that_can_be_written_need_no_key_where_all_can() -> None:
    assert confined("ReadWritePaths=/srv") == Sandbox()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PrivateDevices=yes", "`PrivateDevices=yes` is lost"),
        ("RestrictNamespaces=user", "`RestrictNamespaces=user` is lost"),
        ("RestrictAddressFamilies=AF_UNIX", "`RestrictAddressFamilies=AF_UNIX` is lost"),
        ("TemporaryFileSystem=/srv", "`TemporaryFileSystem=/srv` is lost"),
        ("SystemCallFilter=~@pkey", "`~@pkey` of SystemCallFilter= is lost"),
        ("SystemCallFilter=~acct", "`~acct` of SystemCallFilter= is lost"),
        ("SystemCallFilter=read write", "allows these calls alone"),
        ("SystemCallArchitectures=native", "`SystemCallArchitectures=native` is lost"),
        ("MemoryHigh=1G", "`MemoryHigh=1G` is lost"),
        ("RootDirectory=/j\nReadOnlyPaths=/jack", "`/jack` is lost: it is outside of RootDirectory="),
        ("NoExecPaths=/tmp", "`NoExecPaths=/tmp` is lost"),
        ("CapabilityBoundingSet=CAP_FLY", "`CAP_FLY` is not a capability"),
        ("AmbientCapabilities=CAP_KILL\nPrivateTmp=yes", "`sandbox.private_tmp` has no effect"),
    ],
)
def test_what_has_no_key_is_named(line: str, said: str) -> None:
    [warning] = warnings(line)
    assert said in warning


@pytest.mark.parametrize("line", ["PrivateDevices=no", "ProtectProc=default", "MemoryHigh=infinity", "CPUAccounting=yes"])
def test_what_confines_nothing_is_not_lost(line: str) -> None:
    assert warnings(line) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PrivateTmp=perhaps", "`perhaps` is not yes or no"),
        ("ProtectSystem=most", "`most` is not yes or no"),
        ("MemoryMax=20%", "`20%` is not a number of bytes"),
        ("TasksMax=many", "`many` is not a whole number"),
        ("CPUQuota=2", "`2` is not a percentage"),
        ("AmbientCapabilities=~CAP_KILL", "nearly every right"),
        ("ReadOnlyPaths=%h", "`%h` is a specifier"),
    ],
)
def test_a_value_that_cannot_be_read_makes_no_service(line: str, said: str) -> None:
    found = read("", line + "\n")
    assert found.services == ()
    assert [said in problem.message for problem in errors(found.problems)] == [True]


def test_groups_that_systemd_has_no_name_for_have_the_calls_that_superd_refuses() -> None:
    assert {group: tuple(GROUPS[group]) for group in CALLS} == CALLS
    assert TEMPORARY == ("/tmp", "/var/tmp", "/dev/shm")
