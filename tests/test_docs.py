"""Every example of README.md and docs/ works: files are read by their readers, commands are run and show what the page shows."""

from __future__ import annotations

import os
import re
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
from tests.docs_examples import HOST_PAGES, PAGES, RECIPES, ROOT, Block, blocks, file_name, tagged
from tests.docs_place import FILES, Place
from tests.needs import needs, needs_root

TAGS = {*FILES, "unit", "console", "sh", "python", "text"}
"""`sh` of install.md is run by tests/test_install.py, `python` by tests/test_contributing.py; `text` is a drawing."""


def test_every_block_says_what_it_is() -> None:
    assert [str(block) for page in (*PAGES, *RECIPES) for block in blocks(page) if block.tag not in TAGS] == []


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


@pytest.mark.timeout(240)  # the longest page has fifty commands, each a second on a busy machine
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in HOST_PAGES and any(b.tag == "console" for b in blocks(page))],
    ids=lambda p: p.name,
)
def test_the_commands_of_a_page_show_what_the_page_shows(page: Path, services_dir: Path, tmp_path: Path) -> None:
    needs_root()
    needs("iproute2", "ip")
    needs("netcat-openbsd", "nc")
    services_dir.rmdir()
    place = Place(page, tmp_path)
    try:
        place.walk()
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
    "redirect": {"server": ""},
    "rpc_version": {"type": "RPC UNLISTED", "port": "", "rpc_number": "300019"},
    "rpc_number": {"type": "RPC UNLISTED", "port": "", "rpc_version": "1"},
}
"""Attributes that need others with them, and those that must not be there."""

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


@pytest.mark.parametrize("page", [*PAGES, *RECIPES], ids=lambda page: str(page.relative_to(ROOT)))
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
