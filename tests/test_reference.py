"""docs/reference.md says what the models say: it is made from them, and nobody forgot to make it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from superd.service import Limits, Service
from superd.settings import LogSettings, PolicySettings, Settings

ROOT = Path(__file__).parent.parent
MODELS = (Service, Limits, Settings, PolicySettings, LogSettings)
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
