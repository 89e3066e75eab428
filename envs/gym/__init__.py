"""Any registered Gymnasium environment that runs on MuJoCo, as a task: `gym:<id>`."""

__all__: list[str] = []
