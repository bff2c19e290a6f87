"""What a command line names when it names nothing."""

from __future__ import annotations

from superd.load.sources import MAIN, OF_PACKAGES, OPERATORS_OWN, Sources


def test_nothing_is_named_by_itself_and_the_admins_folder_is_not_the_vendors() -> None:
    assert Sources() == Sources("", (), None, None, ())
    assert len({MAIN, OPERATORS_OWN, OF_PACKAGES}) == 3
