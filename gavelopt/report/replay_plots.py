"""A picture of a replay: the CDF of completion times, what is in use over time, and who holds which accelerator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.replay.result import Replay
from gavelopt.report.plots import _bare, _figure, check_picture

DRAWN = 20_000  # bars of a Gantt chart at most: more are a grey block, and slow
HOUR_S = 3600.0


def plot_replay(replay: Replay, path: str | Path | None = None) -> Any:
    """Draw ``replay``; write it to ``path`` (.png, .svg, .pdf) where one is given. Returns the matplotlib Figure.

    The Gantt chart is left out in fluid mode, which has no whole accelerators, and for more than DRAWN segments.

    Raises:
        InputError: no job ran, no matplotlib (extra ``plot``), a path that cannot be written.
    """
    if not len(replay.log):
        raise InputError("nothing to plot", seen="no job ever ran")
    path = None if path is None else check_picture(path)
    gantt = replay.mode != "fluid" and len(replay.log) <= DRAWN
    figure = _figure((11.0, 8.0 if gantt else 4.0), interactive=path is None)
    grid = figure.add_gridspec(2 if gantt else 1, 2, height_ratios=[1.0, 1.6] if gantt else [1.0])
    unit, name = (HOUR_S, "hours") if replay.makespan_s > 2 * HOUR_S else (1.0, "seconds")
    _cdf(figure.add_subplot(grid[0, 0]), replay, unit, name)
    _usage(figure.add_subplot(grid[0, 1]), replay, unit, name)
    if gantt:
        _gantt(figure.add_subplot(grid[1, :]), replay, unit, name)
    mean = f"mean JCT {replay.mean_jct_s / unit:.4g} {name}, makespan {replay.makespan_s / unit:.4g} {name}"
    figure.suptitle(f"{replay.scheduler} ({replay.mode}): {mean}", fontsize=11)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _cdf(axes: Any, replay: Replay, unit: float, name: str) -> None:
    time, part = replay.cdf()
    axes.step(np.append(0.0, time) / unit, np.append(0.0, part), where="post", color="#3b6ea5")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"completion time ({name})")
    axes.set_title("share of jobs done within", fontsize=10)
    _bare(axes)


def _usage(axes: Any, replay: Replay, unit: float, name: str) -> None:
    edges, share = replay.usage(120)
    for kind, label in enumerate(replay.instance.cluster.accelerators):
        axes.stairs(np.nan_to_num(share[:, kind]), edges / unit, label=label)
    axes.set_ylim(0, 1.08)
    axes.set_xlabel(name)
    axes.set_title("share of accelerators in use", fontsize=10)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="lower center")
    _bare(axes)


def _gantt(axes: Any, replay: Replay, unit: float, name: str) -> None:
    """One line an accelerator, types one above the other, one colour a job."""
    from matplotlib import colormaps

    log, count = replay.log, np.floor(replay.instance.cluster.count + 1e-9).astype(int)
    base = np.concatenate([[0], np.cumsum(count)])
    colours = colormaps["tab20"]
    bars: dict[int, list[tuple[int, float, float]]] = {}
    for segment, devices in enumerate(replay.devices):
        start, length = log.start_s[segment] / unit, (log.end_s[segment] - log.start_s[segment]) / unit
        for device in devices:
            row = int(base[log.accelerator[segment]]) + device
            bars.setdefault(int(log.job[segment]), []).append((row, float(start), float(length)))
    for job, pieces in bars.items():
        rows, starts, lengths = zip(*pieces, strict=True)
        edge = "white" if len(log) < 400 else "none"
        axes.barh(rows, lengths, left=starts, height=0.9, color=colours(job % 20), edgecolor=edge, linewidth=0.5)
    for kind, label in enumerate(replay.instance.cluster.accelerators):
        if kind:
            axes.axhline(base[kind] - 0.5, color="black", linewidth=0.6)
        axes.text(-0.01, (base[kind] + base[kind + 1] - 1) / 2, label, transform=axes.get_yaxis_transform(), ha="right")
    axes.set_yticks([])
    axes.set_ylim(base[-1] - 0.5, -0.5)
    axes.set_xlabel(name)
    axes.set_title("who holds which accelerator (one line each, one colour a job)", fontsize=10)
    _bare(axes)
