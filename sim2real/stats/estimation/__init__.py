"""Pure statistics of samples: metrics, intervals, censored times, rank tests."""

__all__: list[str] = []
