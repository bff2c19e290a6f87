"""Every module has a test file of its own, in the same place; what has none stands here with the reason."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent

HELD_ELSEWHERE: dict[str, str] = {
    "cli/app.py": "test_docs.py: every command and option has its section, and each example is run",
    "cli/diagnostics.py": "trips/test_start.py: what is printed of problems",
    "cli/importer.py": "cli/test_import_equals_live.py: what it writes serves the same",
    "cli/run.py": "trips/test_start.py: the table, and the dump in trips/test_xinetd_command.py",
    "cli/show.py": "test_docs.py: its examples",
    "cli/sources.py": "trips/test_start.py: paths that are relative",
    "config/inetd_dialects.py": "config/test_inetd_conf.py: each dialect reads its own lines",
    "config/inetd_keyvalue.py": "config/test_inetd_conf.py: NetBSD's statements",
    "config/xinetd_draft.py": "config/test_xinetd_conf.py: read as a whole",
    "config/xinetd_program.py": "config/test_xinetd_conf.py: read as a whole",
    "config/xinetd_socket.py": "config/test_xinetd_conf.py: read as a whole",
    "daemon/arrivals.py": "trips/test_connection.py: the trip itself",
    "daemon/bound.py": "trips/test_addresses.py: every kind of address",
    "daemon/conditions.py": "trips/test_limits.py: load, hours and the process limit",
    "daemon/datagram.py": "trips/test_internal.py: datagrams, and trips/test_wait.py",
    "daemon/dump.py": "trips/test_xinetd_command.py: the state on SIGUSR1",
    "daemon/farewell.py": "trips/test_connection.py: banners and refusals",
    "daemon/front.py": "trips/test_reload.py: orders, and trips/test_end.py",
    "daemon/front_process.py": "trips/test_compromised_front.py: what it may say, and trips/test_replacement.py",
    "daemon/idle.py": "trips/test_limits.py: silence",
    "daemon/inside.py": "trips/test_internal.py: streams",
    "daemon/launches.py": "trips/test_replacement.py: launchers that die",
    "daemon/load.py": "trips/test_start.py: what is refused",
    "daemon/log_files.py": "trips/test_log_type.py: files of services",
    "daemon/logs.py": "trips/test_log_targets.py: each target, alive and dead",
    "daemon/master.py": "trips/test_reload.py: reloads, and trips/test_end.py",
    "daemon/mux.py": "trips/test_tcpmux.py: each kind of client",
    "daemon/options.py": "trips/test_options.py: each option",
    "daemon/policy_files.py": "trips/test_policy_files.py: tables as files",
    "daemon/policy_load.py": "trips/test_policy_files.py: tables as files",
    "daemon/rpc.py": "trips/test_rpc.py: a real rpcbind",
    "daemon/run.py": "trips/test_identity.py: roots and users, and trips/test_start.py",
    "daemon/session.py": "trips/test_options.py: what a session waits for",
    "daemon/sessions.py": "trips/test_limits.py: times, and trips/test_end.py",
    "daemon/state.py": "trips/test_connection.py: fast and slow ways",
    "daemon/stderr.py": "trips/test_connection.py: lines of a program's stderr",
    "daemon/systemd.py": "trips/test_notify.py: what a service manager hears",
    "daemon/tidy.py": "test_bench.py: the row `crowd`",
    "daemon/udp_peers.py": "trips/test_udp_peers.py: a program for each peer",
    "internal/chargen.py": "trips/test_internal.py: RFC 864",
    "internal/daytime.py": "trips/test_internal.py: RFC 867",
    "internal/discard.py": "trips/test_internal.py: RFC 863",
    "internal/echo.py": "trips/test_internal.py: RFC 862",
    "internal/time.py": "trips/test_internal.py: RFC 868",
    "launch/client.py": "trips/test_replacement.py: pairs, and trips/test_overload.py",
    "launch/environment.py": "trips/test_connection.py: the whole environment",
    "launch/identity.py": "trips/test_identity.py: what the kernel holds",
    "launch/launcher.py": "trips/test_compromised_front.py: its table, and trips/test_replacement.py",
    "launch/programs.py": "trips/test_options.py: commands, and trips/test_identity.py",
    "launch/spawn.py": "trips/test_connection.py: a program's world",
    "launch/spec.py": "trips/test_connection.py: a program's world",
    "launch/starter.py": "daemon/test_launchers.py: launchers that start and stop",
    "net/bind.py": "trips/test_addresses.py: every kind of address",
    "net/listener.py": "trips/test_overload.py: queues and descriptors",
    "net/netgroup.py": "trips/test_policy_files.py: netgroups",
    "net/peername.py": "trips/test_addresses.py: every kind of peer",
}
"""What speaks to the system is held by the trips through the whole daemon, and the fakes it would need here prove little."""


def modules() -> set[str]:
    found = {str(path.relative_to(ROOT / "superd")) for path in (ROOT / "superd").rglob("*.py")}
    return {name for name in found if Path(name).name not in ("__init__.py", "__main__.py")}


def mirrored(module: str) -> bool:
    path = Path(module)
    return (ROOT / "tests" / path.parent / f"test_{path.name}").exists()


def test_every_module_has_its_test_file_or_a_reason() -> None:
    assert sorted(name for name in modules() if not mirrored(name) and name not in HELD_ELSEWHERE) == []


def test_no_reason_outlives_what_it_excuses() -> None:
    assert sorted(name for name in HELD_ELSEWHERE if name not in modules() or mirrored(name)) == []


def test_every_reason_names_a_test_that_is_there() -> None:
    for name, reason in HELD_ELSEWHERE.items():
        assert (ROOT / "tests" / reason.split(":")[0]).exists(), name
