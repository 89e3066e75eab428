"""Between the state and the observation.

The order is that of a real chain. The sensor's element is not calibrated (gain, bias, drift) and noisy; its range
and its converter bound what it can show (saturation, quantisation); what it shows travels over a wire (delay,
jitter); and there a reading may freeze (stuck) or get lost (dropout). So readings lie on the converter's grid, one
that is stuck repeats its last value to the bit, and one that is lost is exactly 0.
"""

from __future__ import annotations

from ..domain.streams import EpisodeDraws
from .delay import delay_row
from .drift import Drift
from .events import Dropout, Stuck, event_row
from .noise import noise_row
from .pointwise import compute_bias, compute_gain, compute_quantisation, compute_saturation, pointwise_row
from .stage import Array, Channel, Ids, StageRow, Wiring

__all__ = ["SENSOR_STAGES", "SensorChannel"]


def _make_drift(wiring: Wiring) -> Drift:
    rate, sd = wiring.values("observation_drift"), wiring.values("observation_drift_noise")
    return Drift(rate, sd, wiring.noise("observation_drift_noise"), wiring.num_envs, wiring.dim)


# In the order a reading passes them.
SENSOR_STAGES = (
    pointwise_row("observation_scale", compute_gain),
    pointwise_row("observation_bias", compute_bias),
    StageRow(("observation_drift", "observation_drift_noise"), _make_drift),
    noise_row("observation_noise"),
    pointwise_row("observation_saturation", compute_saturation),
    pointwise_row("observation_quantisation", compute_quantisation),
    delay_row("observation"),
    event_row("observation_stuck", Stuck),
    event_row("observation_dropout", Dropout),
)


class SensorChannel(Channel):
    """The way of the state's readings to the agent."""

    def __init__(self, wiring: Wiring) -> None:
        """Serve observations."""
        super().__init__(SENSOR_STAGES, wiring)

    def begin(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Start an episode in the worlds `ids` (k,): before it, the sensors saw the same `rows` (k, dim)."""
        return self.first(ids, rows, draws)
