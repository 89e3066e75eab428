"""Looking a name up in a table, whatever stands where the name should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..errors import AgentsError, unknown_name

__all__ = ["look_up"]

Row = TypeVar("Row")


def look_up(kind: str, name: object, table: Mapping[str, Row]) -> Row:
    """Return the row of `table` called `name`; AgentsError with the valid names if there is none.

    A configuration may have anything in the place of a name: a list, which no table can look up, is as unknown
    as a misspelt name.
    """
    if not isinstance(name, str) or name not in table:
        raise AgentsError(unknown_name(kind, name, table))
    return table[name]
