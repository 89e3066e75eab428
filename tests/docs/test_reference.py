"""The generated tables of docs/ are those of the code."""

from __future__ import annotations

import importlib.util

import pytest
from pages import DOCS, ROOT


def test_generated_tables_are_current() -> None:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    texts = {page: page.read_text(encoding="utf-8") for page in DOCS}
    old = [page.name for page, text in texts.items() if reference.renew(text) != text]
    if old:
        pytest.fail(f"{', '.join(old)}: not current; run `make reference`")
    used = {name for text in texts.values() for name in reference.REGIONS.findall(text)}
    assert used == set(reference.TABLES)
