"""How the report writes numbers, words and colours."""

__all__: list[str] = []
