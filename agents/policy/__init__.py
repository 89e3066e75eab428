"""A policy as named parts: what plans select, actors, averages, and tensors carried between spaces."""

__all__: list[str] = []
