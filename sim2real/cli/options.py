"""Options that change a configuration: --set, --steps, --severity; and what they and others come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..config.overrides import Override

__all__ = ["Changes", "Severity", "Steps", "overrides_of", "severity_of"]

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a key of the configuration, dotted, the value as in YAML; may be given several times.",
    ),
]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="World-steps to train, in place of the budget's.")]
Severity = Annotated[
    str | None, typer.Option("--severity", help="Severity of the target's shift: a number, or the name of a level.")
]


def overrides_of(changes: Sequence[str] | None, **options: tuple[str, Any]) -> list[Override]:
    """Return what `--set` gives, then what other options do: option=(dotted key, value or None)."""
    from ..config.overrides import Override, parse_override

    given = [(name, key, value) for name, (key, value) in options.items() if value is not None]
    own = [Override(key, value, f"--{name} {value}") for name, key, value in given]
    return [*map(parse_override, changes or ()), *own]


def severity_of(text: str | None) -> tuple[str, float | str] | None:
    """Return the place and the value of `--severity`: a number, or the name of a level."""
    if text is None:
        return None
    try:
        return f"--severity {text}", float(text)
    except ValueError:
        return f"--severity {text}", text
