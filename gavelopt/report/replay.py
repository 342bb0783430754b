"""A replay as text: the figures, the percentiles, the jobs (or the models) that fared worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

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
    parts: list[RenderableType] = [Text(f"{replay.scheduler} ({replay.mode}): {done}", style="bold"), _facts(replay)]
    if len(replay.finished):
        parts += ["", _jobs(replay)]
    if replay.warnings:
        parts += ["", notes(replay.warnings)]
    return Group(*parts)


def _facts(replay: Timeline) -> RenderableType:
    figures, grid = replay.summary(), facts()
    if figures["finished"]:
        _times(grid, figures, "JCT")
        grid.add_row("queueing", f"{words.quantity(figures['mean_queueing_s'], 's')} on average")
        grid.add_row("makespan", words.quantity(figures["makespan_s"], "s"))
    if figures.get("mean_rho", np.nan) == figures.get("mean_rho", np.nan):
        rho = f"{words.number(figures['mean_rho'])} on average, {words.number(figures['worst_rho'])} at worst"
        grid.add_row("rho", rho)
    used = ", ".join(f"{name} {100 * part:.1f} %" for name, part in figures["utilization"].items() if part == part)
    grid.add_row("in use", used or "nothing")
    grid.add_row("preemptions", f"{figures['preemptions']:,}")
    if isinstance(replay, Replay):
        _promises(grid, replay, figures)
    if figures.get("worst_gap") is not None:
        grid.add_row("gap", f"{words.gap(figures['worst_gap'])} at worst, of any plan")
    if figures["cost"] is not None:
        grid.add_row("cost", words.number(figures["cost"]))
    _computed(grid, figures)
    return grid


def _times(grid: Table, figures: dict[str, Any], noun: str) -> None:
    grid.add_row(f"mean {noun}", words.quantity(figures["mean_jct_s"], "s"))
    middle = " / ".join(words.number(figures[f"p{q}_jct_s"]) for q in (50, 90, 99))
    grid.add_row("p50 / p90 / p99", f"{middle} s")


def _promises(grid: Table, replay: Replay, figures: dict[str, Any]) -> None:
    """What a policy promised and what deadlines asked."""
    if figures["leases_kept"] is not None:
        grid.add_row("leases kept", f"{100 * figures['leases_kept']:.1f} %")
    if replay.deviation_s is not None and replay.mode == "rounds" and len(replay.deviation_s):
        worst = float(replay.deviation_s.max())
        grid.add_row("off X", f"{words.quantity(worst, 's')} at most (promised against received, any job and type)")
    if replay.instance.jobs.deadline_s is not None:
        grid.add_row("late", words.count(figures["slo_violations"], "job"))


def _computed(grid: Table, figures: dict[str, Any]) -> None:
    solved = f", {words.count(figures['solves'], 'solve')} in {words.seconds(figures['solve_s'])}"
    grid.add_row("computed in", words.seconds(figures["seconds"]) + (solved if figures["solves"] else ""))


def _jobs(replay: Timeline) -> RenderableType:
    jct = np.where(replay.finished, replay.jct_s, np.inf)
    few = len(jct) <= SHOWN
    rows = np.arange(len(jct)) if few else np.argsort(-jct, kind="stable")[:SHOWN]
    rho = replay.rho if isinstance(replay, Replay) else None
    table = sheet()
    table.add_column("job" if few else "slowest jobs", no_wrap=True)
    for head in ("arrival", "start", "finish", "JCT", *(() if rho is None else ("rho",)), "stops"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows.tolist():
        times = [replay.arrival_s[row], replay.start_s[row], replay.finish_s[row], replay.jct_s[row]]
        cells = [_time(value) for value in (times if rho is None else [*times, rho[row]])]
        table.add_row(Text(words.printable(replay.names[row])), *cells, f"{int(replay.preemptions[row]):,}")
    return table


def _time(value: float) -> str:
    return "never" if np.isnan(value) else words.number(float(value))


def _serving(report: ServingReport) -> RenderableType:
    """Requests: how many in time, how fast, by which groups, and the models that fared worst."""
    figures, grid = report.summary(), facts()
    share = f"{100 * figures['attainment']:.2f} % of {words.count(figures['requests'], 'request')} in time"
    if figures["finished"]:
        _times(grid, figures, "latency")
    used = ", ".join(f"{100 * part:.1f} %" for part in list(figures["utilization"].values())[:SHOWN])
    more = len(figures["utilization"]) - SHOWN
    grid.add_row("groups in use", (used or "none") + (f", {more} more" if more > 0 else ""))
    grid.add_row("late or dropped", words.count(figures["slo_violations"], "request"))
    _computed(grid, figures)
    return Group(Text(f"{report.scheduler} ({report.mode}): {share}", style="bold"), grid, "", _models(report))


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
    """One row a (scheduler, load): means over the seeds."""
    table = sheet()
    for head in ("scheduler", "mode"):
        table.add_column(head, no_wrap=True)
    for head in ("jobs/h", "seeds", "mean JCT (h)", "p99 JCT (h)", "makespan (h)", "mean rho"):
        table.add_column(head, justify="right", no_wrap=True)
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["scheduler"], row["mode"], row["load"]), []).append(row)
    for (scheduler, mode, load), mine in groups.items():
        means = [float(np.mean([row[name] for row in mine])) for name in ("mean_jct_s", "p99_jct_s", "makespan_s")]
        hours = [f"{mean / 3600:.2f}" for mean in means]
        rho = f"{float(np.mean([row['mean_rho'] for row in mine])):.3f}" if "mean_rho" in mine[0] else "·"
        table.add_row(scheduler, mode, "at once" if load is None else f"{load:g}", str(len(mine)), *hours, rho)
    return table
