"""Networks and their parts: encoders, statistics, activations, critics, freezing."""

__all__: list[str] = []
