"""Monitor: what a run writes to TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat

from agents import AdaptationLog, PlanRow

from ..config.config import AgentConfig, RunConfig
from ..files.files import naming
from ..methods import METHODS
from .evaluation import Evaluation

__all__ = ["Final", "Monitor"]

Kind: TypeAlias = Literal["pretrain", "transfer"]


class Final(NamedTuple):
    """Returns at the end of a run: on the source domain, and on the target before and after training; None: not had."""

    source_return: float
    initial_return: float | None = None
    target_return: float | None = None


class Monitor:
    """A run's TensorBoard events; the learner logs its own rollout/ and train/ figures through `logger`.

    Tags: eval/source/return and eval/target/return, alone in the group that TensorBoard shows first; evaluation/ (what
    else evaluations say), reward/<term> (the sum of every reward term over the last training episodes), rollout/ and
    train/ (the learner; rollout/faults counts the worlds that diverged so far),
    transfer/ (plan, digests, observation z-score), time/ (throughput), and the hyper-parameters with their final
    metrics, under the same keys in every run.
    """

    def __init__(self, folder: Path) -> None:
        """Write events into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor, place = _open_place(folder)
        self._output = _Events(place, folder)
        self.logger = Logger(place, [self._output])

    def evaluation(self, domain: str, result: Evaluation, step: int) -> None:
        """Log an evaluation on `domain` (source or target)."""
        values = {
            "return_sd": result.sd,
            "length": float(result.lengths.mean()),
            "falls": result.falls / len(result.returns),
            "faults": result.faults / len(result.returns),
        }
        others = {f"evaluation/{domain}/{name}": value for name, value in values.items()}
        others |= {f"evaluation/{domain}/reward/{name}": value for name, value in result.mean_terms.items()}
        self._write({f"eval/{domain}/return": result.mean, **others}, step)

    def observation_shift(self, z_score: float, step: int) -> None:
        """Log how many standard deviations of the source the target's observations lie from the source's mean."""
        self._write({"transfer/observation_z_score": z_score}, step)

    def plan(self, rows: list[PlanRow], digests: Mapping[str, str]) -> None:
        """Log the plan as a table, and the digest of every part."""
        phases = list(rows[0].rates) if rows else []
        lines = [
            "| part | what becomes of it | parameters | " + " | ".join(phases) + " |",
            "|---" * (3 + len(phases)) + "|",
        ]
        for row in rows:
            rates = ["-" if rate is None else f"{rate:g}" for rate in row.rates.values()]
            lines.append(f"| {row.part} | {row.action} | {row.parameters} | " + " | ".join(rates) + " |")
        self._output.add_text("transfer/plan", "\n".join(lines), 0)
        self.digests(digests, 0)

    def adaptation(self, log: AdaptationLog) -> None:
        """Log how well a student says what its teacher does, before and after it learned to."""
        values = {"first_loss": log.first, "last_loss": log.last, "variance": log.variance}
        self._write({f"transfer/adaptation_{name}": value for name, value in values.items()}, 0)

    def digests(self, digests: Mapping[str, str], step: int) -> None:
        """Log the digest of every part: equal digests are equal bytes."""
        text = "\n".join(f"- {part}: `{value}`" for part, value in sorted(digests.items()))
        self._output.add_text("transfer/digests", text, step)

    def hyper_parameters(
        self, kind: Kind, config: RunConfig, agent: AgentConfig, target: str, method: str, final: Final, step: int
    ) -> None:
        """Log a run's settings with its final metrics, for TensorBoard's HParams page.

        Source and transfer runs have the same keys and metrics, so that they stand in one table; what a run does not
        have is an empty text, and a metric that it does not have is not written.
        """
        identity = {"kind": kind, "env": config.env, "target": target, "method": method, "seed": config.seed}
        own = {name: "" for row in METHODS.values() for name in row.settings}  # some methods set what others leave
        settings = {"agent": {"settings": own}}
        flat = {**_flatten(settings), **_flatten({**identity, "agent": agent.model_dump(mode="json")})}
        plain = {key: "" if value is None else value for key, value in flat.items()}
        metrics = {f"final/{name}": value for name, value in final._asdict().items()}
        self._output.write({"hparams": HParam(plain, dict.fromkeys(metrics, 0.0))}, {"hparams": ()}, step)
        self._write({name: value for name, value in metrics.items() if value is not None}, step)

    def flush(self) -> None:
        """Bring everything logged so far to disk."""
        self._output.flush()

    def close(self) -> None:
        """Flush and close the files."""
        self.logger.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, values: Mapping[str, float], step: int) -> None:
        self._output.write({k: np.float64(v) for k, v in values.items()}, dict.fromkeys(values, ()), step)


class _Events(TensorBoardOutputFormat):
    """TensorBoard's writer; what goes wrong while it writes names the folder, and is raised in the caller alone.

    Its own thread hands every error over (see `EventFileWriter`) and would print its traceback besides.
    """

    def __init__(self, place: str, folder: Path) -> None:
        self._folder = folder
        with naming(folder):
            super().__init__(place)
        writer = self.writer._get_file_writer()  # type: ignore[no-untyped-call]
        thread = writer.event_writer._async_writer._worker
        thread._invoke_excepthook = lambda thread: None

    def write(self, *arguments: Any, **keywords: Any) -> None:
        with naming(self._folder):
            super().write(*arguments, **keywords)

    def add_text(self, tag: str, text: str, step: int) -> None:
        with naming(self._folder):
            self.writer.add_text(tag, text, step)

    def flush(self) -> None:
        with naming(self._folder):
            self.writer.flush()

    def close(self) -> None:
        with naming(self._folder):
            super().close()


def _open_place(folder: Path) -> tuple[int | None, str]:
    """Return what TensorBoard can open `folder` by, and the descriptor that must stay open meanwhile, if there is one.

    TensorBoard encodes paths as UTF-8, which fails where a name is not text in the system's encoding: a name in
    Latin-1, or any name beyond ASCII under an ASCII locale. Linux has a plain name for an open folder.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        descriptor = os.open(folder, os.O_RDONLY)
        return descriptor, f"/proc/self/fd/{descriptor}"
    return None, str(folder)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat
