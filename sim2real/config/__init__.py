"""Configurations: read, checked, with every default filled in; the user's code they name."""

__all__: list[str] = []
