"""How an agent meets its worlds: the vector adapter, rows of observation groups, transitions, windows."""

from .groups import GroupSpace, RowBuilder, RowLayout

__all__ = ["GroupSpace", "RowBuilder", "RowLayout"]
