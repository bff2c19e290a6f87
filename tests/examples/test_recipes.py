"""Each folder of examples/ works as its README says: the commands run on a host of their own, with real servers and clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs_examples import HOST_PAGES, ROOT, blocks
from tests.docs_place import Host
from tests.needs import needs, needs_root

EXAMPLES = ROOT / "examples"
RECIPES = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


@pytest.mark.timeout(120)  # real daemons, of which some take seconds to start on a busy machine
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_a_recipe_works_as_its_page_says(recipe: Path, tmp_path: Path) -> None:
    needs_root()
    needs("iproute2", "ip")
    host = Host(recipe / "README.md", tmp_path, recipe)
    try:
        host.walk()
        assert host.say("superd check >/dev/null 2>&1; echo $?") == "0\n"
        assert host.say("superd status >/dev/null 2>&1; echo $?") == "0\n"
    finally:
        host.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", HOST_PAGES, ids=lambda path: path.name)
def test_a_page_that_changes_a_host_works_as_it_says(page: Path, tmp_path: Path) -> None:
    needs_root()
    host = Host(page, tmp_path)
    try:
        host.walk()
    finally:
        host.close()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_a_recipe_uses_each_file_that_it_has(recipe: Path) -> None:
    commands = " ".join(block.text for block in blocks(recipe / "README.md") if block.tag == "console")
    unused = [path.name for path in recipe.iterdir() if path.name != "README.md" and path.name not in commands]
    assert unused == []


def test_every_recipe_is_in_the_list() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert [path.name for path in RECIPES if f"]({path.name}/README.md)" not in page] == []
