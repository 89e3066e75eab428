"""The vectorised environment, its one-world view, and what other libraries ask of both."""

__all__: list[str] = []
