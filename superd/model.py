"""What all tables of superd's files have in common as models: frozen, and strict about keys.

Runs in: every process that has a service or settings. What is checked was read in a child; the master gets finished values,
and builds no validator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

Table = TypeVar("Table", bound="Model")


class Model(BaseModel):
    """One table of a file. Sent to another process it is short: without the keys that have their default."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def __reduce__(self) -> tuple[Callable[[type[Self], dict[str, Any], set[str]], Self], tuple[object, ...]]:
        usual = _defaults(type(self))
        given = {key: value for key, value in self.__dict__.items() if value is not usual[key]}
        return _received, (type(self), given, self.model_fields_set)


def table(model: type[Table], description: str) -> Table:
    """Return the field of a table within a table. All that leave it out share one value, which needs no validator."""
    return cast("Table", Field(default_factory=cache(model.model_construct), description=description))


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    return {key: field.get_default(call_default_factory=True) for key, field in model.model_fields.items()}


def _received(model: type[Table], given: dict[str, Any], chosen: set[str]) -> Table:
    """Return the value that another process has checked and sent."""
    made = model.__new__(model)
    values = {**_defaults(model), **given}
    made.__setstate__(
        {"__dict__": values, "__pydantic_fields_set__": chosen, "__pydantic_extra__": None, "__pydantic_private__": None}
    )
    return made
