"""What the documentation shows of results is what the dated records say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

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


SCALING = ROOT / "benchmarks" / "results" / "scaling-2026-11-21-8-types.jsonl"


def scaling_rows() -> list[str]:
    """One row a policy: a million jobs to a certified gap of 1e-6, and rivals at 1e5 jobs as multiples of our engine."""
    records = [json.loads(line) for line in SCALING.read_text(encoding="utf-8").splitlines()]
    found = {(each["policy"], each["jobs"], each["method"]): each for each in records}
    rows = []
    for policy in dict.fromkeys(each["policy"] for each in records):
        million, smaller = (
            found[policy, 1_000_000, "fast"],
            found[policy, 100_000, "fast"]["to_gap"]["1e-06"]["seconds"],
        )
        seconds = million["to_gap"]["1e-06"]["seconds"]
        ours = f"{1e3 * seconds:.0f} ms | {seconds / million['stream_s']:.0f} | {million['call_s']:.2f} s"
        others = [times(found.get((policy, 100_000, name)), smaller) for name in ("highs-ipm", "cvxpy", "pop")]
        rows.append(f"| {policy} | {ours} | {' | '.join(others)} |")
    return rows


def times(rival: dict[str, Any] | None, ours: float) -> str:
    if rival is None:
        return "not linear"
    if rival.get("call_s") is None:
        return "failed"
    most = "> " if rival["status"] == "time_limit" else ""
    gap = f" (gap {rival['gap']:.0e})" if rival["status"] == "bounded" else ""
    return f"{most}{rival['call_s'] / ours:.0f}x{gap}"


@pytest.mark.parametrize("page", ["README.md", "docs/benchmarks.md"])
def test_scaling_figures_are_those_of_the_record(page: str) -> None:
    shown = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert [row for row in scaling_rows() if row not in shown] == []
