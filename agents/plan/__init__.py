"""A transfer as data: what becomes of every part, phases, stop rules, regularisers, changes of architecture."""

__all__: list[str] = []
