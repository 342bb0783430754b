"""The tables, the pictures and the page of records; the commands that write them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gavelopt.cli import app
from gavelopt.report import bench_plots
from gavelopt.report.bench import bench_view, between, percent, times
from gavelopt.report.bench_page import bench_page
from gavelopt.report.layout import plain

VOID = {"meta", "img", "input", "br"}


class Balanced(HTMLParser):
    """Checks that tags are closed in order, and notes what the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        self.tables += tag == "table"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag


def test_the_table(records: list[dict[str, Any]]) -> None:
    text = plain(bench_view(records), 100)
    assert "Gavel: max_min" in text
    exact = next(line for line in text.splitlines() if line.startswith("  exact"))
    assert exact.split()[1:3] == ["100", "%"]
    assert "3/3" in exact
    assert "two-stage query" in text
    assert "agrees" in text
    assert "1 data file absent" in text
    assert "unknown policy" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_page_is_whole_and_needs_nothing(records: list[dict[str, Any]]) -> None:
    page = bench_page(records)
    reader = Balanced()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.tables == 3
    assert reader.loads
    assert all(source.startswith("data:image/svg+xml;base64,") for source in reader.loads)
    assert "the &lt;paper&gt;" in page
    assert "nothing &amp; all" in page
    for title in ("How far from the optimum", "Gap against time", "Published figures, reproduced", "Every run"):
        assert title in page
    assert "none beats a proved bound" in page
    assert "envy-freeness" in page


def test_the_page_shows_broken_promises(records: list[dict[str, Any]]) -> None:
    cheat = [{**record, "value": 1e9} if record["method"] == "greedy" else record for record in records]
    assert "Broken promises" in bench_page(cheat)


def test_no_records_make_an_empty_page() -> None:
    assert "0 answers" in bench_page([])
    for draw in (bench_plots.quality_plot, bench_plots.gap_plot, bench_plots.growth_plot, bench_plots.fairness_plot):
        assert draw([]) is None


def test_pictures_show_every_method(records: list[dict[str, Any]]) -> None:
    figure = bench_plots.quality_plot(records)
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"greedy", "Gavel: max_min"} <= words
    panels = bench_plots.gap_plot(records).axes
    assert {panel.get_title() for panel in panels if panel.get_visible()} >= {"Gavel: max_min"}
    legend = {text.get_text() for text in bench_plots.profile_plot(records).axes[0].get_legend().get_texts()}
    assert {"exact", "greedy"} <= legend


def test_words_of_figures() -> None:
    assert [percent(x) for x in (1.0, 0.99999, 0.9987, 0.5, 0.0)] == ["100 %", "99.99 %", "99.87 %", "50.0 %", "0.0 %"]
    assert [times(x) for x in (0.031, 1.0, 4321.0)] == ["x 0.031", "x 1", "x 4,321"]
    assert between(type("M", (), {"low": 0.9, "high": 0.95})()) == "90.0-95.0"  # type: ignore[arg-type]


def test_the_commands(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    assert records
    suite, out = tmp_path / "tiny.toml", tmp_path / "out"
    suite.write_text(
        '[[case]]\ninstance = "gavel"\npolicy = "max_min"\nmethod = ["exact", "greedy"]\nsystem = "Gavel"\n'
    )
    run = CliRunner()
    done = run.invoke(app, ["bench", str(suite), "--out", str(out), "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "Gavel: max_min" in done.stdout
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    again = run.invoke(app, ["report", str(out / "records.jsonl"), "-o", str(tmp_path / "page.html")])
    assert again.exit_code == 0
    shown = run.invoke(app, ["report", str(out / "records.jsonl")])
    assert shown.stdout == done.stdout
    assert (tmp_path / "page.html").read_text() == (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "nexsu"], "did you mean 'nexus'"),
        (["bench", "nexus", "--jobs", "0"], "--jobs out of range"),
        (["report", "nowhere.jsonl"], "no such file of records"),
    ],
)
def test_mistakes(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_file_without_runs_is_no_report(tmp_path: Path) -> None:
    empty = tmp_path / "records.jsonl"
    empty.touch()
    done = CliRunner().invoke(app, ["report", str(empty)])
    assert done.exit_code == 2
    assert "no runs to report" in done.stderr
