"""How an agent meets its worlds: the vector adapter, transitions, windows over the last steps."""

__all__: list[str] = []
