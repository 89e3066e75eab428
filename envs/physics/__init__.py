"""MuJoCo: many worlds stepped at once, whose models differ, at a chosen fidelity."""

__all__: list[str] = []
