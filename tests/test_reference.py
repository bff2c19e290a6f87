"""docs/reference.md says what the models say: it is made from them, and it was made again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from superd.cli.key_facts import TABLE_OF, Table, Undescribed, keys_of
from superd.limits import Limits
from superd.sandbox import Sandbox
from superd.service import Service
from superd.service_limits import ServiceLimits
from superd.settings import ControlSettings, LogSettings, MetricsSettings, PageSettings, PolicySettings, Settings
from superd.source_limits import PenaltyKeys, SourceLimit
from superd.tls_keys import TlsKeys
from tests.needs import needs

ROOT = Path(__file__).parent.parent
MAN_PAGES = ("superd.8", "superd.toml.5", "superd-services.5")
MODELS = (
    Service, Limits, SourceLimit, PenaltyKeys, ServiceLimits, TlsKeys, Sandbox, Settings, PolicySettings, LogSettings,
    ControlSettings,
    MetricsSettings, PageSettings,
)  # fmt: skip
WITHOUT_UNIT = {"nice", "port", "rpc_number"}
"""Numbers that count nothing."""


def test_the_page_is_what_the_models_say() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/reference", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_has_a_description(model: type[BaseModel]) -> None:
    assert [key for key, field in model.model_fields.items() if not field.description] == []


def rows() -> list[list[str]]:
    text = (ROOT / "docs/reference.md").read_text()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")]


def test_every_key_has_its_row_with_a_type_and_a_meaning() -> None:
    found = [row[0].strip("`") for row in rows()]
    assert found == [key for model in MODELS for key in model.model_fields if (model, key) != (Service, "name")]
    assert [row for row in rows() if not row[1] or not row[-1]] == []


def test_every_number_has_a_unit() -> None:
    numbers = [row for row in rows() if any(word in row[1] for word in ("number", "duration", "size"))]
    assert {row[0].strip("`") for row in numbers if not row[3]} == WITHOUT_UNIT


@pytest.mark.parametrize("name", MAN_PAGES)
def test_a_man_page_has_no_fault(name: str) -> None:
    program = needs("mandoc", "mandoc")
    done = subprocess.run([program, "-T", "lint", ROOT / "packaging/man" / name], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", MAN_PAGES)
def test_a_man_page_is_shown_whole_on_a_terminal_of_80_columns(name: str) -> None:
    program = needs("man-db", "man")
    environ = os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    page = ROOT / "packaging/man" / name
    done = subprocess.run([program, "--warnings", "-l", page], capture_output=True, text=True, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    shown = " ".join(done.stdout.split())
    for key in keys_of(TABLE_OF[Settings if name == "superd.toml.5" else Service]) if name != "superd.8" else ():
        assert f"{key.name} = {' '.join(key.example.split())}" in shown


def test_a_key_without_a_description_is_an_error() -> None:
    class Settings(BaseModel):
        user: str = Field("superd")

    with pytest.raises(Undescribed, match=r"Settings\.user: error: the key has no description"):
        keys_of(Table("x", "", Settings, "x"))


def test_a_key_without_an_example_is_an_error() -> None:
    class Settings(BaseModel):
        new_key: int = Field(1, description="a new key")

    with pytest.raises(Undescribed, match=r"Settings\.new_key: error: the key has no example"):
        keys_of(Table("x", "", Settings, "x"))


def test_every_manual_page_is_in_the_wheel() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert [name for name in MAN_PAGES if f'share/man/man{name[-1]}/{name}"' not in text] == []
