"""An encoder made of a module of the user's own, `module:Class`, behind the normaliser of all encoders."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import torch
from gymnasium import spaces
from torch import nn

from ...errors import AgentsError, unknown_name
from ..torch_seeding import seeded
from .encoder import Encoder, vector_dim
from .second_import import second_imports
from .unsaved import call_some_times, unsaved_state

__all__ = ["UserEncoder", "find_module_class", "is_user_encoder"]


def is_user_encoder(kind: object) -> bool:
    """Return whether `kind` is of the form `module:Class`."""
    return isinstance(kind, str) and all(kind.partition(":"))


def find_module_class(kind: str) -> type[nn.Module]:
    """Return the class `module:Class`, looked for where Python looks for modules, then in the working directory.

    Nothing of it is called before it has shown that it is a torch module with a `forward` of its own.

    Raises:
        AgentsError: when the module cannot be imported, is Python's own, has no such class, or the class is no module.
    """
    place, _, name = kind.rpartition(":")
    module = _import(kind, place)
    cls = getattr(module, name, None)
    if cls is None:
        classes = {k: v for k, v in vars(module).items() if inspect.isclass(v) and not k.startswith("_")}
        valid = [k for k, v in classes.items() if issubclass(v, nn.Module) and not issubclass(v, Encoder)]
        raise AgentsError(f"encoder kind {kind!r}: {unknown_name(f'nn.Module in {place!r}', name, valid)}")
    if not inspect.isclass(cls) or not issubclass(cls, nn.Module) or issubclass(cls, Encoder):
        raise AgentsError(
            f"encoder kind {kind!r}: {name} must be a torch.nn.Module, built as {name}(obs_dim, **options); the "
            "normaliser is put in front of it, so it is no agents.Encoder itself"
        )
    if cls.forward is nn.Module.forward:
        raise AgentsError(f"encoder kind {kind!r}: {name} has no `forward`, from (N, obs_dim) to (N, features_dim)")
    return cls


def _import(kind: str, place: str) -> ModuleType:
    top = place.partition(".")[0]
    if top in sys.stdlib_module_names and place not in sys.modules:  # importing is executing
        raise AgentsError(f"encoder kind {kind!r}: {place!r} is one of Python's own modules, and has no torch module")
    here = str(Path.cwd())
    try:
        if top not in sys.modules and importlib.util.find_spec(top) is None and here not in sys.path:
            sys.path.append(here)  # last, and to stay: the module may import what lies beside it later on
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever the user's module raises is the user's to read
        reason = f"{type(error).__name__}: {error}"
        raise AgentsError(
            f"encoder kind {kind!r}: module {place!r} fails to import: {reason}; looked for where Python looks for "
            f"modules (PYTHONPATH) and in {here}"
        ) from error


class UserEncoder(Encoder):
    """normaliser -> the user's module: Class(obs_dim, **options), from (N, obs_dim) to (N, features_dim), float32.

    What the module puts out is found by a probe. Its parameters and buffers are parts of the encoder like any
    other: carried over, frozen, checked by digest. A module that acts by anything else is refused, as it is built
    and with every checkpoint: nothing else is saved.
    """

    def __init__(self, observation_space: spaces.Space[object], kind: str, options: Mapping[str, Any]) -> None:
        """Find, build and probe the class; AgentsError naming `kind` if any of it fails."""
        self._kind, self._options, self._obs_dim = kind, options, vector_dim(observation_space)
        module, width = self._make(find_module_class(kind))
        super().__init__(observation_space, width)
        self.module = module
        with self._naming():
            first, self._second = second_imports(kind.rpartition(":")[0])
        with first.active(), seeded(1):
            used, _ = self._make(first.find(kind.rpartition(":")[2]))
            with self._naming(""):
                call_some_times(used, self._obs_dim)
            self._require_saved(used)

    def _make(self, cls: type[nn.Module]) -> tuple[nn.Module, int]:
        """Return a new module, which has been called once, and its F; AgentsError if it cannot be built or called."""
        try:
            module = cls(self._obs_dim, **copy.deepcopy(dict(self._options)))
        except Exception as error:  # as above
            reason = f"{type(error).__name__}: {error}"
            raise AgentsError(
                f"encoder kind {self._kind!r}: {cls.__name__}({self._obs_dim}, **{dict(self._options)}) fails: {reason}"
            ) from error
        return module, _probe_width(self._kind, module, self._obs_dim)

    @property
    def kind(self) -> str:
        """`module:Class`, as the settings have it."""
        return self._kind

    def apply(self, fn: Callable[[nn.Module], None]) -> Self:
        """Leave the module as its class made it: what would come here is stable-baselines3's initialisation."""
        return self

    def require_saved(self) -> None:
        """Raise AgentsError if the module acts by anything but its parameters and buffers, or if nobody can say."""
        self._require_saved(self.module)

    def _require_saved(self, module: nn.Module) -> None:
        with self._second.active(), seeded(2):
            new, _ = self._make(self._second.find(self._kind.rpartition(":")[2]))
        with self._naming():
            unsaved = unsaved_state(module, new, self._second, self._obs_dim)
        if unsaved is None:
            return
        names = ", ".join(unsaved) or "something that is no attribute of it"
        raise AgentsError(
            f"encoder kind {self._kind!r}: what it puts out depends on {names}, which is neither a parameter nor a "
            "buffer: it would be neither saved, carried over nor frozen; make it one, e.g. by register_buffer"
        )

    @contextmanager
    def _naming(self, what: str = "cannot check that a checkpoint saves all that it acts by: ") -> Iterator[None]:
        """Name the encoder, and `what` it is about, in an AgentsError."""
        try:
            yield
        except AgentsError as error:
            raise AgentsError(f"encoder kind {self._kind!r}: {what}{error}") from error

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised observations (N, obs_dim)."""
        features: torch.Tensor = self.module(normalized)
        return features


@torch.no_grad()
def _probe_width(kind: str, module: nn.Module, obs_dim: int) -> int:
    """Return F of the (N, F) that the module makes of (N, obs_dim); AgentsError if it makes something else.

    The observations of the probe are the normalised ones -1, 0 and 1 in every entry.
    """
    rows = torch.tensor([-1.0, 0.0, 1.0]).unsqueeze(1).expand(3, obs_dim).contiguous()
    was_training = module.training
    module.eval()
    try:
        out: Any = module(rows)
    except Exception as error:  # as above
        reason = f"{type(error).__name__}: {error}"
        raise AgentsError(f"encoder kind {kind!r}: fails on observations {tuple(rows.shape)}: {reason}") from error
    finally:
        module.train(was_training)
    wanted = f"float32 features (N, F) of observations (N, {obs_dim}), F at least 1"
    if not isinstance(out, torch.Tensor):
        raise AgentsError(f"encoder kind {kind!r} gives a {type(out).__name__}: it must give {wanted}")
    if out.ndim != 2 or out.shape[0] != len(rows) or not out.shape[1] or out.dtype != torch.float32:
        found = f"{out.dtype} {tuple(out.shape)} of observations {tuple(rows.shape)}"
        raise AgentsError(f"encoder kind {kind!r} gives {found}: it must give {wanted}")
    if not torch.isfinite(out).all():
        raise AgentsError(f"encoder kind {kind!r} gives non-finite features of observations of -1, 0 and 1: {out}")
    return int(out.shape[1])
