"""ForClients: what other libraries ask of an environment beside Gymnasium's interface."""

from __future__ import annotations

from typing import Any

__all__ = ["ForClients"]


class _NamesAdapter(type):
    """The type of a class whose name determines how stable-baselines3 takes its instances.

    stable-baselines3 refuses a vector environment that is no VecEnv of its own by an error that prints the type of the
    environment and asks for OpenAI Gym; nothing else of the environment is looked at.
    """

    def __repr__(cls) -> str:
        return f"{super().__repr__()} (for stable-baselines3: agents.VectorAdapter(env))"


class ForClients(metaclass=_NamesAdapter):
    """A base class of vector environments that can be copied, and that stable-baselines3 refuses with a hint.

    Models of MuJoCo's in C cannot be copied by `copy.deepcopy` or `pickle`, so a copy is built from the same arguments
    and continues from the same state, bit for bit. What was written into its models by hand is not copied.
    """

    spec: Any
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # of __init__, positional and by keyword

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to build an equal environment, and what to give to its `__setstate__`."""
        state = (self.get_state(), self.spec)  # type: ignore[attr-defined]
        return _build, (type(self), *self._arguments), state

    def __setstate__(self, state: tuple[dict[str, Any], Any]) -> None:
        """Continue from the state of the environment that this is a copy of."""
        self.set_state(state[0])  # type: ignore[attr-defined]
        self.spec = state[1]


def _build(kind: type, positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return kind(*positional, **keywords)
