"""What every learner has: plans carried out, optimizers, returns, adaptation, checkpoints."""

__all__: list[str] = []
