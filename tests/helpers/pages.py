"""The Markdown pages of the project: their code blocks, links and headings, as markdown-it reads them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
GUIDES = [ROOT / "README.md", *DOCS]
PAGES = [*GUIDES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md"))]


@dataclass(frozen=True)
class Block:
    """A block of code: where it begins, its language, the file that its `title` names, and its text."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def tokens(page: Path) -> list:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> list[Block]:
    """Every block of code of a page; an indented one has no language."""
    found = []
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            language, _, rest = token.info.partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            found.append(Block(page, token.map[0] + 1, language, title and title[1], token.content))
    return found


def links(page: Path) -> list[str]:
    """Every address that a page links to or shows as an image."""
    found = []
    for token in tokens(page):
        for child in token.children or ():
            found += [str(child.attrs[key]) for key in ("href", "src") if key in child.attrs]
    return found


def headings(page: Path) -> list[str]:
    """The text of every heading of a page, without its markup."""
    found = tokens(page)
    pairs = itertools.pairwise(found)
    return ["".join(c.content for c in inline.children) for token, inline in pairs if token.type == "heading_open"]


def github_anchor(heading: str) -> str:
    """Where GitHub puts a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def site_anchor(heading: str) -> str:
    """Where Python-Markdown, and so the site, puts it."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def write_files(page: Path, folder: Path) -> None:
    """Write the blocks of a page that name a file."""
    for block in blocks(page):
        if block.title is not None:
            (folder / block.title).write_text(block.text)
