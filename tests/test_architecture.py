"""docs/ARCHITECTURE.md and CONTRIBUTING.md name what exists: files, folders, stages, the arrows of the layers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from superd.front.programs import launcher_link
from superd.front.relays import carriers, earlier
from superd.front.sessions.live import Stage
from superd.front.stream import arrivals, descriptor_room
from superd.ipc import (
    front_orders,
    front_requests,
    launch_codec,
    launch_records,
    launcher_control,
    panel_messages,
    panel_requests,
    relay_messages,
)
from superd.launcher import lingering
from superd.launcher import process as launcher_process
from superd.master import heartbeat, lanes, launcher_pool, program_groups, reading_child, relay_pool, request_budget
from superd.panel import control, http
from superd.panel import process as panel_process
from superd.policy import penalties
from superd.relay import confinement as relay_confinement
from superd.relay import process as relay_process
from tests.test_layers import MAY_USE

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
PAGES = (PAGE, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "SECURITY.md")
PLACES = ("", "superd", "docs")
"""Folders of the repository that a page's paths begin in."""


def named(text: str) -> set[str]:
    """Return every path of the repository that ``text`` names in backticks: a Python file, or a folder that ends in a slash."""
    return set(re.findall(r"`((?:[a-z_]+/)*[a-z_0-9]+\.py|(?:[a-z_]+/)+)`", text))


def missing(text: str) -> list[str]:
    return sorted(name for name in named(text) if not any((ROOT / place / name).exists() for place in PLACES))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_the_page_names_exists(page: Path) -> None:
    assert len(named(page.read_text())) > 3
    assert missing(page.read_text()) == []


def test_a_file_that_does_not_exist_is_found() -> None:
    assert missing("`front/process.py`, `front/gone.py`, `frond/`, `tests/test_layers.py`") == ["frond/", "front/gone.py"]


