"""The generated tables of docs/ are those of the code."""

from __future__ import annotations

import pytest
import reference
from pages import DOCS


def test_generated_tables_are_current() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in DOCS}
    old = [page.name for page, text in texts.items() if reference.renew(text) != text]
    if old:
        pytest.fail(f"{', '.join(old)}: not current; run `make reference`")
    used = {name for text in texts.values() for name in reference.REGIONS.findall(text)}
    assert used == set(reference.TABLES)
