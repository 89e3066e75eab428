"""Speed and memory against what people use today, each ratio measured side by side: `python -m sim2real.perf`."""

__all__: list[str] = []
