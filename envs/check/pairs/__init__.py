"""Worlds with and without a shift side by side, and what is read from them."""

__all__: list[str] = []
