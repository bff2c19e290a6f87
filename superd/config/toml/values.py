"""Values as TOML writes them, for hints and for the files that an import writes. Pure; any process.

tomlkit takes longer to load than a start may, so it is loaded by the first value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit.items import Item


def item(value: Any) -> Item:
    """One value on one line: lists and tables inline."""
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            if inner is not None:  # TOML has no word for it: what is not set is not written
                table.append(key, item(inner))
        return table
    if isinstance(value, (list, tuple)):
        array = tomlkit.array()
        for inner in value:
            array.append(item(inner))
        return array
    made: Item = tomlkit.item(value)
    return made


def as_toml(value: Any) -> str:
    """The text of one value."""
    return item(value).as_string()
