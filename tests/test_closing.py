"""What a client or a program has had is closed by superd/system/closing.py alone: any other close(2) could wait for hours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "superd"
ROOMS = ("front", "relay", "launcher", "master", "ipc", "internal", "net")
"""What runs in processes that may not wait."""

PARTS = "parts of superd, which close what they have by this rule themselves"
PAIRS = "unix socket pairs between superd's processes, whose close never waits"
MEMORY = "memory or a file that this process has made or opened"
QUEUE = "the end of a pair with connections of clients, which no program has had"
SCOPES = "cancel scopes and limiters, which close nothing"
OWN: dict[str, dict[str, str]] = {
    "front/confinement.py": {"os.close": "a set of landlock rules"},
    "front/datagram/peer_programs.py": {"with feeder": "a datagram socket, whose close never waits", "with scope": SCOPES},
    "front/ending.py": {"close": PARTS},
    "front/panel_link.py": {"sock.close": PAIRS, "with scope": SCOPES},
    "front/leaving.py": {"self.listeners.close": PARTS, "self.queue.close": PARTS},
    "front/process.py": {"log.close": PARTS},
    "front/programs/launcher_link.py": {"self._sock.close": PAIRS},
    "front/programs/launcher_links.py": {"link.close": PARTS},
    "front/programs/stderr_lines.py": {"os.close": "a pipe, as was seen before", "with scope": SCOPES},
    "front/relays/carriers.py": {"carrier.link.close": PARTS},
    "front/relays/relay_link.py": {"self._sock.close": PAIRS, "self.close": PARTS, "with self._scope": SCOPES},
    "front/retirement.py": {"close": PARTS, "os.close": MEMORY},
    "front/stream/descriptor_room.py": {"os.close": "a copy of a listener, whose original stays open, and /dev/null"},
    "ipc/descriptors.py": {"os.close": MEMORY},
    "ipc/launcher_control.py": {"os.close": MEMORY},
    "ipc/running_table.py": {"os.close": MEMORY},
    "launcher/front_end.py": {"os.close": "pipes and terminals that this launcher has made", "self._sock.close": PAIRS},
    "launcher/bequests.py": {"os.close": "a descriptor of a process"},
    "launcher/groups.py": {"group.close": PARTS},
    "launcher/process.py": {"os.close": "/dev/null"},
    "launcher/programs.py": {"os.close": "pipes and terminals that this launcher has made"},
    "launcher/starts.py": {"client.close": "a copy that did not linger one call before"},
    "launcher/stderr_pipes.py": {"os.close": "pipes that this launcher has made", "pipe.close": PARTS},
    "launcher/stdio.py": {"os.close": "pipes and terminals that this launcher has made"},
    "master/adopted.py": {"os.close": MEMORY},
    "master/child_words.py": {"os.close": "a pipe that this process has made"},
    "master/control_socket.py": {
        **{"for_front.close": PAIRS, "for_panel.close": PAIRS, "ours.close": PAIRS, "theirs.close": PAIRS},
        **{"self._channel.close": PAIRS, "self._listeners.close": PARTS},
    },
    "master/ending.py": {"os.close": QUEUE},
    "master/former_front.py": {"os.close": MEMORY},
    "master/front_child.py": {
        **{"os.close": MEMORY, "ours.close": PAIRS, "theirs.close": PAIRS, "self._channel.close": PAIRS},
        **{"self._writer.close": PARTS},
    },
    "master/front_fork.py": {"ours.close": PAIRS},
    "master/front_orders.py": {"self._log_files.close": PARTS, "self._sockets.close": PARTS},
    "master/handing_on.py": {"os.close": MEMORY},
    "master/key_ring.py": {"os.close": MEMORY, "self._watch.close": PARTS},
    "master/launcher_bundle.py": {"os.close": MEMORY},
    "master/launcher_child.py": {
        **{"os.close": MEMORY, "ours.close": PAIRS, "theirs.close": PAIRS, "self.control.close": PAIRS},
    },
    "master/first_reading.py": {"os.close": MEMORY},
    "master/kept_memory.py": {"os.close": MEMORY},
    "master/launcher_pool.py": {"self.groups.close": PARTS, "slot.close": PARTS, "slot.process.close": PARTS},
    "master/launcher_slot.py": {"self.front_end.close": PAIRS, "self.launcher_end.close": PAIRS, "self.process.close": PARTS},
    "master/listeners.py": {"self.close": PARTS},
    "master/leaving.py": {"os.close": MEMORY},
    "master/log_files.py": {"os.close": MEMORY, "self.close": PARTS},
    "master/loop.py": {"end.close": PAIRS},
    "master/own_processes.py": {"os.close": QUEUE, "self._log_files.close": PARTS},
    "master/manager_store.py": {"os.close": MEMORY},
    "master/process.py": {
        **{
            "self._control.close": PARTS,
            "self._launchers.close": PARTS,
            "self._relays.close": PARTS,
        },
        **{"self._rpc.close": PARTS},
    },
    "master/program_groups.py": {"self._home.close": PARTS},
    "master/reading_child.py": {"os.close": MEMORY},
    "master/panel_listeners.py": {"self._listener.close": "a listener", "sock.close": "a socket that was not bound"},
    "master/relay_pool.py": {"slot.front_end.close": PAIRS, "slot.relay_end.close": PAIRS, "os.close": MEMORY},
    "master/state_dump.py": {"os.close": MEMORY},
    "master/trial.py": {"os.close": "a pipe that this process has made"},
    "master/upgrade.py": {"os.close": "a folder"},
    "net/bind.py": {"sock.close": "a socket that no other process has had"},
    "net/listener.py": {"self._epoll.close": "an epoll"},
    "net/resolve.py": {"with self._all": SCOPES, "with share": SCOPES},
    "net/rpcbind.py": {"self._sock.close": "a socket to rpcbind that no other process has had"},
    "net/silence.py": {"with scope": SCOPES},
    "net/udp.py": {"other.close": "a datagram socket, whose close never waits"},
    "relay/process.py": {"self._front.close": PAIRS, "session.close": PARTS},
    "relay/session.py": {"way.close": PARTS},
    "relay/tls.py": {"os.close": MEMORY},
    "relay/ways.py": {"os.close": "pipes that this relay has made", "self.close": PARTS},
}
"""Module → the calls that close something of its own, and what that is."""


def closes(package: Path) -> list[tuple[str, str]]:
    """Return (module, call) of each close, and of each ``with`` that closes a name at its end."""
    found = set()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            inside = str(path.relative_to(package))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("close", "aclose", "closerange"):
                    found.add((inside, ast.unparse(node.func)))
                elif isinstance(node, ast.With | ast.AsyncWith):
                    names = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Name | ast.Attribute)]
                    found |= {(inside, f"with {ast.unparse(name)}") for name in names}
    return sorted(found)


def test_what_others_have_had_is_closed_in_one_place() -> None:
    assert [entry for entry in closes(ROOT) if entry[1] not in OWN.get(entry[0], {})] == []


def test_no_exception_outlives_what_it_excuses() -> None:
    assert {(module, call) for module, calls in OWN.items() for call in calls} <= set(closes(ROOT))


@pytest.mark.parametrize(
    "text", ["os.close(fd)", "sock.close()", "with sock:\n    pass", "async def f(x):\n    async with x:\n        pass"]
)
def test_a_close_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "front").mkdir()
    (tmp_path / "front" / "a.py").write_text(text + "\n")
    assert len(closes(tmp_path)) == 1
