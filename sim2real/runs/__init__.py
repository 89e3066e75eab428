"""One run: its directory, training, evaluation, checkpoints, logs."""

__all__: list[str] = []
