"""From a domain to running worlds: drawn numbers, what they write into the physics, and their saved state."""

__all__: list[str] = []
