"""Links and anchors of Markdown files lead somewhere, on GitHub and on the site; README stays short."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from pages import DOCS, PAGES, ROOT, github_anchor, headings, links, site_anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("http:", "https:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page}: {link}: no such file"
        assert page not in DOCS or target.is_relative_to(ROOT / "docs"), f"{page}: {link}: not part of the site"
        if anchor:
            found = headings(target)
            assert anchor in map(github_anchor, found), f"{page}: {link}: no such heading on GitHub"
            assert anchor in map(site_anchor, found), f"{page}: {link}: no such heading on the site"


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    assert named == {page.relative_to(ROOT / "docs").as_posix() for page in DOCS}


class _Addresses(HTMLParser):
    """The ids of a built page, and the addresses that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.addresses.append(value)


@pytest.mark.thorough
def test_the_built_site_has_no_broken_link(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason='the site needs pip install -e ".[docs]"')
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    pages = {}
    for file in tmp_path.rglob("*.html"):
        pages[file] = _Addresses()
        pages[file].feed(file.read_text(encoding="utf-8"))
    assert len(pages) > len(DOCS)
    for file, found in pages.items():
        for address in found.addresses:
            if re.match(r"[a-z]+:|//", address) or file.name == "404.html":
                continue
            place, _, anchor = unquote(address).partition("#")
            target = (file.parent / place.partition("?")[0]).resolve() if place else file
            assert target.exists(), f"{file.name}: {address}"
            assert not anchor or anchor in pages[target].ids, f"{file.name}: {address}"


def test_readme_is_short_and_shows_a_picture() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    assert len(re.findall(r"\d[\d,.]*", text)) <= 60
    pictures = [link for link in links(ROOT / "README.md") if link.endswith((".png", ".svg"))]
    assert pictures
    assert all((ROOT / picture).stat().st_size < 300_000 for picture in pictures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_exist(page: Path) -> None:
    """Names in code that begin with a folder of the checkout; where one is chosen freely (`<name>`), its folder."""
    folders = "envs|agents|sim2real|tests|configs|docs|benchmarks|examples|tools"
    for name in re.findall(rf"`((?:{folders})/[\w./<>*-]*)`", page.read_text(encoding="utf-8")):
        fixed = name.partition("<")[0].rpartition("/")[0] if "<" in name else name
        assert list(ROOT.glob(fixed)) if "*" in fixed else (ROOT / fixed).exists(), f"{page}: {name}: no such file"
