"""A replay as text: the figures, the percentiles, the jobs (or the models) that fared worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gavelopt.model.arrays import FloatArray
from gavelopt.replay.result import Replay
from gavelopt.replay.serving import ServingReport
from gavelopt.replay.timeline import Completions, Timeline
from gavelopt.report import words
from gavelopt.report.layout import facts, notes, plain, sheet

SHOWN = 12  # rows in the table; more would push the figures off the screen


def replay_text(replay: Completions) -> str:
    """The replay as plain text."""
    return plain(replay_view(replay))


def replay_view(replay: Completions) -> RenderableType:
    """Headline, facts, and the jobs: all of a short trace, otherwise those that took longest. Of requests: the models."""
    if isinstance(replay, ServingReport):
        return _serving(replay)
    assert isinstance(replay, Timeline)
    done = f"{int(replay.finished.sum()):,} of {words.count(len(replay.finished), 'job')} done"
    unit = Unit.fitting(np.concatenate([replay.arrival_s, replay.finish_s]))
    parts: list[RenderableType] = [Text(f"{replay.scheduler} ({replay.mode}): {done}", style="bold")]
    parts.append(_facts(replay, unit))
    if len(replay.finished):
        parts += ["", _jobs(replay, unit)]
    if replay.warnings:
        parts += ["", notes(replay.warnings)]
    return Group(*parts)


@dataclass(frozen=True)
class Unit:
    """What the times of one view are written in, so that a column of them can be compared at a glance."""

    seconds: float
    name: str
    decimals: int

    @classmethod
    def fitting(cls, times: FloatArray) -> Unit:
        """Hours for a trace of more than two; otherwise seconds, whole where all are."""
        known = times[np.isfinite(times)]
        if known.max(initial=0.0) > 2 * words.HOUR_S:
            return cls(words.HOUR_S, "h", 2)
        whole = bool((np.abs(known - np.rint(known)) < 1e-6).all())
        return cls(1.0, "s", 0 if whole else 1 if known.max(initial=0.0) >= 10 else 3)

    def cell(self, value: float) -> str:
        """A number of this unit, without its name; "never" for NaN."""
        return "never" if np.isnan(value) else f"{value / self.seconds:,.{self.decimals}f}"

    def text(self, *values: float) -> str:
        """Numbers with the unit behind the last; a mean of whole seconds keeps a decimal where it has one."""
        digits = self.decimals or (1 if any(abs(v - round(v)) > 1e-6 for v in values) else 0)
        return " / ".join(f"{value / self.seconds:,.{digits}f}" for value in values) + f" {self.name}"


def _facts(replay: Timeline, unit: Unit) -> RenderableType:
    figures, grid = replay.summary(), facts()
    if figures["finished"]:
        _times(grid, figures, "JCT", unit)
        grid.add_row("queueing", f"{unit.text(figures['mean_queueing_s'])} on average")
        grid.add_row("makespan", unit.text(figures["makespan_s"]))
    if isinstance(replay, Replay):
        _fairness(grid, figures)
    used = ", ".join(f"{name} {100 * part:.1f} %" for name, part in figures["utilization"].items() if part == part)
    grid.add_row("in use", used or "nothing")
    grid.add_row("preemptions", f"{figures['preemptions']:,}")
    if isinstance(replay, Replay):
        _promises(grid, replay, figures, unit)
    if figures.get("worst_gap") is not None:
        grid.add_row("gap", f"{words.gap(figures['worst_gap'])} at worst, of any plan")
    if figures["cost"] is not None:
        grid.add_row("cost", words.number(figures["cost"]))
    _computed(grid, figures)
    return grid


def _times(grid: Table, figures: dict[str, Any], noun: str, unit: Unit) -> None:
    grid.add_row(f"mean {noun}", unit.text(figures["mean_jct_s"]))
    grid.add_row("p50 / p90 / p99", unit.text(*(figures[f"p{q}_jct_s"] for q in (50, 90, 99))))


def _fairness(grid: Table, figures: dict[str, Any]) -> None:
    if figures["mean_rho"] == figures["mean_rho"]:
        grid.add_row("rho", f"{figures['mean_rho']:.3f} on average, {figures['worst_rho']:.3f} at worst")


def _promises(grid: Table, replay: Replay, figures: dict[str, Any], unit: Unit) -> None:
    """What a policy promised and what deadlines asked."""
    if figures["leases_kept"] is not None:
        grid.add_row("leases kept", f"{100 * figures['leases_kept']:.1f} %")
    if replay.deviation_s is not None and replay.mode == "rounds" and len(replay.deviation_s):
        worst = float(replay.deviation_s.max())
        grid.add_row("off X", f"{unit.text(worst)} at most (promised against received, any job and type)")
    if replay.instance.jobs.deadline_s is not None:
        grid.add_row("late", words.count(figures["slo_violations"], "job"))


def _computed(grid: Table, figures: dict[str, Any]) -> None:
    solved = f", {words.count(figures['solves'], 'solve')} in {words.seconds(figures['solve_s'])}"
    grid.add_row("computed in", words.seconds(figures["seconds"]) + (solved if figures["solves"] else ""))


def _jobs(replay: Timeline, unit: Unit) -> RenderableType:
    jct = np.where(replay.finished, replay.jct_s, np.inf)
    few = len(jct) <= SHOWN
    rows = np.arange(len(jct)) if few else np.argsort(-jct, kind="stable")[:SHOWN]
    rho = replay.rho if isinstance(replay, Replay) else None
    table = sheet()
    table.add_column("job" if few else "slowest jobs", overflow="fold")
    heads = [f"{head} ({unit.name})" for head in ("arrival", "start", "finish", "JCT")]
    for head in (*heads, *(() if rho is None else ("rho",)), "stops"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows.tolist():
        times = [replay.arrival_s[row], replay.start_s[row], replay.finish_s[row], replay.jct_s[row]]
        cells = [unit.cell(float(value)) for value in times]
        if rho is not None:
            cells.append("never" if np.isnan(rho[row]) else f"{rho[row]:.3f}")
        table.add_row(Text(words.printable(replay.names[row])), *cells, f"{int(replay.preemptions[row]):,}")
    return table


def _serving(report: ServingReport) -> RenderableType:
    """Requests: how many in time, how fast, by which groups, and the models that fared worst."""
    figures, grid = report.summary(), facts()
    share = f"{100 * figures['attainment']:.2f} % of {words.count(figures['requests'], 'request')} in time"
    if figures["finished"]:
        _times(grid, figures, "latency", Unit(1e-3, "ms", 1))
    used = ", ".join(f"{100 * part:.1f} %" for part in list(figures["utilization"].values())[:SHOWN])
    more = len(figures["utilization"]) - SHOWN
    grid.add_row("groups in use", (used or "none") + (f", {more} more" if more > 0 else ""))
    grid.add_row("late or dropped", words.count(figures["slo_violations"], "request"))
    _computed(grid, figures)
    title = Text(f"{report.scheduler} ({report.mode}): {share}", style="bold")
    warnings = report.instance.warnings
    return Group(title, grid, "", _models(report), *(["", notes(warnings)] if warnings else []))


def _models(report: ServingReport) -> RenderableType:
    names, asked = report.instance.models.names, report.workload.per_model(len(report.instance.models))
    met = np.where(asked > 0, report.attainment_per_model, np.inf)
    few = len(names) <= SHOWN
    rows = np.arange(len(names)) if few else np.argsort(met, kind="stable")[:SHOWN]
    table = sheet()
    table.add_column("model" if few else "worst models", no_wrap=True)
    for head in ("requests", "objective (s)", "in time"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows.tolist():
        part = f"{100 * met[row]:.2f} %" if asked[row] else "·"
        objective = words.number(float(report.instance.models.slo_s[row]))
        table.add_row(Text(words.printable(names[row])), f"{int(asked[row]):,}", objective, part)
    return table


def sweep_view(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """One row a (scheduler, load): means over the seeds. Loads and seeds are shown where there are any."""
    loads, groups = any(row["load"] is not None for row in rows), _alike(rows)
    seeds = any(len(mine) > 1 for mine in groups.values())
    unit = Unit.fitting(np.array([row["makespan_s"] + 0.5 for row in rows]))
    figures = _of_requests() if "attainment" in rows[0] else _of_jobs(unit)
    table = sheet()
    table.add_column("\nscheduler", overflow="fold")
    for head in ("\nmode", *(["\njobs/h"] if loads else []), *(["\nseeds"] if seeds else []), *figures):
        table.add_column(head, justify="left" if head == "\nmode" else "right", no_wrap=True)
    for (scheduler, mode, load), mine in groups.items():
        cells = ["at once" if load is None else f"{load:g}"] * loads + [str(len(mine))] * seeds
        for name, write in figures.values():
            cells.append(write(float(np.mean([row.get(name, np.nan) for row in mine]))))
        table.add_row(scheduler, mode, *cells)
    return table


def _alike(rows: Sequence[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """The rows of each (scheduler, mode, load)."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["scheduler"], row["mode"], row["load"]), []).append(row)
    return groups


def _of_jobs(unit: Unit) -> dict[str, tuple[str, Callable[[float], str]]]:
    """head: (figure, how it is written)."""
    times = {"mean\nJCT ": "mean_jct_s", "p99\nJCT ": "p99_jct_s", "makespan\n": "makespan_s"}
    found: dict[str, tuple[str, Callable[[float], str]]] = {
        f"{head}({unit.name})": (name, unit.cell) for head, name in times.items()
    }
    return found | {"mean\nrho": ("mean_rho", lambda rho: "·" if np.isnan(rho) else f"{rho:.3f}")}


def _of_requests() -> dict[str, tuple[str, Callable[[float], str]]]:
    milli = Unit(1e-3, "ms", 1)
    return {
        "\nin time": ("attainment", lambda part: f"{100 * part:.2f} %"),
        "mean latency\n(ms)": ("mean_jct_s", milli.cell),
        "p99\n(ms)": ("p99_jct_s", milli.cell),
    }
