"""Domains as data: distributions of parameters, the objects they act on, profiles over time, random streams."""

__all__: list[str] = []
