"""Pictures of benchmark records: quality, gap against time, performance profiles, the price of fairness, growth with size.

Every function takes records and returns a matplotlib Figure, or None where the records have nothing to draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gavelopt.bench.statistics import Record, Row, gaps, profile, rows
from gavelopt.report.bench import SYSTEMS, by_question, percent, plain_solves
from gavelopt.report.plots import _bare, _figure

EXACT, FAST = "#1f4e79", "#2a9d8f"
OTHERS = (
    *("#c26a3d", "#8e6bb0", "#b5a13c", "#c2527a", "#6f7f8f", "#4f8a3c", "#3c8aa8", "#7a3b1d"),
    *("#e08fb0", "#5b5ea6", "#9bbf4d", "#d9a441", "#40514e", "#a83232", "#8bb8d6", "#b08968"),
)
INK, FAINT = "#222831", "#d9dee5"
SMALLEST_GAP = 1e-6  # gaps below it are drawn as it: optimal
PANEL = (4.6, 3.4)  # inches
TALL = 32  # lines above which the methods stand in two columns


def colours(methods: Iterable[str]) -> dict[str, str]:
    """One colour a method, the same in every picture of the same records."""
    known = {"exact": EXACT, "fast": FAST}
    others = [name for name in dict.fromkeys(methods) if name not in known]
    return {**known, **{name: OTHERS[at % len(OTHERS)] for at, name in enumerate(others)}}


def quality_plot(records: Sequence[Record]) -> Any:
    """Share of the optimum by method, with its interval and the worst instance; one block a question."""
    compared, _ = by_question(rows(plain_solves(records)))
    blocks = [(name, [r for r in together if r.method != "exact" and r.of_exact]) for name, together in compared]
    blocks = [(name, found) for name, found in blocks if found and name[0] in SYSTEMS]
    if not blocks:
        return None
    columns = _balanced(blocks)
    tallest = max(sum(len(found) + 1 for _, found in column) for column in columns)
    figure = _figure((7.0 * len(columns), 0.9 + 0.25 * tallest), interactive=False)
    paint = colours(record["method"] for record in records)
    for axes, column in zip(figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True):
        _quality_column(axes, column, paint, tallest)
    return figure


def _balanced(blocks: list[tuple[Any, list[Row]]]) -> list[list[tuple[Any, list[Row]]]]:
    """The blocks in one column, or in two of about the same height."""
    height = [len(found) + 1 for _, found in blocks]
    if sum(height) <= TALL:
        return [blocks]
    cut = int(np.searchsorted(np.cumsum(height), sum(height) / 2)) + 1
    return [blocks[:cut], blocks[cut:]]


def _quality_column(axes: Any, blocks: list[tuple[Any, list[Row]]], paint: dict[str, str], tallest: int) -> None:
    at = 0
    for (system, question), found in blocks:
        axes.text(0.0, at, f"{system}: {question}", fontsize=9, fontweight="bold", color=INK, va="center")
        for row in found:
            at += 1
            _quality_line(axes, at, row, paint[row.method])
        at += 1
    axes.axvline(100, color=EXACT, linewidth=1)
    axes.set_ylim(tallest - 0.4, -0.8)
    axes.set_xlim(0, 116)
    axes.set_yticks([])
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xticks(range(0, 101, 20), [f"{tick} %" for tick in range(0, 101, 20)])
    axes.set_xlabel("share of the optimum: geometric mean, 95 % interval, worst instance (|)", fontsize=9)
    axes.spines["left"].set_visible(False)
    _bare(axes)


def _quality_line(axes: Any, at: int, row: Row, colour: str) -> None:
    mean = row.of_exact
    assert mean is not None
    axes.plot([100 * mean.least, 100 * mean.value], [at, at], color=colour, alpha=0.35, linewidth=1, zorder=1)
    if mean.low is not None and mean.high is not None:
        axes.plot([100 * mean.low, 100 * mean.high], [at, at], color=colour, linewidth=4, alpha=0.45, zorder=2)
    axes.plot(100 * mean.least, at, marker="|", color=colour, markersize=9, zorder=2)
    axes.plot(100 * mean.value, at, marker="o", color=colour, markersize=5, zorder=3)
    axes.text(-1.5, at, row.method, fontsize=8.5, ha="right", va="center", color=INK)
    axes.text(115.5, at, percent(mean.value), fontsize=8.5, ha="right", va="center", color=INK)


def gap_plot(records: Sequence[Record]) -> Any:
    """Gap to the best proved bound against seconds: a point an answer, a cross for the medians of a method."""
    found = [(r, max(gap, SMALLEST_GAP)) for r, gap in gaps(plain_solves(records)) if r["system"] in SYSTEMS]
    compared, _ = by_question(rows(r for r, _ in found))
    if not compared:
        return None
    paint = colours(record["method"] for record in records)
    figure, axes = _panels(len(compared))
    for ((system, question), _), place in zip(compared, axes, strict=True):
        here = [(r, gap) for r, gap in found if (r["system"], r["question"]) == (system, question)]
        for method in dict.fromkeys(r["method"] for r, _ in here):
            seconds, gap_of = np.array([(max(r["solve_s"], 1e-5), g) for r, g in here if r["method"] == method]).T
            place.scatter(seconds, gap_of, s=14, color=paint[method], alpha=0.5, linewidths=0)
            middle = np.median(seconds), np.median(gap_of)
            place.plot(*middle, "P", markersize=9, color=paint[method], markeredgecolor="white", label=method)
        place.set_yscale("log")
        place.set_ylim(SMALLEST_GAP / 2, 2)
        _gap_ticks(place, "y")
        place.set_ylabel("gap to the best proved bound", fontsize=8)
        _logarithmic(place, f"{system}: {question}", "seconds in the method")
        place.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def profile_plot(records: Sequence[Record]) -> Any:
    """Performance profiles: the share of questions on which a method is within a gap of the best proved bound."""
    solves = plain_solves(records)
    panels = [name for name in _systems(solves) if name in SYSTEMS]
    if not panels:
        return None
    paint = colours(record["method"] for record in solves)
    figure, axes = _panels(len(panels))
    for system, place in zip(panels, axes, strict=True):
        own = [record for record in solves if record["system"] == system]
        lines = profile(own, list(dict.fromkeys(r["method"] for r in own)))
        for at, (method, gap) in enumerate(lines.items()):
            level = np.arange(1, len(gap) + 1) / len(gap)
            edges = np.maximum(np.append(gap, np.inf), SMALLEST_GAP)
            reached = np.append(level, level[-1] if np.isfinite(gap[-1]) else np.isfinite(gap).mean())
            inside = np.isfinite(edges)
            x = np.concatenate([[SMALLEST_GAP / 2], edges[inside], [1.0]])
            y = np.concatenate([[0.0], reached[inside], [np.isfinite(gap).mean()]])
            place.step(x, y, where="post", color=paint[method], label=method, linewidth=max(1.4, 4.5 - 0.8 * at))
        _logarithmic(place, system, "within this gap of the best proved bound")
        place.set_xlim(SMALLEST_GAP / 2, 1)
        _gap_ticks(place, "x")
        place.set_ylim(0, 1.04)
        place.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"], fontsize=8)
        place.set_ylabel("of the questions", fontsize=8)
        place.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def fairness_plot(records: Sequence[Record]) -> Any:
    """The price of fairness: smallest against mean normalised throughput as p goes from 1 to -inf."""
    points = sorted(
        (_power(r["question"]), r["evenness"]["mean"], r["evenness"]["least"])
        for r in records
        if r.get("evenness") and r["method"] == "exact" and "p=" in r["question"] and _alone(r, records)
    )
    if len(points) < 3:
        return None
    power, mean, least = (np.array(column) for column in zip(*points, strict=True))
    figure = _figure((6.2, 4.2), interactive=False)
    axes = figure.subplots()
    axes.plot(mean, least, "-", color=FAINT, linewidth=2, zorder=1)
    image = axes.scatter(mean, least, c=np.arange(len(power)), cmap="viridis", s=48, zorder=2)
    image.set_edgecolor("white")
    for p, x, y in points:
        name = {-np.inf: "p = −∞ (max-min)", 0.0: "p = 0 (proportional fairness)", 1.0: "p = 1 (sum)"}.get(
            p, f"p = {p:g}"
        )
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(8, 5), fontsize=8, color=INK)
    axes.set_xlabel("mean normalised throughput (efficiency)", fontsize=9)
    axes.set_ylabel("smallest normalised throughput (fairness)", fontsize=9)
    axes.margins(x=0.18, y=0.12)
    axes.set_title("what fairness costs", fontsize=10)
    _bare(axes)
    return figure


def growth_plot(records: Sequence[Record]) -> Any:
    """Seconds in the method against the number of consumers, by method; questions with three sizes or more."""
    solves = [r for r in plain_solves(records) if r["value"] is not None]
    sized: dict[tuple[str, str], dict[str, dict[int, list[float]]]] = {}
    for r in solves:
        by_method = sized.setdefault((r["system"], r["question"]), {}).setdefault(r["method"], {})
        by_method.setdefault(r["instance_of"]["size"][0], []).append(max(r["solve_s"], 1e-5))
    chosen = {name: methods for name, methods in sized.items() if max(map(len, methods.values())) >= 2}
    chosen = {name: found for name, found in chosen.items() if name[0] == "Scaling"} or chosen
    if not chosen:
        return None
    paint = colours(r["method"] for r in solves)
    figure, axes = _panels(len(chosen))
    for ((system, question), methods), place in zip(chosen.items(), axes, strict=True):
        for method, by_size in methods.items():
            sizes = sorted(by_size)
            middle = [float(np.exp(np.mean(np.log(by_size[size])))) for size in sizes]
            place.plot(sizes, middle, "o-", color=paint[method], label=method, markersize=4)
        _logarithmic(place, f"{system}: {question}", "jobs (sessions, models)")
        place.set_yscale("log")
        _decades(place.yaxis, place.get_ylim())
        place.set_ylabel("seconds in the method", fontsize=8)
        place.legend(fontsize=7, frameon=False)
    return figure


def _systems(records: Iterable[Record]) -> list[str]:
    """Systems of which several methods answered, the four of the papers first."""
    methods: dict[str, set[str]] = {}
    for record in records:
        methods.setdefault(record["system"], set()).add(record["method"])
    several = [name for name, known in methods.items() if len(known) > 1]
    return sorted(several, key=lambda name: SYSTEMS.index(name) if name in SYSTEMS else len(SYSTEMS))


def _alone(record: Record, records: Sequence[Record]) -> bool:
    """Whether the record is of the instance on which most powers were tried."""
    tried: dict[tuple[str, int], set[str]] = {}
    for other in records:
        if other.get("evenness") and "p=" in other["question"] and other["method"] == "exact":
            tried.setdefault((other["instance"], other["seed"]), set()).add(other["question"])
    most = max(tried, key=lambda name: len(tried[name]))
    return (record["instance"], record["seed"]) == most


def _power(question: str) -> float:
    return float(question.split("p=")[1].split(",")[0].rstrip(")"))


def _panels(count: int) -> tuple[Any, list[Any]]:
    """A figure of panels, two a row (three in one); those left over are hidden."""
    columns = count if count <= 3 else 2
    lines = -(-count // columns)
    figure = _figure((PANEL[0] * columns, PANEL[1] * lines), interactive=False)
    axes = list(np.atleast_1d(figure.subplots(lines, columns)).ravel())
    for unused in axes[count:]:
        unused.set_visible(False)
    return figure, axes[:count]


def _logarithmic(axes: Any, title: str, label: str) -> None:
    axes.set_xscale("log")
    _decades(axes.xaxis, axes.get_xlim())
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    _bare(axes)


def _decades(axis: Any, limits: tuple[float, float]) -> None:
    """Whole decades with a label at each, however little the figures vary."""
    from matplotlib.ticker import LogFormatterMathtext, LogLocator, NullFormatter

    low, high = np.floor(np.log10(limits[0])), np.ceil(np.log10(limits[1]))
    (axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim)(10.0**low, 10.0**high)
    axis.set_major_locator(LogLocator(numticks=12))
    axis.set_major_formatter(LogFormatterMathtext())
    axis.set_minor_formatter(NullFormatter())


def _gap_ticks(axes: Any, which: str) -> None:
    places = [SMALLEST_GAP, 1e-4, 1e-2, 1e-1, 1.0]
    names = ["optimal", "0.01 %", "1 %", "10 %", "100 %"]
    (axes.set_yticks if which == "y" else axes.set_xticks)(places, names, fontsize=8)
    axes.minorticks_off()
