"""Between the state and the observation: first the delay of the readings, then their noise."""

from __future__ import annotations

from ..streams import EpisodeDraws
from .delay import Delay
from .noise import Noise
from .stage import Array, Channel, Ids, StageRow, Wiring

__all__ = ["SENSOR_STAGES", "SensorChannel"]

# In the order a reading passes them.
SENSOR_STAGES = (
    StageRow(
        ("observation_delay",),
        lambda w: Delay(w.values("observation_delay"), w.num_envs, w.dim, int(w.largest("observation_delay"))),
    ),
    StageRow(
        ("observation_noise",), lambda w: Noise(w.values("observation_noise"), w.streams.channel("observation_noise"))
    ),
)


class SensorChannel(Channel):
    """The way of the state's readings to the agent."""

    def __init__(self, wiring: Wiring) -> None:
        """Serve observations."""
        super().__init__(SENSOR_STAGES, wiring)

    def begin(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Start an episode in the worlds `ids` (k,): before it, the sensors saw the same `rows` (k, dim)."""
        for stage in self.stages.values():
            rows = stage.first(ids, rows, draws)
        return rows
