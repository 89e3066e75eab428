"""The sentences of the report: what the numbers allow to be said, and nothing more."""

from __future__ import annotations

from collections import Counter

from ...files.printable import plural, printable
from ...stats import MIN_SEEDS, REFERENCE, Group, Summary, Verdict, Word
from .numbers import between, compute_decimals, count, number

__all__ = ["TONES", "answer", "explain_no_effect", "leading_verdict", "name_target", "seeds", "shorten", "tell_faults"]

TONES: dict[Word, str] = {
    Word.POSITIVE: "positive",
    Word.NEGATIVE: "negative",
    Word.INCONCLUSIVE: "open",
    Word.TOO_FEW: "few",
    Word.NO_DATA: "none",
}
"""Verdict -> CSS class."""

_PARTS: dict[Word, str] = {
    Word.POSITIVE: "helped on {n}",
    Word.NEGATIVE: "hurt on {n}",
    Word.INCONCLUSIVE: "is undecided on {n}",
    Word.TOO_FEW: "has too few seeds for a verdict on {n}",
    Word.NO_DATA: "has nothing to compare on {n}",
}


def name_target(group: Group) -> str:
    """`hopper -> heavy`, with an arrow."""
    return f"{group.frame.env} \N{RIGHTWARDS ARROW} {group.frame.target}"


def shorten(name: str) -> str:
    """A name as it fits beside a picture, which has room for 32 letters, and as its fonts can draw it."""
    shown = printable(name)
    return shown if len(shown) <= 32 else f"{shown[:31]}\N{HORIZONTAL ELLIPSIS}"


def seeds(num: int) -> str:
    """`5 seeds`."""
    return plural(num, "seed")


def tell_faults(summary: Summary) -> str:
    """How many evaluation episodes diverged and what they count with; empty when none did."""
    if not summary.eval_faults:
        return ""
    episodes = "episode" if summary.eval_faults == 1 else "episodes"
    return (
        f"In {count(summary.eval_faults)} evaluation {episodes} the simulation diverged. "
        "Such an episode counts with the lowest return of its evaluation, or with its own carried on, if that is lower."
    )


def explain_no_effect(summary: Summary, env: str) -> str:
    """Why no effect of transfer can be drawn on any target of an environment."""
    reasons = [group.frame.no_span for group in summary.groups_of(env)]
    compared = any("auc_difference" in cell.quantities for g in summary.groups_of(env) for cell in g.cells.values())
    if compared and all(reasons):
        return f"No effect as a share of the span, for there is none: {reasons[0]}."
    return f"No method can be compared with {REFERENCE} yet."


def leading_verdict(summary: Summary, group: Group) -> Verdict:
    """Verdict of the leading method on a target, also where it has no job there."""
    cell = group.cells.get(summary.leading)
    if cell is None or cell.verdict is None:
        return Verdict(Word.NO_DATA, 0, f"no run of {summary.leading} to compare with {REFERENCE}")
    return cell.verdict


def answer(summary: Summary) -> str:
    """Did transfer help? One sentence about the leading method."""
    if summary.num_finished == 0:
        return f"No run has finished yet ({summary.num_jobs} planned), so nothing can be said about transfer."
    if len(summary.groups) == 1:
        return _answer_one(summary, summary.groups[0])
    words = Counter(leading_verdict(summary, group).word for group in summary.groups)
    total = len(summary.groups)
    if len(words) == 1:
        word = next(iter(words))
        everywhere = "both targets" if total == 2 else f"all {total} targets"
        return f"{summary.leading} {_PARTS[word].format(n=everywhere)}, compared with {REFERENCE}."
    parts = [
        text.format(n=f"{words[word]} of {total} targets" if i == 0 else str(words[word]))
        for i, (word, text) in enumerate((w, t) for w, t in _PARTS.items() if words[w])
    ]
    return f"{summary.leading} {', '.join(parts[:-1])} and {parts[-1]}, compared with {REFERENCE}."


def _answer_one(summary: Summary, group: Group) -> str:
    verdict, where = leading_verdict(summary, group), name_target(group)
    if verdict.word is Word.NO_DATA:
        return f"Nothing can be said about {where}: {verdict.reason}."
    gain = group.cells[summary.leading].quantities["auc_difference"]
    decimals = compute_decimals((gain.point, gain.low, gain.high))
    by = number(gain.point, decimals, signed=True)
    spread = f"{by} {between(gain, decimals, signed=True)} in mean return"
    over = f"over {count(group.frame.budget)} target steps, {seeds(verdict.num_runs)}"
    if verdict.word is Word.TOO_FEW:
        had = f"{seeds(verdict.num_runs)} of {MIN_SEEDS} needed"
        return f"Too few seeds for a verdict on {where}: {had}; so far {by} in mean return."
    says = {
        Word.POSITIVE: f"Transfer helped: on {where}, {summary.leading} is ahead of {REFERENCE}",
        Word.NEGATIVE: f"Transfer hurt: on {where}, {summary.leading} falls behind {REFERENCE}",
        Word.INCONCLUSIVE: f"Undecided: on {where}, {summary.leading} cannot be distinguished from {REFERENCE}",
    }[verdict.word]
    return f"{says}, {spread} ({over})."
