"""The glossary of docs/ARCHITECTURE.md holds: each word has its file, and no other word is used for the same thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

from superd.service import Service
from superd.settings import Settings
from tests.test_architecture import ROOT, rows
from tests.test_english import texts

PACKAGE = ROOT / "superd"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
OTHERS = frozenset({PACKAGE / "config" / "synonyms.py", ROOT / "CHANGELOG.md"})
"""What other daemons call superd's keys, and what earlier versions were like: neither speaks of superd as it is."""
NOT_OURS = re.compile(r"`+[^`]*`+|\"[^\"]*\"|SYN packets")
"""Code, quoted words, and names of things that are not superd's."""


@cache
def glossary() -> list[tuple[list[str], list[str], list[str]]]:
    """Return (words, refused words, files) of each row of the glossary."""
    table = rows("## Words")
    return [(re.split(r", ", word), re.findall(r"`([^`]+)`", no), re.findall(r"`([^`]+)`", file)) for word, _, no, file in table]


def refused() -> re.Pattern[str]:
    words = [word for _, no, _ in glossary() for word in no]
    return re.compile(rf"(?<![\w'/.-])(?:{'|'.join(map(forms, words))})(?![\w/(-]|\.\w)", re.IGNORECASE)


def forms(word: str) -> str:
    """Return a pattern for a word in each of its forms: helper, helpers; directory, directories; judge, judged, judging."""
    stem = re.escape(word)
    if word.endswith("y"):
        return f"(?:{stem}|{stem[:-1]}ies)"
    return f"{stem}(?:d|s|es|ed|ing|)" + (f"|{stem[:-1]}ing" if word.endswith("e") else "")


def other_words(path: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return `line: word` of every refused word in what people read of a file."""
    found = {(line, match[0]) for line, text in texts(path) for match in pattern.finditer(NOT_OURS.sub("", text))}
    return [f"{line}: {word}" for line, word in sorted(found)]


def parts(name: str) -> list[str]:
    """Return the words of a name: `front_end`, `FrontEnd`."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@cache
def nodes(path: Path) -> list[ast.AST]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.arg | ast.Name | ast.Attribute | ast.ImportFrom
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


def names(path: Path) -> Iterator[str]:
    """Every name that a file gives: to itself, to classes, functions, arguments and variables."""
    yield from path.relative_to(PACKAGE).with_suffix("").parts
    for node in nodes(path):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


@cache
def public() -> frozenset[str]:
    """Return the words of keys and of options, which operators type, and of what pydantic calls a model's own settings."""

    def keys(model: type[BaseModel]) -> Iterator[str]:
        for name, field in model.model_fields.items():
            yield name
            for inner in re.findall(r"superd\.(\w+)\.(\w+)", str(field.annotation)):
                found = getattr(__import__(f"superd.{inner[0]}", fromlist=["_"]), inner[1])
                if isinstance(found, type) and issubclass(found, BaseModel):
                    yield from keys(found)

    from superd.cli.app import app

    group = typer.main.get_command(app)
    options = (option for command in vars(group)["commands"].values() for option in command.params)
    told = {*keys(Service), *keys(Settings), *(str(option.name) for option in options), "model_config"}
    return frozenset(word.removesuffix("s") for name in told for word in parts(name))


def files() -> list[Path]:
    return sorted({*PACKAGE.rglob("*.py"), *PAGES} - OTHERS)


def test_no_other_word_is_used_for_a_thing_of_the_glossary() -> None:
    pattern = refused()
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files() for line in other_words(path, pattern)]
    assert found == []


def test_no_name_of_the_code_uses_another_word() -> None:
    single = re.compile("|".join(forms(word) for _, no, _ in glossary() for word in no if word.isalpha()))
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name in names(path)
        for word in parts(name)
        if single.fullmatch(word) and word.removesuffix("s") not in public()
    }
    assert sorted(found) == []


@pytest.mark.parametrize(("words", "files"), [(words, files) for words, _, files in glossary()], ids=lambda cell: str(cell[0]))
def test_each_word_has_a_file_that_uses_it(words: list[str], files: list[str]) -> None:
    assert files
    text = ""
    for name in files:
        path = PACKAGE / name
        assert path.is_file(), name
        text += f"{name}\n{path.read_text()}"
    for word in words:
        assert re.search(re.escape(word.rstrip("y")).replace(r"\ ", "[ _]?"), text, re.IGNORECASE), word


WORDS = ""
"""The folder of the words: files directly under superd/."""
MANY = 3
"""Folders other than its own that use a class which is a concept of the whole."""


def test_what_many_folders_use_is_in_the_glossary() -> None:
    homes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parts[0] if path.parent != PACKAGE else WORDS
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("superd."):
                home = f"{node.module.removeprefix('superd.').replace('.', '/')}.py"
                for name in node.names:
                    if name.name[0].isupper() and not name.name.isupper() and home.rpartition("/")[0].split("/")[0] != folder:
                        homes[home, name.name].add(folder)
    covered = {file for _, _, files in glossary() for file in files}
    wide = {(home, name) for (home, name), folders in homes.items() if len(folders) >= MANY}
    assert len(wide) > 20
    assert sorted((home, name) for home, name in wide if home not in covered) == []


def test_no_word_is_refused_that_the_glossary_has() -> None:
    words = {word for all_words, _, _ in glossary() for word in all_words}
    assert [word for word in words if refused().fullmatch(word)] == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "# the helpers, each in its directories; `helper`\n", ["1: directories", "1: helpers"]),
        ("a.py", '"""Judges nothing."""\ndirectory = 1\n', ["1: Judges"]),
        ("a.md", 'A judged worker. The key `directory`, and "hook"; `hook`.\n', ["1: judged", "1: worker"]),
    ],
)
def test_another_word_is_found(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert sorted(other_words(tmp_path / name, refused())) == found
