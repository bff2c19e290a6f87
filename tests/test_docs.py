"""Every example of README.md and docs/ works: files are read by their readers, commands are run and show what the page shows."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from superd.cli import xinetd as xinetd_command
from superd.cli.app import app
from superd.config.hosts.tables import parse as parse_table
from superd.config.inetd.dialects import DIALECTS
from superd.config.inetd.source import parse as parse_inetd
from superd.config.toml.render import render
from superd.config.toml.service_file import make_service, parse_toml
from superd.config.toml.settings_file import parse_settings
from superd.config.xinetd.attributes import COUNTS, GONE
from superd.config.xinetd.source import parse as parse_xinetd
from superd.problem import Origin, Problem, errors
from superd.service import Service
from tests.config.golden import MemoryFiles
from tests.daemon_process import WAIT
from tests.docs_examples import PAGES, ROOT, Block, Step, blocks, file_name, plain, steps, tagged
from tests.needs import needs, needs_root

FILES = ("toml", "hosts.allow", "hosts.deny", "xinetd", "inetd")
TAGS = {*FILES, "console", "sh", "python", "text"}
"""`sh` of install.md is run by tests/test_install.py, `python` by tests/test_contributing.py; `text` is a drawing."""


def test_every_block_says_what_it_is() -> None:
    assert [str(block) for page in PAGES for block in blocks(page) if block.tag not in TAGS] == []


def test_commands_that_are_not_run_here_are_scripts_of_the_repository() -> None:
    for block in tagged("sh"):
        if block.page.name != "install.md":
            programs = [ROOT / line.split()[0] for line in block.text.splitlines()]
            assert [str(program) for program in programs if not os.access(program, os.X_OK)] == []


@pytest.mark.parametrize("block", tagged(*FILES), ids=str)
def test_a_file_of_an_example_is_read_without_an_error(block: Block) -> None:
    assert errors(read(block)) == ()


def read(block: Block) -> tuple[Problem, ...]:
    """What the reader of this kind of file finds."""
    name, data = file_name(block), block.text.encode()
    match block.tag:
        case "hosts.allow":
            return parse_table(data, name, "allow")[1]
        case "hosts.deny":
            return parse_table(data, name, "deny")[1]
        case "xinetd":
            return parse_xinetd(name, MemoryFiles({name: data})).problems
        case "inetd":
            return parse_inetd(name, MemoryFiles({name: data})).problems
    if Path(name).name == "superd.toml":
        return parse_settings(data, name)[3]
    keys, origins, problems = parse_toml(data, name)
    return (*problems, *make_service(Path(name).stem, keys, origins, Origin(name))[1])


# ---------------------------------------------------------------------------------------------------- commands


class Place:
    """A folder with the files of one page, where its commands are run; in a network of its own, so that every port is free."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.folder = folder
        self.folder.chmod(0o755)
        shutil.copytree(ROOT / "services.d", folder / "examples")
        for block in blocks(page):
            if block.tag in FILES:
                path = folder / file_name(block)
                path.parent.mkdir(exist_ok=True)
                path.write_text(block.text)
        (folder / "bin").mkdir()
        for name, arguments in {"superd": "", "scripts/run": " run --services examples"}.items():
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\nexec {sys.executable} -m superd{arguments} "$@"\n')
            program.chmod(0o755)
        self.environ = os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        self.environ |= {"SUPERD_SOCKET": str(folder / "control"), "STATE_DIRECTORY": str(folder / "state")}
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n"
        self._server: tuple[subprocess.Popen[bytes], list[str]] | None = None
        self._shown = threading.Condition()

    def run(self, step: Step) -> None:
        """Runs a command and holds what it shows against the page; one that serves goes on running."""
        command = step.command.replace("scripts/run", "bin/scripts/run")
        inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "sh", "-c"]
        if re.match(r"(bin/scripts/run|superd run)\b", command):
            self._serve([*inside, f"exec {command}"])
            self.shows(step.output)
            return
        # A terminal, as a reader has one: what goes to stderr stands where it was written.
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as screen:
            process = subprocess.Popen(
                [*inside, command], cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
            )
            os.close(theirs)
            shown = "".join(_lines(screen))
            process.wait(WAIT)
        assert self.plain(shown) == self.plain(step.output)

    def plain(self, text: str) -> str:
        """Without what no two runs have in common."""
        return plain(text, self.folder)

    def _serve(self, command: list[str]) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen: list[str] = []

        def watch() -> None:
            with open(ours, "rb", buffering=0) as screen:
                for line in _lines(screen):
                    with self._shown:
                        seen.append(self.plain(line))
                        self._shown.notify_all()

        self._server = process, seen
        threading.Thread(target=watch, daemon=True).start()

    def shows(self, output: str) -> None:
        """Waits until what serves has shown each of these lines, in any order."""
        assert self._server is not None
        seen = self._server[1]
        for line in self.plain(output).splitlines(keepends=True):
            with self._shown:
                assert self._shown.wait_for(lambda line=line: line in seen, WAIT), f"no line {line!r} in {seen}"  # type: ignore[misc]
                seen.remove(line)

    def close(self) -> None:
        """Ends what runs here."""
        if self._server is not None:
            self._server[0].terminate()
            self._server[0].wait(WAIT)
        self._holder.communicate(timeout=WAIT)


