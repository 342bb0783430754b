"""A picture of a solution: the allocation as a heat map, what is in use of each type, and the prices.

Solutions whose plan is more than the matrix (duty cycles, device groups, nodes) are drawn as rows, see ``plan_plots``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import FloatArray
from gavelopt.model.solution import Solution
from gavelopt.report import words
from gavelopt.report.plan_plots import draw_bars, height, plan_bars
from gavelopt.report.prices import known_sides

LABELLED = 40  # jobs up to which every row of the heat map has its name
BANDS = 600  # rows of the heat map at most; beyond, each is the mean of several jobs
NAME = 28  # characters of a job's name that are shown
COLOUR, SCARCE = "#3b6ea5", "#c26a3d"


def plot_solution(solution: Solution, path: str | Path | None = None) -> Any:
    """Draw ``solution``; write it to ``path`` (the ending decides: .png, .svg, .pdf) where one is given.

    Returns the matplotlib Figure. Raises InputError without an allocation, without matplotlib (extra ``plot``), or for
    a path that cannot be written.
    """
    allocation = solution.allocation
    if allocation is None or not min(allocation.shape):
        raise InputError("nothing to plot", seen=f"status {solution.status}, no allocation of any job")
    path = None if path is None else check_picture(path)
    bars = plan_bars(solution)
    size = _size(allocation) if bars is None else (7.6, height(bars))
    figure = _figure(size, interactive=path is None)
    if bars is None:
        _matrix(figure, solution, allocation)
    else:
        draw_bars(figure, bars)
    value = "no value" if solution.value is None else words.quantity(solution.value, solution.unit)
    figure.suptitle(f"{solution.policy.describe()}: {value}, {solution.status}", fontsize=11)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _matrix(figure: Any, solution: Solution, allocation: Allocation) -> None:
    """The allocation as a heat map, with what is in use and the prices below it."""
    priced = solution.prices is not None
    grid = figure.add_gridspec(2, 2 if priced else 1, height_ratios=[_heights(allocation), 1.6])
    heat = figure.add_subplot(grid[0, :])
    _heat_map(figure, heat, allocation)
    _usage(figure.add_subplot(grid[1, 0]), allocation)
    if priced:
        _prices(figure.add_subplot(grid[1, 1]), solution)


def _figure(size: tuple[float, float], *, interactive: bool) -> Any:
    """A Figure; one that pyplot shows, or (to be written) one that needs no display."""
    try:
        if interactive:
            from matplotlib import pyplot

            return pyplot.figure(figsize=size, layout="constrained")
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "plots need matplotlib", seen=str(error), fix="pip install 'gavelopt[plot]', or pip install matplotlib"
        ) from error
    return Figure(figsize=size, layout="constrained")


def _size(allocation: Allocation) -> tuple[float, float]:
    width = min(16.0, max(6.5, 3.0 + 0.8 * allocation.shape[1]))
    return width, 2.8 + 0.9 * _heights(allocation)


def _heights(allocation: Allocation) -> float:
    """Height of the heat map, in units of about an inch."""
    jobs = allocation.shape[0]
    return max(1.2, 0.22 * jobs) if jobs <= LABELLED else 6.0


def _heat_map(figure: Any, axes: Any, allocation: Allocation) -> None:
    jobs, types = allocation.shape
    matrix = allocation.matrix
    top = max(1.0, float(matrix.max(initial=0.0)))
    image = axes.imshow(
        _thinned(matrix),
        aspect="auto",
        cmap="Blues",
        vmin=0.0,
        vmax=top,
        interpolation="nearest",
        extent=(-0.5, types - 0.5, jobs - 0.5, -0.5),
    )
    _name_types(axes, allocation.accelerators)
    if jobs <= LABELLED:
        axes.set_yticks(range(jobs), [_short(allocation.jobs[row]) for row in range(jobs)], fontsize=8)
        axes.hlines(np.arange(jobs - 1) + 0.5, -0.5, types - 0.5, color="#d9dee5", linewidth=0.6)
    else:
        axes.set_ylabel(f"{words.count(jobs, allocation.jobs.noun)}, in the instance's order")
    axes.vlines(np.arange(types - 1) + 0.5, -0.5, jobs - 0.5, color="#d9dee5", linewidth=0.6)
    axes.tick_params(length=0)
    axes.set_title("time on each accelerator type" if top <= 1.0 else "count on each accelerator type", fontsize=10)
    figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02, aspect=30)


def _thinned(matrix: FloatArray) -> FloatArray:
    """(at most BANDS, R) means of neighbouring rows, so that no job falls between two pixels."""
    band = -(-len(matrix) // BANDS)
    starts = np.arange(0, len(matrix), band)
    return np.add.reduceat(matrix, starts) / np.diff(np.append(starts, len(matrix)))[:, None]


def _usage(axes: Any, allocation: Allocation) -> None:
    types = range(allocation.shape[1])
    capacity = np.where(np.isinf(allocation.space.capacity), 0.0, allocation.space.capacity)
    axes.bar(types, capacity, color="#d9dee5", width=0.7, label="in the cluster")
    axes.bar(types, allocation.usage, color=COLOUR, width=0.7, label="in use")
    tallest = max(float(capacity.max(initial=0.0)), float(allocation.usage.max(initial=0.0)))
    axes.set_ylim(0, 1.3 * tallest if tallest > 0 else 1.0)  # room for the legend above the bars
    _name_types(axes, allocation.accelerators)
    axes.set_title("accelerators", fontsize=10)
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper center")
    _bare(axes)


def _prices(axes: Any, solution: Solution) -> None:
    assert solution.prices is not None
    _, sides = known_sides(solution)
    change = solution.prices.per_accelerator if sides is None else sides[:, 0]
    gain = change if solution.policy.sense == "max" else -change
    axes.bar(range(len(gain)), gain, color=SCARCE, width=0.7)
    _name_types(axes, solution.prices)
    axes.set_title("what one more is worth" if solution.policy.sense == "max" else "what one more saves", fontsize=10)
    if np.any(gain):
        axes.set_ylabel(solution.unit, fontsize=8)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing: no type is scarce", transform=axes.transAxes, ha="center", fontsize=9)
    _bare(axes)


def _name_types(axes: Any, names: Iterable[str]) -> None:
    labels = [_short(name) for name in names]
    crowded = len(labels) > 8 or max(map(len, labels)) * len(labels) > 40
    axes.set_xticks(range(len(labels)), labels, rotation=90 if crowded else 0, fontsize=9)


def _bare(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _short(name: str) -> str:
    """A label that matplotlib shows as it is: cut to NAME characters, ``$`` without its meaning."""
    text = words.printable(name)
    return (text if len(text) <= NAME else text[: NAME - 1] + "…").replace("$", r"\$")


def check_picture(path: str | Path) -> Path:
    """``path`` if a picture can be written there. Raises InputError: no matplotlib, an ending it cannot write, no folder."""
    file = Path(path)
    endings = sorted(_figure((1.0, 1.0), interactive=False).canvas.get_supported_filetypes())
    if file.suffix.lstrip(".").lower() not in endings:
        raise InputError("cannot write this kind of picture", where=str(file), rule="." + ", .".join(endings))
    if not file.parent.is_dir():
        raise InputError("no such folder", where=str(file.parent), fix="make the folder first")
    return file
