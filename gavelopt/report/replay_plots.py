"""A picture of a replay: the CDF of completion times, what is in use over time, and who holds which accelerator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.replay.serving import ServingReport
from gavelopt.replay.timeline import Completions, Timeline
from gavelopt.report import words
from gavelopt.report.plots import COLOUR, _bare, _figure, check_picture

DRAWN = 20_000  # bars of a Gantt chart at most: more are a grey block, and slow
COLOURS = 20
NAMED = 60  # bars up to which they carry names
HOUR_S = 3600.0


def plot_replay(replay: Completions, path: str | Path | None = None) -> Any:
    """Draw ``replay``; write it to ``path`` (.png, .svg, .pdf) where one is given. Returns the matplotlib Figure.

    The Gantt chart is left out in fluid mode, which has no whole accelerators, and for more than DRAWN segments. Requests
    show their latencies and what was answered in time over time.

    Raises:
        InputError: nothing ran, no matplotlib (extra ``plot``), a path that cannot be written.
    """
    if not replay.finished.any():
        raise InputError("nothing to plot", seen="nothing was ever done")
    path = None if path is None else check_picture(path)
    figure = _requests(replay, path) if isinstance(replay, ServingReport) else _jobs(replay, path)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _jobs(replay: Any, path: Path | None) -> Any:
    gantt = replay.mode != "fluid" and len(replay.log) <= DRAWN
    figure = _figure((11.0, 8.0 if gantt else 4.0), interactive=path is None)
    grid = figure.add_gridspec(2 if gantt else 1, 2, height_ratios=[1.0, 1.6] if gantt else [1.0])
    unit, name = (HOUR_S, "hours") if replay.makespan_s > 2 * HOUR_S else (1.0, "seconds")
    _cdf(figure.add_subplot(grid[0, 0]), replay, unit, f"completion time ({name})", "share of jobs done within")
    _usage(figure.add_subplot(grid[0, 1]), replay, unit, name)
    if gantt:
        _gantt(figure.add_subplot(grid[1, :]), replay, unit, name)
    mean = f"mean JCT {replay.mean_jct_s / unit:.4g} {name}, makespan {replay.makespan_s / unit:.4g} {name}"
    figure.suptitle(f"{replay.scheduler} ({replay.mode}): {mean}", fontsize=11)
    return figure


def _requests(report: ServingReport, path: Path | None) -> Any:
    figure = _figure((11.0, 4.0), interactive=path is None)
    left, right = figure.subplots(1, 2)
    _cdf(left, report, 1e-3, "latency (ms)", "share of answers within")
    time = report.arrival_s
    edges = np.linspace(time.min(), np.nextafter(time.max(), np.inf), min(61, max(2, len(time) // 20)))
    asked, met = (np.histogram(time, edges, weights=w)[0] for w in (None, report.good * 1.0))
    part = np.divide(met, asked, out=np.full(len(asked), np.nan), where=asked > 0)
    right.stairs(part, edges, color=COLOUR, baseline=None)
    right.set_ylim(0, 1.02)
    right.set_xlabel("seconds")
    right.set_title("share of requests answered in time", fontsize=10)
    _bare(right)
    share = f"{100 * report.attainment:.4g} % of {words.count(report.workload.counts, 'request')} in time"
    figure.suptitle(f"{report.scheduler}: {share}", fontsize=11)
    return figure


def _cdf(axes: Any, replay: Completions, unit: float, label: str, title: str) -> None:
    time, part = replay.cdf()
    axes.step(np.append(0.0, time) / unit, np.append(0.0, part), where="post", color=COLOUR)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, None)
    axes.set_xlabel(label)
    axes.set_title(title, fontsize=10)
    _bare(axes)


def _usage(axes: Any, replay: Timeline, unit: float, name: str) -> None:
    edges, share = replay.usage(120)
    for kind, label in enumerate(replay.cluster.accelerators):
        if replay.cluster.count[kind] > 0:
            axes.stairs(share[:, kind], edges / unit, label=label, baseline=None)
    axes.set_xlim(edges[0] / unit, edges[-1] / unit)
    axes.set_ylim(0, 1.08)
    axes.set_xlabel(name)
    axes.set_title("share of accelerators in use", fontsize=10)
    if len(replay.cluster) > 1:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _bare(axes)


def _gantt(axes: Any, replay: Timeline, unit: float, name: str) -> None:
    """One line an accelerator, types one above the other, one colour a job."""
    from matplotlib import colormaps

    log, count = replay.log, np.floor(replay.cluster.count + 1e-9).astype(int)
    base, bars = np.concatenate([[0], np.cumsum(count)]), _bars(replay, unit)
    colours, edge = colormaps["tab20"], "white" if len(log) < 400 else "none"
    for job, pieces in bars.items():
        rows, starts, lengths = zip(*pieces, strict=True)
        axes.barh(rows, lengths, left=starts, height=0.9, color=colours(job % COLOURS), edgecolor=edge, linewidth=0.5)
    start, end = replay.usage(1)[0] / unit
    if sum(map(len, bars.values())) <= NAMED:
        _names_on(axes, replay, bars, (end - start) / 40)
    for kind, label in enumerate(replay.cluster.accelerators):
        if kind:
            axes.axhline(base[kind] - 0.5, color="black", linewidth=0.6)
        axes.text(-0.01, (base[kind] + base[kind + 1] - 1) / 2, label, transform=axes.get_yaxis_transform(), ha="right")
    axes.set_yticks([])
    axes.set_xlim(start, end)
    axes.set_ylim(base[-1] - 0.5, -0.5)
    axes.set_xlabel(name)
    one = "one colour a job" if len(replay.names) <= COLOURS else f"colours of jobs repeat after {COLOURS}"
    axes.set_title(f"who holds which accelerator (one line each, {one})", fontsize=10)
    _bare(axes)


def _bars(replay: Timeline, unit: float) -> dict[int, list[tuple[int, float, float]]]:
    """job: (line, start, length) of each accelerator that it held."""
    log = replay.log
    base = np.concatenate([[0], np.cumsum(np.floor(replay.cluster.count + 1e-9).astype(int))])
    bars: dict[int, list[tuple[int, float, float]]] = {}
    for segment, devices in enumerate(replay.devices):
        start, length = log.start_s[segment] / unit, (log.end_s[segment] - log.start_s[segment]) / unit
        first = int(base[log.accelerator[segment]])
        pieces = [(first + device, float(start), float(length)) for device in devices]
        bars.setdefault(int(log.job[segment]), []).extend(pieces)
    return bars


def _names_on(axes: Any, replay: Timeline, bars: dict[int, list[tuple[int, float, float]]], least: float) -> None:
    """The job's name on every bar of at least ``least``."""
    for job, pieces in bars.items():
        for row, start, length in pieces:
            if length >= least:
                name = words.printable(replay.names[job])
                axes.text(start + length / 2, row, name, ha="center", va="center", fontsize=8, clip_on=True)