def _lines(screen: object) -> Iterator[str]:
    """The lines of a terminal until nobody has it open any more."""
    rest = b""
    while True:
        try:
            piece = screen.read(4096)  # type: ignore[attr-defined]
        except OSError:  # EIO: the last one closed it
            piece = b""
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode().rstrip("\r") + "\n" for line in whole)
        if not piece:
            if rest:
                yield rest.decode()
            return


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.tag == "console" for b in blocks(page))], ids=lambda p: p.name)
def test_the_commands_of_a_page_show_what_the_page_shows(page: Path, services_dir: Path, tmp_path: Path) -> None:
    needs_root()
    needs("iproute2", "ip")
    needs("netcat-openbsd", "nc")
    services_dir.rmdir()
    place = Place(page, tmp_path)
    try:
        for block in blocks(page):
            if block.tag != "console":
                continue
            if not block.text.startswith("$ "):
                place.shows(block.text)  # what the server of an earlier block shows meanwhile
                continue
            for step in steps(block):
                place.run(step)
    finally:
        place.close()


# ---------------------------------------------------------------------------------------------------- commands.md


def section(title: str) -> str:
    """The part of commands.md below ``## title``."""
    parts = (ROOT / "docs/commands.md").read_text().split("\n## ")
    found = [part for part in parts if part.startswith(f"{title}\n")]
    assert len(found) == 1, f"commands.md has no section `{title}`"
    return found[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a page's tables, without the lines that name the columns."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith(("|---", "| |"))]


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SHARED = {"--config", "-c", "--services", "-s", "--hosts-allow", "--hosts-deny"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_of_a_command_is_described_and_no_other(name: str) -> None:
    text = section(f"superd {name}")
    table = " ".join(row[0] for row in rows(text) if "-" in row[0])
    described = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", table))
    has = {word for parameter in COMMANDS[name].params for word in parameter.opts if word.startswith("-")} - {"--help"}
    assert described == has - SHARED
    assert {word for word in has & SHARED if word.startswith("--")} == {
        word for word in SHARED if re.search(rf"`{word}`[,.\n ]", text.split("\n| ")[0])
    }


def test_the_options_that_commands_share_are_described() -> None:
    assert set(re.findall(r"`(--?[a-z-]+)", " ".join(row[0] for row in rows(section("What is read"))))) == SHARED


def test_the_options_of_the_whole_program_are_described() -> None:
    text = (ROOT / "docs/commands.md").read_text().split("\n## ")[0]
    options = [word for parameter in typer.main.get_command(app).params for word in parameter.opts]
    assert [word for word in options if word not in text] == []


def test_every_option_of_xinetds_command_line_is_described() -> None:
    table = " ".join(row[0] for row in rows(section("superd xinetd")))
    assert sorted(re.findall(r"`(-\w+)", table)) == sorted((*xinetd_command._WITH_VALUE, *xinetd_command._ALONE))


# ---------------------------------------------------------------------------------------------------- migration

XINETD_BASE = {
    "type": "UNLISTED", "port": "4000", "socket_type": "stream", "wait": "no", "user": "root", "server": "/bin/true"
}  # fmt: skip
XINETD_WITH: dict[str, dict[str, str]] = {
    "protocol": {"socket_type": "seqpacket"},
    "redirect": {"server": ""},
    "rpc_version": {"type": "RPC UNLISTED", "port": "", "rpc_number": "300019"},
    "rpc_number": {"type": "RPC UNLISTED", "port": "", "rpc_version": "1"},
}
"""Attributes that need others beside them, and those that must not be there."""

XINETD_ROWS = [row for row in rows((ROOT / "docs/migration-from-xinetd.md").read_text()) if re.match(r"`\w+ = ", row[0])]


def test_every_attribute_of_xinetd_has_one_row() -> None:
    assert sorted(row[0].strip("`").split()[0] for row in XINETD_ROWS) == sorted({*COUNTS, "interface"})
    text = (ROOT / "docs/migration-from-xinetd.md").read_text()
    assert [name for name in GONE if f"`{name}`" not in text] == []


@pytest.mark.parametrize("row", XINETD_ROWS, ids=lambda row: row[0])
def test_a_row_of_the_table_is_what_the_reader_of_xinetds_files_makes(row: list[str]) -> None:
    name, _, value = row[0].strip("`").partition(" = ")
    if name in ("enabled", "disabled"):
        text = f"defaults\n{{\n {name} = {value}\n}}\n" + "".join(xinetd_service(id) for id in ("shout", "other"))
        off = {service.name for service in xinetd_services(text) if service.disable}
        assert off == ({"other"} if name == "enabled" else {"shout"})
        return
    [service] = xinetd_services(xinetd_service("x", **XINETD_WITH.get(name, {}), **{name: value}))
    if row[1].startswith("`"):
        assert row[1].strip("`") in [line.partition("  #")[0] for line in render(service).splitlines()]
    elif name == "id":
        assert service.name == value
    else:
        assert row[1] == "–"
        key = getattr(service, name)
        assert key == Service.model_fields[name].get_default()


def xinetd_service(name: str, /, **attributes: str) -> str:
    lines = [f" {key} = {value}" for key, value in (XINETD_BASE | attributes).items() if value]
    return f"service {name}\n{{\n" + "\n".join(lines) + "\n}\n"


def xinetd_services(text: str) -> tuple[Service, ...]:
    found = parse_xinetd("conf", MemoryFiles({"conf": text.encode()}))
    assert errors(found.problems) == ()
    return found.services


INETD_ROWS = [row for row in rows((ROOT / "docs/migration-from-inetd.md").read_text()) if row[0] in DIALECTS]


@pytest.mark.parametrize("row", INETD_ROWS, ids=lambda row: f"{row[0]}: {row[1]} {row[2]}")
def test_a_row_of_the_table_is_what_the_reader_of_inetds_files_makes(row: list[str]) -> None:
    dialect, line, wanted = (cell.strip("`") for cell in row)
    found = parse_inetd("conf", MemoryFiles({"conf": f"{line}\n".encode()}), dialect)  # type: ignore[arg-type]
    assert errors(found.problems) == ()
    [service] = found.services
    assert wanted in [text.partition("  #")[0] for text in render(service).splitlines()]


def test_every_dialect_has_a_row() -> None:
    assert {row[0] for row in INETD_ROWS} == set(DIALECTS)


# ---------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    names = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", page.read_text())
    folders = (ROOT, ROOT / "superd", ROOT / "superd/config")
    assert [name for name in names if not any((folder / name).exists() for folder in folders)] == []
