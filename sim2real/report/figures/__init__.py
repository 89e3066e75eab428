"""The figures of a report, drawn as SVG."""

__all__: list[str] = []
