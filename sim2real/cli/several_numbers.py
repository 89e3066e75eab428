"""Options that take several numbers: `--drops 0.15 0.4 0.7` beside `--drops 0.15 --drops 0.4 --drops 0.7`.

`--drops=0.15 0.4 0.7` means the same.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

__all__ = ["SeveralNumbers", "repeat_options"]

_OPTIONS = ("--drops",)


class SeveralNumbers(TyperCommand):
    """A command in which all numbers after such an option belong to it; else the first alone would."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its numbers, then parse as ever."""
        return super().parse_args(ctx, repeat_options(args))


def repeat_options(args: list[str]) -> list[str]:
    """Return the arguments with the option repeated before each of its numbers."""
    repeated: list[str] = []
    option = None
    args = [part for arg in args for part in _apart(arg)]
    for arg, following in zip(args, [*args[1:], ""], strict=True):
        if arg in _OPTIONS and _is_number(following):
            option = arg
        elif option is not None and _is_number(arg):
            repeated += [option, arg]
        else:
            option = None
            repeated.append(arg)
    return repeated


def _apart(arg: str) -> list[str]:
    """Return `--drops=0.15` as option and number, anything else as it is."""
    option, equals, value = arg.partition("=")
    return [option, value] if equals and option in _OPTIONS and _is_number(value) else [arg]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
