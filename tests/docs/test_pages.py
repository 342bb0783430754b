"""Every code block of the documentation runs and prints what stands below it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs"


def _render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["render"] = module
    spec.loader.exec_module(module)
    return module


render = _render()


@pytest.mark.parametrize("page", render.pages(), ids=lambda page: page.stem)
def test_the_page_shows_what_its_code_prints(page: Path) -> None:
    wrong = [f"line {b.line} prints\n{b.printed}" for b in render.run_page(page) if not b.agrees]
    assert not wrong, "\n".join(["python docs/render.py rewrites the pages:", *wrong])


def test_a_block_that_prints_something_else_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    assert [block.agrees for block in render.run_page(page)] == [False]
    page.write_text(render.rewritten(page))
    assert [block.agrees for block in render.run_page(page)] == [True]


def test_links_lead_somewhere() -> None:
    for page in render.pages():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (FOLDER / target).exists(), f"{page.name} links to {target}"
