"""A replay as text: the figures, the percentiles, the jobs with the longest completion times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.replay.result import Replay
from gavelopt.report import words
from gavelopt.report.layout import facts, notes, plain, sheet

SHOWN = 12  # jobs in the table; more would push the figures off the screen


def replay_text(replay: Replay) -> str:
    """The replay as plain text."""
    return plain(replay_view(replay))


def replay_view(replay: Replay) -> RenderableType:
    """Headline, facts, and the jobs: all of a short trace, otherwise those that took longest."""
    done = f"{int(replay.finished.sum()):,} of {words.count(len(replay.finished), 'job')} done"
    parts: list[RenderableType] = [Text(f"{replay.scheduler} ({replay.mode}): {done}", style="bold"), _facts(replay)]
    if len(replay.finished):
        parts += ["", _jobs(replay)]
    if replay.warnings:
        parts += ["", notes(replay.warnings)]
    return Group(*parts)


def _facts(replay: Replay) -> RenderableType:
    figures, grid = replay.summary(), facts()
    if figures["finished"]:
        middle = " / ".join(words.number(figures[f"p{q}_jct_s"]) for q in (50, 90, 99))
        grid.add_row("mean JCT", words.quantity(figures["mean_jct_s"], "s"))
        grid.add_row("p50 / p90 / p99", f"{middle} s")
        grid.add_row("queueing", f"{words.quantity(figures['mean_queueing_s'], 's')} on average")
        grid.add_row("makespan", words.quantity(figures["makespan_s"], "s"))
        grid.add_row(
            "rho", f"{words.number(figures['mean_rho'])} on average, {words.number(figures['worst_rho'])} at worst"
        )
    used = ", ".join(f"{name} {100 * part:.1f} %" for name, part in figures["utilization"].items() if part == part)
    grid.add_row("in use", used or "nothing")
    grid.add_row("preemptions", f"{figures['preemptions']:,}")
    if figures["leases_kept"] is not None:
        grid.add_row("leases kept", f"{100 * figures['leases_kept']:.1f} %")
    if replay.deviation_s is not None and replay.mode == "rounds" and len(replay.deviation_s):
        worst = float(replay.deviation_s.max())
        grid.add_row("off X", f"{words.quantity(worst, 's')} at most (promised against received, any job and type)")
    if figures["cost"] is not None:
        grid.add_row("cost", words.number(figures["cost"]))
    if replay.instance.jobs.deadline_s is not None:
        grid.add_row("late", words.count(figures["slo_violations"], "job"))
    solved = (
        f", {words.count(figures['solves'], 'solve')} in {words.seconds(figures['solve_s'])}"
        if figures["solves"]
        else ""
    )
    grid.add_row("computed in", words.seconds(figures["seconds"]) + solved)
    return grid


def _jobs(replay: Replay) -> RenderableType:
    jct = np.where(replay.finished, replay.jct_s, np.inf)
    few = len(jct) <= SHOWN
    rows = np.arange(len(jct)) if few else np.argsort(-jct, kind="stable")[:SHOWN]
    table = sheet()
    table.add_column("job" if few else "slowest jobs", no_wrap=True)
    for head in ("arrival", "start", "finish", "JCT", "rho", "stops"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows.tolist():
        times = (replay.instance.jobs.arrival_s[row], replay.start_s[row], replay.finish_s[row], replay.jct_s[row])
        cells = [*(_time(value) for value in times), _time(replay.rho[row]), f"{int(replay.preemptions[row]):,}"]
        table.add_row(Text(words.printable(replay.instance.jobs.names[row])), *cells)
    return table


def _time(value: float) -> str:
    return "never" if np.isnan(value) else words.number(float(value))


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
        means = {
            name: float(np.mean([row[name] for row in mine])) for name in ("mean_jct_s", "p99_jct_s", "makespan_s")
        }
        hours = [f"{means[name] / 3600:.2f}" for name in means]
        rho = f"{float(np.mean([row['mean_rho'] for row in mine])):.3f}"
        table.add_row(scheduler, mode, "at once" if load is None else f"{load:g}", str(len(mine)), *hours, rho)
    return table
