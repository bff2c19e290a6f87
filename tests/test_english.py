"""Comments, docstrings, messages and pages are in plain English: turns that are hard to read are refused (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

REFUSED = {
    r"behind": "after",
    r"beside": "next to, with",
    r"nobody|whoever|whom": "the one with a name: the client, the front, an operator",
    r"(?:is|are|was|were) no(?= [a-z])(?! longer| more| other| room| place| way)": "is not",
    r"tell(?:s|ing)? of|(?:is|are|was|were|be) told": "logs, reports, gets",
    r"mend(?:s|ed|ing)?": "fix",
    r"for want of": "without",
    r"what is (?:not )?there|(?:is|are) not there": "exists, does not exist",
    r"be it|but for": "except",
    r"he|his|him": "they, their",
    r"let(?:s|ting)? (?:him |them |it |nobody |one )?(?:in|come)": "admit",
}
"""Turns that are refused, and what to write."""

TURNS = re.compile(rf"(?<![\w\"'`/-])(?:{'|'.join(REFUSED)})(?![\w\"'`-])", re.IGNORECASE)

ALLOWED: dict[str, int] = {
    ".ci/run": 1,
    "README.md": 1,
    "docs/SECURITY.md": 4,
    "docs/benchmarks.md": 31,
    "docs/commands.md": 10,
    "docs/install.md": 1,
    "docs/logging.md": 1,
    "docs/migration-from-inetd.md": 26,
    "docs/migration-from-xinetd.md": 12,
    "docs/reference.md": 10,
    "docs/wrappers-differences.md": 17,
    "docs/xinetd-differences.md": 15,
    "packaging/superd.service": 1,
    "packaging/test-deb": 1,
    "scripts/bench": 1,
    "scripts/bench.d/main.py": 2,
    "scripts/bench.d/report.py": 1,
    "scripts/bench.d/rows_inside.py": 5,
    "scripts/bench.d/rows_policy.py": 4,
    "scripts/bench.d/rows_size.py": 2,
    "scripts/bench.d/rows_start.py": 7,
    "scripts/bench.d/servers.py": 4,
    "scripts/bench.d/size.py": 2,
    "scripts/bench.d/tools.py": 2,
    "scripts/reference": 2,
    "scripts/run": 1,
    "scripts/venv": 2,
    "superd/auth_options.py": 1,
    "superd/cli/__init__.py": 1,
    "superd/cli/app.py": 2,
    "superd/cli/check.py": 2,
    "superd/cli/explain.py": 5,
    "superd/cli/host_facts.py": 9,
    "superd/cli/match.py": 3,
    "superd/cli/sources.py": 1,
    "superd/config/__init__.py": 1,
    "superd/config/checks/services.py": 1,
    "superd/config/checks/shadows.py": 1,
    "superd/config/foreign.py": 1,
    "superd/config/hosts/advice.py": 1,
    "superd/config/hosts/tables.py": 5,
    "superd/config/inetd/dialects.py": 1,
    "superd/config/inetd/lexer.py": 1,
    "superd/config/name_tables.py": 1,
    "superd/config/toml/lists.py": 1,
    "superd/config/toml/model_errors.py": 1,
    "superd/config/xinetd/addresses.py": 6,
    "superd/config/xinetd/attributes.py": 2,
    "superd/config/xinetd/draft.py": 1,
    "superd/config/xinetd/lexer.py": 1,
    "superd/config/xinetd/service.py": 2,
    "superd/config/xinetd/source.py": 2,
    "superd/daemon/background.py": 1,
    "superd/daemon/start.py": 4,
    "superd/expansion.py": 1,
    "superd/front/datagram/peer_programs.py": 3,
    "superd/front/gate/conditions.py": 1,
    "superd/front/gate/gate.py": 1,
    "superd/front/gate/policy_watch.py": 2,
    "superd/front/memory.py": 1,
    "superd/front/relays/carriers.py": 3,
    "superd/front/sessions/live.py": 1,
    "superd/front/shares.py": 1,
    "superd/front/stream/rule_options.py": 1,
    "superd/internal/auth.py": 4,
    "superd/internal/discard.py": 1,
    "superd/internal/echo.py": 1,
    "superd/ipc/launch_codec.py": 2,
    "superd/ipc/launch_records.py": 1,
    "superd/ipc/relay_messages.py": 1,
    "superd/launch_spec.py": 2,
    "superd/launcher/front_end.py": 1,
    "superd/launcher/identity.py": 1,
    "superd/launcher/leftovers.py": 1,
    "superd/launcher/programs.py": 3,
    "superd/lint/clients.py": 23,
    "superd/lint/commands.py": 3,
    "superd/lint/covered.py": 2,
    "superd/lint/misread.py": 1,
    "superd/lint/rules.py": 4,
    "superd/load/policy.py": 5,
    "superd/load/services.py": 2,
    "superd/log/stream_sink.py": 1,
    "superd/log/text_xinetd.py": 2,
    "superd/master/assignment.py": 1,
    "superd/master/front_child.py": 2,
    "superd/master/launcher_child.py": 2,
    "superd/master/listeners.py": 1,
    "superd/master/log_files.py": 1,
    "superd/master/notify.py": 3,
    "superd/master/orphans.py": 3,
    "superd/master/process.py": 1,
    "superd/net/bind.py": 2,
    "superd/net/ident.py": 1,
    "superd/net/resolve.py": 2,
    "superd/net/udp.py": 2,
    "superd/occupancy.py": 1,
    "superd/peer.py": 2,
    "superd/policy/admission.py": 6,
    "superd/policy/bans.py": 1,
    "superd/policy/facts.py": 1,
    "superd/policy/file_patterns.py": 1,
    "superd/policy/hosts_access.py": 3,
    "superd/policy/hours.py": 4,
    "superd/policy/patterns.py": 1,
    "superd/policy/rate.py": 4,
    "superd/policy/reflection.py": 2,
    "superd/policy/rule_index.py": 1,
    "superd/policy/trace.py": 3,
    "superd/problem.py": 1,
    "superd/relay/process.py": 1,
    "superd/relay/ways.py": 1,
    "superd/relay_count.py": 1,
    "superd/safe_text.py": 1,
    "superd/service.py": 8,
    "superd/service_kinds.py": 4,
    "superd/system/accounts.py": 1,
    "superd/system/allow_list.py": 1,
    "superd/system/oom_score.py": 1,
    "superd/system/path_facts.py": 1,
    "superd/system/path_writes.py": 4,
    "superd/system/paths.py": 1,
    "superd/wire/ident.py": 2,
    "superd/wire/proxy_header.py": 2,
    "superd/wire/tcpmux.py": 3,
}
"""How many such turns a file may still have. It shrinks, and never grows."""


MADE = {"__pycache__", "schema", "man", "completions"}
"""Folders of files that are made from the models."""


def sources() -> list[Path]:
    """Return every file that this test reads."""
    found = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob(".ci/*"),
        *ROOT.glob("packaging/**/*"),
        *ROOT.glob("examples/**/*"),
        *ROOT.glob("superd/**/*.py"),
    ]
    found += [path for path in ROOT.glob("scripts/**/*") if path.suffix != ".pyc"]
    return sorted(path for path in found if path.is_file() and not {*path.parts} & MADE and path.name != "CHANGELOG.md")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every piece of English in a file: what people read, and not the names of the code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py" or text.startswith('"""'):
        yield from of_python(text)
    elif path.suffix == ".md":
        yield from of_page(text)
    else:
        yield from ((number, line) for number, line in enumerate(text.splitlines(), 1) if "#" in line or '"' in line)


