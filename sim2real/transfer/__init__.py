"""A source agent carried over to a target domain."""

__all__: list[str] = []
