"""What the documentation shows of results is what the dated records say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gavelopt.bench.promises import broken
from gavelopt.bench.records import read_records
from gavelopt.report.bench import bench_view
from gavelopt.report.layout import plain

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted((ROOT / "benchmarks" / "results").glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_dated_records_keep_every_promise(path: Path) -> None:
    assert broken(read_records(path)) == []


def test_the_documentation_shows_the_records() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = re.search(r"gavelopt report (\S+\.gz)\n```\n\n```text\n(.*?)```", page, re.S)
    assert shown is not None
    printed = plain(bench_view(read_records(ROOT / shown.group(1))), 100)
    assert shown.group(2).strip() == printed.strip(), (
        f"docs/benchmarks.md is to show what this prints: {shown.group(0)[:60]}"
    )


def test_the_readme_shows_an_excerpt() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"An excerpt of what `gavelopt report.*?```text\n(.*?)```", readme, re.S)
    assert shown is not None
    assert [line for line in shown.group(1).splitlines() if line not in page] == []
    assert len(shown.group(1).splitlines()) > 20