def of_python(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of comments and of strings that have a blank; a line of several is one text."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from ((node.lineno + number, line) for number, line in enumerate(node.value.splitlines()))


def of_page(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what is in no fenced block."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def turns(path: Path) -> list[str]:
    """Return `line: turn` of every refused turn of a file."""
    found = {(line, match[0]) for line, text in texts(path) for match in TURNS.finditer(text)}
    return [f"{line}: {turn}" for line, turn in sorted(found)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_no_turn_that_is_hard_to_read(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = turns(path)
    assert len(found) <= ALLOWED.get(name, 0), f"{name}: write it plainly: {found}"


def test_no_allowance_outlives_what_it_allows() -> None:
    assert {name: number for name, number in ALLOWED.items() if len(turns(ROOT / name)) < number} == {}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "# the client behind it\n", ["1: behind"]),
        ("a.py", '"""What is there.\n\nTold of nobody."""\n', ["1: What is there", "3: nobody"]),
        ("a.py", "user = 'nobody'\nlog(f'`{x}` is no number')\n", ["2: is no"]),
        ("a.py", "behind = beside = 1\n", []),
        ("a.md", "It is told.\n```text\nnobody\n```\n", ["1: is told"]),
        ("a.md", 'The user `nobody`, and "nobody". Besides, there is no room. The other half.\n', []),
        ("run", "echo hello  # mended\n", ["1: mended"]),
    ],
)
def test_such_a_turn_is_found(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert turns(tmp_path / name) == found
