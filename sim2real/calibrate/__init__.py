"""A trained policy under shifts: the gate with its returns, and severities by what they cost."""

__all__: list[str] = []
