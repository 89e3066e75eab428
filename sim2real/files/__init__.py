"""Files that anybody may have written or may be writing: bounded reading, atomic writing, locks."""

__all__: list[str] = []