def test_every_file_of_the_package_is_named_with_its_trade() -> None:
    table = dict(re.findall(r"^\| `([a-z_0-9/]+\.py)` \| (.+) \|$", PAGE.read_text().partition("## Files\n")[2], re.M))
    package = ROOT / "superd"
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if path.name != "__init__.py"}
    assert found - table.keys() == set(), "run .venv/bin/python scripts/reference"
    assert table.keys() - found == set(), "run .venv/bin/python scripts/reference"
    assert [name for name, trade in table.items() if len(trade) < 12] == []


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the rows of the first table after ``heading``."""
    lines = iter(PAGE.read_text().partition(f"{heading}\n")[2].splitlines())
    table: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            break
    return table[2:]


def test_the_table_of_stages_is_the_enum() -> None:
    heading = next(line for line in PAGE.read_text().splitlines() if line.startswith("**A session**"))
    table = {row[0].strip("`"): row[2] for row in rows(heading)}
    assert list(table) == [stage.name for stage in Stage]
    for nexts in table.values():
        assert set(re.findall(r"`(\w+)`", nexts)) <= {stage.name for stage in Stage}


def test_the_table_of_folders_is_what_the_layers_allow() -> None:
    table = {row[0].split("/")[0].strip("`"): row[2] for row in rows("## Folders")}
    folders = {name: uses for name, uses in table.items() if not name.startswith("words")}
    assert folders.keys() == MAY_USE.keys() - {""}
    for name, uses in folders.items():
        if uses == "all but cli":
            assert MAY_USE[name] <= MAY_USE.keys() - {"cli"}
        elif uses.startswith("all but"):
            assert not MAY_USE[name] & set(re.findall(r"\w+", uses.removeprefix("all but")))
        else:
            assert MAY_USE[name] == set(filter(None, re.split(r",\s*", uses.replace("`", "")))), name


def test_every_decision_has_its_date() -> None:
    decisions = rows("## Decisions")
    assert len(decisions) > 10
    assert [row for row in decisions if not re.fullmatch(r"\d{1,2} [A-Z][a-z]{2}", row[0])] == []


ONE_PROCESS = {"words", "front", "master", "launcher", "relay", "panel", "cli", "daemon"}
"""Folders that say by their name in which process their files run; words, directly under superd/, run in any."""
WHERE = re.compile(r"\b(?:Runs? in|any process|every process)\b", re.IGNORECASE)
NEVER = re.compile(r"\b(?:never|pure|nothing|none|no|not|only|alone)\b", re.IGNORECASE)


def test_every_file_says_where_it_runs_and_what_it_never_does() -> None:
    package = ROOT / "superd"
    silent = []
    for path in sorted(package.rglob("*.py")):
        if path.name == "__init__.py":
            continue
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        name = path.relative_to(package)
        folder = name.parts[0] if name.parent.parts else "words"
        if not (WHERE.search(text) or folder in ONE_PROCESS) or not NEVER.search(text):
            silent.append(str(name))
    assert silent == []


IN_CODE = re.compile(r"(?<![\w/.*])((?:[a-z_]+/)*[a-z_0-9]+\.py)\b")


def test_every_file_that_a_docstring_names_exists() -> None:
    package = ROOT / "superd"
    gone = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for name in IN_CODE.findall(ast.get_docstring(node) or ""):
                if not any((place / name).exists() for place in (path.parent, package, ROOT)):
                    gone.append(f"{path.relative_to(package)}: {name}")
    assert gone == []


NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"]
MESSAGES = {
    r"Front to master: (\w+) requests": len(front_requests.TABLE),
    r" (\w+) requests +│ listeners": len(front_requests.TABLE),
    r"Front to launcher: (\w+) requests": len(get_args(launch_records.Request)),
    r"│ (\w+) requests ──▶ launcher": len(get_args(launch_records.Request)),
    r"A launcher's (\w+) reports": len(get_args(launch_records.Report)),
    r"◀── (\w+) reports": len(get_args(launch_records.Report)),
    r"│ (\w+) words, as": len(launcher_control.FROM_LAUNCHERS),
    r"Front to relay: (\w+) requests": len(get_args(relay_messages.Request)),
    r"A relay has (\w+) reports": len(get_args(relay_messages.Report)),
    r"Panel to front: (\w+) questions": len(panel_messages.QUESTIONS),
    r"Panel to master: (\w+) requests": len(panel_requests.TABLE),
    r"(\d+) calls \(\d+ in one with keys": len(relay_confinement.CALLS),
    r"\d+ calls \((\d+) in one with keys": len(relay_confinement.CALLS) + len(relay_confinement.TLS_CALLS),
}
"""What SECURITY.md says of how many messages there are → how many the tables have."""


@pytest.mark.parametrize("phrase", MESSAGES)
def test_security_counts_the_messages_that_there_are(phrase: str) -> None:
    [said] = re.findall(phrase, (ROOT / "docs" / "SECURITY.md").read_text())
    assert (int(said) if said.isdecimal() else NUMBERS.index(said)) == MESSAGES[phrase]


def test_the_picture_of_the_processes_counts_the_messages_that_there_are() -> None:
    page = PAGE.read_text()
    assert re.findall(r"↑ (\w+) requests", page) == [NUMBERS[len(front_requests.TABLE)]]
    assert re.findall(r"↑ (\w+) words", page) == [NUMBERS[len(launcher_control.FROM_LAUNCHERS)]]


BOUNDS: dict[str, tuple[float, ...]] = {
    r"One JSON object in one message of at most (\d+) bytes": (front_requests.MAX_REQUEST,),
    r"`number`: 0 to (\d+) MiB": (front_requests.MAX_DUMP >> 20,),
    r"a sign of life, (\d+) seconds later": (front_orders.KEPT,),
    r"more than (\d+) things at once or (\d+) in a second": (request_budget.AT_ONCE, request_budget.A_SECOND),
    r"has not answered for (\d+) seconds": (heartbeat.ANSWER,),
    r"(\d+) GiB of memory, (\d+) MiB of answer and (\d+) seconds": (
        reading_child.MEMORY >> 30,
        reading_child.ANSWER >> 20,
        reading_child.SECONDS,
    ),
    r"at most ([\d,]+) bytes, (\d+) records and (\d+) launches": (
        launch_codec.MAX_MESSAGE,
        launch_codec.MAX_RECORDS,
        launch_codec.MAX_LAUNCHES,
    ),
    r"have been in the last (\d+) s": (launcher_control.RETIRED_SECONDS,),
    r"at most (\d+) digests": (launch_codec.MAX_STEPS,),
    r"at most ([\d,]+) bytes and (\d+) records": (relay_messages.MAX_MESSAGE, relay_messages.MAX_RECORDS),
    r"answered a ping within (\d+) seconds": (2 * carriers.PING_SECONDS,),
    r"that a signal has stopped for (\d+), is killed": (relay_pool.STOPPED_GRACE,),
    r"which replaces it after (\d+) seconds unless": (launcher_pool.STOPPED_GRACE,),
    r"The table has ([\d,]+) sources": (penalties.MAX_SOURCES,),
    r"until it is replaced \(([\d,]+) at most": (earlier.MAX_ADOPTED,),
    r"(\d+) connections of at most (\d+) seconds each, requests of at most (\d+) KiB": (
        http.MOST,
        http.DEADLINE,
        http.MAX_REQUEST >> 10,
    ),
    r"at most (\d+) connections, all of them (\d+) of (\d+)": (
        control.MOST_OF_ONE,
        control.MOST - control.FOR_ROOT,
        control.MOST,
    ),
    r"not read for (\d+) seconds": (control.PATIENCE,),
    r"at most (\d+) rows": (panel_messages.PAGE,),
    r"A launcher has at most (\d+) groups": (program_groups.MOST,),
    r"accept up to (\d+) connections; leave (\d+) descriptors free": (arrivals.BATCH, descriptor_room.RESERVE),
    r"send up to (\d+) launches in one message": (launch_codec.MAX_LAUNCHES,),
    r"(\d+) launches sent to a launcher; (\d+) of one service queued for it, or (\d+) in all": (
        launcher_link.WINDOW,
        launcher_link.MAX_OF_SERVICE,
        launcher_link.MAX_QUEUE,
    ),
    r"\| after (\d+) s without a program \|": (launcher_process.IDLE,),
    r"after (\d+) s without a session": (relay_process.IDLE,),
    r"after (\d+) s without a connection": (panel_process.IDLE,),
    r"a copy that lingers up to (\d+) s": (lingering.LINGER_SECONDS,),
    r"another lane \(`master/lanes.py`\), at most (\d+)": (lanes.MAX_LANES,),
}
"""What SECURITY.md and ARCHITECTURE.md say of bounds and times → the constants."""


@pytest.mark.parametrize("phrase", BOUNDS)
def test_bounds_and_times_on_the_pages_are_those_of_the_code(phrase: str) -> None:
    pages = " ".join(((ROOT / "docs" / "SECURITY.md").read_text() + PAGE.read_text()).split())
    [said] = {match.groups() for match in re.finditer(phrase, pages)}
    assert tuple(float(number.replace(",", "")) for number in said) == BOUNDS[phrase]
