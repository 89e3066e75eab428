"""Write the generated tables of docs/ anew: `make reference`, or `python tools/reference.py`.

A page in docs/ marks where a table belongs, and everything between the two lines is replaced:

    <!-- generated: NAME -->
    <!-- end -->

NAME is a key of TABLES. `tests/docs/test_reference.py` fails while a page is not up to date.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from gymnasium import spaces
from markdown_tables import attributes, code, model, settings_of, table

import envs.shifts
from agents import AGENTS, ENCODERS, PARTS, SURGERIES, EncoderSettings
from agents.plan.regularisers import REGULARISERS
from envs import ENVS, PARAMETERS, SHIFTS, Fidelity, Shift, make_vec
from envs.domain.distributions import DISTRIBUTIONS
from envs.domain.profiles import PROFILES
from envs.physics.parameter import ANY, ChannelParameter, MorphologyParameter
from sim2real.bench.config import BenchConfig, OracleBudget
from sim2real.cli import app
from sim2real.config import config as configuration
from sim2real.config.space_map import SpaceMap
from sim2real.methods import METHODS
from sim2real.report import FIGURES
from sim2real.stats import QUANTITIES

DOCS = Path(__file__).resolve().parent.parent / "docs"
REGIONS = re.compile(r"<!-- generated: ([\w.]+) -->")
_REGION = re.compile(f"({REGIONS.pattern}\n).*?(<!-- end -->)", re.DOTALL)


def first_sentence(text: str | None) -> str:
    """Return the first sentence of a docstring, on one line."""
    flat = " ".join((text or "").split())
    return re.split(r"(?<=[.:])\s", flat, maxsplit=1)[0].rstrip(".:")


def fidelity() -> str:
    """Options of the simulation."""
    meanings = attributes(inspect.getdoc(Fidelity) or "")
    return table(
        ("key", "meaning"), ((f"`{field.name}`", meanings[field.name]) for field in dataclasses.fields(Fidelity))
    )


def environments() -> str:
    """Environments with the sizes of their spaces and the length of an episode."""
    rows = []
    for name, row in ENVS.items():
        env = make_vec(name, num_envs=1, seed=0)
        shapes = (_entries(env.single_observation_space), env.single_action_space.shape[0])
        env.close()
        steps = row.make_task().max_episode_steps
        rows.append((f"`{name}`", *shapes, steps, row.summary.partition(": ")[2].rstrip(".")))
    return table(("environment", "observations", "actions", "steps", "task"), rows)


def _entries(space: spaces.Space[Any]) -> str:
    """Say how many entries the observations of one world have, by group."""
    groups = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    return " + ".join(f"{box.shape[0]} {name}".strip() for name, box in groups.items())


_PLACES = {"action": "actions", "observation": "observations", "body": "bodies", "world": "the whole world"}


def parameters() -> str:
    """Parameters in the order in which they are written, by what they act on."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for name, row in PARAMETERS.items():
        if isinstance(row, MorphologyParameter):
            group = "Build: the model is compiled anew"
        elif isinstance(row, ChannelParameter):
            group = f"Channels: {_PLACES[row.per]}"
        else:
            group = "Physics"
        rule = "any finite number" if row.rule == ANY else str(row.rule)
        groups.setdefault(group, []).append((f"`{name}`", row.description, row.unit, rule))
    head = ("parameter", "what it is", "unit", "values")
    return "\n\n".join(f"### {group}\n\n{table(head, rows)}" for group, rows in groups.items())


def distributions() -> str:
    """Distributions and their arguments."""
    rows = ((f"`{name}`", _arguments(row), first_sentence(row.__doc__)) for name, row in DISTRIBUTIONS.items())
    return table(("distribution", "arguments", "what is drawn"), rows)


def profiles() -> str:
    """Profiles and their arguments."""
    rows = ((f"`{name}`", _arguments(row), first_sentence(row.__doc__)) for name, row in PROFILES.items())
    return table(("profile", "arguments", "how the number moves"), rows)


def _arguments(cls: Any) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls))


def shifts() -> str:
    """Shifts by family, with default severity and levels."""
    families = []
    for info in pkgutil.iter_modules(envs.shifts.__path__):
        module = importlib.import_module(f"envs.shifts.{info.name}")
        found = {name: row for name, row in SHIFTS.items() if any(row is own for own in _shifts_in(module))}
        if found:
            families.append((first_sentence(module.__doc__), found))
    order = list(SHIFTS)
    families.sort(key=lambda family: min(map(order.index, family[1])))
    return "\n\n".join(f"### {title}\n\n{_shift_table(found)}" for title, found in families)


def _shifts_in(module: Any) -> list[Shift]:
    tables = [value for value in vars(module).values() if isinstance(value, dict)]
    return [row for rows in tables for row in rows.values() if isinstance(row, Shift)]


def _shift_table(found: Mapping[str, Shift]) -> str:
    rows = []
    for name, row in found.items():
        levels = ", ".join(f"{level} {number:g}" for level, number in row.levels.items())
        where = ", ".join(row.parameters) if isinstance(row.parameters, Mapping) else "all"
        rows.append((f"`{name}`", row.summary, f"{row.severity:g}", levels or "-", where))
    return table(("shift", "what differs; what the severity counts", "default", "levels", "environments"), rows)


