"""Pictures of plans that are more than a matrix: duty cycles of GPUs, stages of queries, device groups, nodes.

One row a GPU (a stage, a group, a node), one colour a consumer, what is left over in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.model.placement import Placement
from gavelopt.model.solution import Solution
from gavelopt.model.split_plan import SplitPlan
from gavelopt.report import words

ROWS = 32  # rows that are drawn; the picture says how many more there are
FAINT, INK = "#d9dee5", "#222831"
SMALLEST = 0.06  # part of the width that a name needs


@dataclass(frozen=True)
class Bar:
    """One row: its name, the parts (name, length, colour number), and the length that there is."""

    name: str
    parts: Sequence[tuple[str, float, int]]
    whole: float


@dataclass(frozen=True)
class Bars:
    """A picture of rows. unit: what the lengths are measured in; title: what a row is."""

    rows: Sequence[Bar]
    unit: str
    title: str


def plan_bars(solution: Solution) -> Bars | None:
    """The rows of a solution's plan; None for instances whose plan is the matrix."""
    kind = solution.instance.kind
    if kind == "packing":
        return _stages(solution) if isinstance(solution.plan, SplitPlan) else _duty_cycles(solution)
    return {"placement": _groups, "elastic": _nodes}.get(kind, _no_bars)(solution)


def draw_bars(figure: Any, bars: Bars) -> None:
    """Draw the rows on a figure."""
    from matplotlib import colormaps

    colours = colormaps["tab20"]
    axes, shown = figure.subplots(), bars.rows[:ROWS]
    longest = max((bar.whole for bar in shown), default=1.0)
    for at, bar in enumerate(shown):
        axes.barh(at, bar.whole, color=FAINT, height=0.72)
        start = 0.0
        for name, length, number in bar.parts:
            axes.barh(at, length, left=start, color=colours(number % 20), height=0.72, edgecolor="white", linewidth=0.6)
            if length > SMALLEST * longest:
                text = _fitting(name, length / longest)
                ink = INK if _light(colours(number % 20)) else "white"
                axes.text(start + length / 2, at, text, ha="center", va="center", fontsize=7.5, color=ink)
            start += length
    axes.set_yticks(range(len(shown)), [_fitting(bar.name, 0.4) for bar in shown], fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel(bars.unit, fontsize=9)
    more = len(bars.rows) - len(shown)
    axes.set_title(bars.title + (f" ({more:,} more rows not drawn)" if more else ""), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def height(bars: Bars) -> float:
    """Inches that the picture needs."""
    return 1.5 + 0.3 * max(2, min(len(bars.rows), ROWS))


def _fitting(name: str, part: float) -> str:
    """A name cut to the room of its bar, without meaning for matplotlib."""
    text, room = words.printable(name), max(2, int(95 * part))
    return (text if len(text) <= room else text[: room - 1] + "…").replace("$", r"\$")


def _light(colour: Sequence[float]) -> bool:
    """Whether dark words are read better on this colour than white ones."""
    return bool(np.dot(colour[:3], (0.299, 0.587, 0.114)) > 0.55)


def _no_bars(solution: Solution) -> Bars | None:
    return None


def _duty_cycles(solution: Solution) -> Bars:
    """A GPU a row: the parts of its duty cycle in which it runs each session's batch."""
    instance, plan = solution.instance, solution.plan
    rows = plan.rows(instance)
    number = {name: at for at, name in enumerate(plan.sessions)}
    bars = []
    for gpu, cycle in enumerate(plan.cycles):
        own = [row for row in rows if row["gpu"] == gpu]
        parts = [(f"{row['session']} x {row['batch']}", row["share"], number[row["session"]]) for row in own]
        name = f"{cycle.count} x {plan.accelerators[cycle.accelerator]}, {cycle.duty_us / 1000:.4g} ms"
        bars.append(Bar(name, parts, 1.0))
    return Bars(bars, "part of the duty cycle (session x batch)", "duty cycles of the GPUs")


def _stages(solution: Solution) -> Bars:
    """A stage a row: the time that its batch takes, of the time that it may take."""
    bars = [
        Bar(
            f"{row['query']}/{row['stage']}: {row['gpus']:.3g} GPUs",
            [(f"batch {row['batch']}", row["latency_ms"], at)],
            max(row["budget_ms"], row["latency_ms"]),
        )
        for at, row in enumerate(solution.plan.rows(solution.instance))
    ]
    return Bars(bars, "ms: running a batch, of the budget (grey)", "stages of the queries")


def _groups(solution: Solution) -> Bars:
    """A device group a row: the memory of its fullest device by hosted model."""
    instance: Any = solution.instance
    plan = solution.plan
    groups = (
        plan.groups if isinstance(plan, Placement) else [g for placement in plan.placements for g in placement.groups]
    )
    tables = instance.tables
    bars = []
    for at, group in enumerate(groups):
        shape = tables.configurations.index(group.configuration)
        parts = [(instance.models.names[m], float(tables.weight_gib[m, shape]), m) for m in group.models]
        size = group.configuration.size
        name = f"group {at}: {size} device{'s' if size > 1 else ''} {group.configuration}"
        bars.append(Bar(name, parts, max(instance.memory_gib, sum(part[1] for part in parts))))
    return Bars(
        bars,
        "GiB of weights on the fullest device, of the budget (grey)",
        "device groups (stages, width) and their models",
    )


def _nodes(solution: Solution) -> Bars:
    """A node a row: its GPUs by job."""
    instance: Any = solution.instance
    plan = np.asarray(solution.plan)
    names = instance.jobs.names
    kinds = instance.cluster.accelerators
    bars = [
        Bar(
            f"node {node} ({kinds[int(instance.node_type[node])]})",
            [(names[job], float(plan[job, node]), int(job)) for job in np.flatnonzero(plan[:, node])],
            float(instance.node_gpus[node]),
        )
        for node in range(plan.shape[1])
    ]
    return Bars(bars, "GPUs of the node", "jobs on the nodes")
