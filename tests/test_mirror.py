"""Every module has a test file of its own, in the same place; what has none stands here with the reason."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent

HELD_ELSEWHERE: dict[str, str] = {
    "cli/app.py": "test_docs.py: every command and option has its section, and each example is run",
    "front/stream/connection.py": "trips/test_options.py: what a session holds",
    "front/handing_over.py": "trips/test_connection.py: protocols",
    "front/process.py": "trips/test_reload.py: its parts together, and trips/test_end.py",
    "front/stream/rule_options.py": "trips/test_options.py: each option",
    "daemon/start.py": "trips/test_start.py: each way that a start can end",
    "daemon/manner.py": "trips/test_xinetd_command.py: each way in which that differs",
    "daemon/serving.py": "trips/test_identity.py: roots and users, and trips/test_start.py",
    "front/datagram/peer_programs.py": "trips/test_udp_peers.py: a program for each peer",
    "front/programs/launches.py": "front/programs/test_dispatch.py: its parts, which it only puts together",
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


MOST_LINES = 350
"""Of a file: what is longer has two trades."""


def test_no_file_is_long() -> None:
    lines = {name: len((ROOT / "superd" / name).read_text().splitlines()) for name in modules()}
    assert {name: number for name, number in lines.items() if number > MOST_LINES} == {}
