"""Any Gymnasium environment as a task, with MuJoCo or without: `gym:<id>`, or a class, `module:Class`."""

__all__: list[str] = []
