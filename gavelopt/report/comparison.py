"""A comparison as a picture and in notebooks: how near each method is to the shared bound, and what it took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavelopt.errors import InputError
from gavelopt.report import words
from gavelopt.report.layout import USUAL, recorder
from gavelopt.report.plots import COLOUR, SCARCE, _bare, _figure, check_picture
from gavelopt.report.text import HTML, comparison_view

if TYPE_CHECKING:
    from gavelopt.engine.compare import Comparison

LEAST_S = 1e-4  # seconds that still show as a bar
FAINT = "#d9dee5"


def comparison_html(comparison: Comparison) -> str:
    """The table of the comparison as HTML, for notebooks."""
    console = recorder(USUAL)
    console.print(comparison_view(comparison))
    return console.export_html(inline_styles=True, code_format=HTML)


def plot_comparison(comparison: Comparison, path: str | Path | None = None) -> Any:
    """Two bars a method: its share of the best proved bound, and its seconds. Written to ``path`` where one is given.

    Returns the matplotlib Figure. Raises InputError where no method has an answer, without matplotlib (extra ``plot``), or
    for a path that cannot be written.
    """
    rows = comparison.rows()
    if not any(row["value"] is not None for row in rows):
        raise InputError("nothing to plot", seen="no method has an answer")
    path = None if path is None else check_picture(path)
    figure = _figure((9.0, 1.3 + 0.36 * len(rows)), interactive=path is None)
    quality, time = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _quality(quality, rows, comparison.policy.sense)
    _seconds(time, rows)
    names = [f"{row['method']} ({row['guarantee']})" for row in rows]
    quality.set_yticks(range(len(rows)), names, fontsize=9)
    quality.set_ylim(len(rows) - 0.4, -0.6)
    bound = "no bound" if comparison.bound is None else f"bound {words.number(comparison.bound)} (proved)"
    figure.suptitle(f"{comparison.policy.describe()}: {bound}", fontsize=11)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def part_of_bound(gap: float, sense: str) -> float:
    """The share of the bound that an answer with this gap reaches."""
    return max(0.0, 1.0 - gap) if sense == "max" else 1.0 / (1.0 + gap)


def _quality(axes: Any, rows: list[dict[str, Any]], sense: str) -> None:
    for at, row in enumerate(rows):
        if row["value"] is None or row["gap"] is None:
            axes.text(
                1, at, row["status"] if row["value"] is None else "no bound", fontsize=9, va="center", color=SCARCE
            )
            continue
        part = 100 * part_of_bound(row["gap"], sense)
        axes.barh(at, 100, color=FAINT, height=0.6)
        axes.barh(at, part, color=COLOUR if row["guarantee"] != "heuristic" else SCARCE, height=0.6)
        label = f"{words.number(row['value'])}, gap {words.gap(row['gap'])}"
        inside = part > 45
        axes.text(
            1.5 if inside else part + 1.5, at, label, fontsize=8.5, va="center", color="white" if inside else "#222831"
        )
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, 25), [f"{tick} %" for tick in range(0, 101, 25)], fontsize=8)
    axes.set_title("of the best proved bound", fontsize=10)
    _bare(axes)


def _seconds(axes: Any, rows: list[dict[str, Any]]) -> None:
    seconds = [max(row["seconds"], LEAST_S) for row in rows]
    axes.barh(range(len(rows)), seconds, color="#8a97a6", height=0.6, left=LEAST_S / 2)
    for at, row in enumerate(rows):
        axes.text(seconds[at] * 1.3, at, words.seconds(row["seconds"]), fontsize=8.5, va="center")
    axes.set_xscale("log")
    axes.set_xlim(LEAST_S / 2, max(seconds) * 12)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title("seconds", fontsize=10)
    _bare(axes)