def methods() -> str:
    """Methods in one table, then each with its idea and sources."""
    head = ("method", "what it does", "learners", "target budget")
    rows = [
        (f"[`{name}`](#{name})", row.summary, ", ".join(a.upper() for a in row.algorithms), f"the {row.budget}'s")
        for name, row in METHODS.items()
    ]
    details = (f"## {name}\n\n{_idea(name)}" for name in METHODS)
    return f"{table(head, rows)}\n\n" + "\n\n".join(details)


def _idea(name: str) -> str:
    """Return the docstring of a method's module as paragraphs."""
    text = inspect.getdoc(sys.modules[f"sim2real.methods.{name}"]) or ""
    first, _, rest = text.partition("\n\n")
    first = " ".join(first.split()).partition(": ")[2]
    rest = re.sub(r"^(Idea|Sources?|Helps|Hurts)", r"\n\1", rest, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest)]
    return "\n\n".join(filter(None, (first[:1].upper() + first[1:], *paragraphs)))


def encoders() -> str:
    """Encoders and the settings each reads."""
    rows = ((f"`{name}`", row.description, ", ".join(row.reads)) for name, row in ENCODERS.items())
    own = (("`module:Class`", "a torch module of your own, behind the normaliser", "options"),)
    return table(("kind", "what it is", "settings it reads"), (*rows, *own))


def plan_parts() -> str:
    """Parts of an agent that a plan can name."""
    return table(("part", "what it is"), ((f"`{name}`", text) for name, text in PARTS.items()))


def regularisers() -> str:
    """Regularisers with their options."""
    rows = []
    for name, row in REGULARISERS.items():
        options = ", ".join(f"`{key}` ({code(option.default).strip('`')})" for key, option in row.options.items())
        rows.append((f"`{name}`", row.description, options or "-"))
    return table(("kind", "what it adds to the loss", "options (default)"), rows)


def surgeries() -> str:
    """Changes of architecture with their options."""
    rows = []
    for name, row in SURGERIES.items():
        options = ", ".join(f"`{field.name}`" for field in dataclasses.fields(row.options))
        rows.append((f"`{name}`", row.summary, options or "-"))
    return table(("kind", "what it adds", "options"), rows)


def quantities() -> str:
    """Every number of the report."""
    rows = ((row.title, row.definition, f"`{row.formula}`", row.source) for row in QUANTITIES.values())
    return table(("number", "what it says", "formula", "source"), rows)


def figures() -> str:
    """Figures of the report."""
    return table(("figure", "title"), ((f"`{name}`", row.title) for name, row in FIGURES.items()))


def commands() -> str:
    """Commands with all their options."""
    root: Any = typer.main.get_command(app)
    parts = []
    for name, command in root.commands.items():
        rows = [(_shown(param), _meaning(param)) for param in command.params]
        summary = " ".join((command.help or "").split())
        parts.append(f"## {name}\n\n{summary}\n\n{table(('argument or option', 'meaning'), rows)}")
    return "\n\n".join(parts)


def _shown(param: Any) -> str:
    names = param.opts if param.param_type_name == "option" else [param.name.upper()]
    return ", ".join(f"`{name}`" for name in names)


def _meaning(param: Any) -> str:
    plain = param.default not in (None, False, ()) and not callable(param.default)
    default = f" Default: `{param.default}`." if plain else ""
    return f"{getattr(param, 'help', '') or ''}{' Required.' if param.required else ''}{default}"


TABLES: dict[str, Callable[[], str]] = {
    "environments": environments,
    "fidelity": fidelity,
    "parameters": parameters,
    "distributions": distributions,
    "profiles": profiles,
    "shifts": shifts,
    "methods": methods,
    "encoders": encoders,
    "encoder_settings": lambda: settings_of(EncoderSettings),
    "ppo": lambda: settings_of(AGENTS["ppo"].settings),
    "sac": lambda: settings_of(AGENTS["sac"].settings),
    "parts": plan_parts,
    "regularisers": regularisers,
    "surgeries": surgeries,
    "quantities": quantities,
    "figures": figures,
    "commands": commands,
    "config": lambda: model(configuration.RunConfig),
    "config.source": lambda: model(configuration.DomainConfig),
    "config.targets": lambda: model(configuration.TargetConfig),
    "config.agent": lambda: model(configuration.AgentConfig),
    "config.transfer": lambda: model(configuration.TransferConfig),
    "config.space_map": lambda: model(SpaceMap),
    "config.budget": lambda: model(configuration.BudgetConfig),
    "bench": lambda: model(BenchConfig),
    "bench.oracle_budget": lambda: model(OracleBudget),
}


def renew(text: str) -> str:
    """Return a page's text with every generated region written anew."""
    return _REGION.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Renew all pages of docs/."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := renew(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page}: renewed")


if __name__ == "__main__":
    main()
