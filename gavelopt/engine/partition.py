"""POP: partition the jobs at random, give every part an equal slice of the cluster, solve the parts, put them together.

    parts 1..k    each job in one part at random (seeded, equal sizes);  capacity of a part = capacity / k
    each part     the same utility over its own jobs, solved exactly
    the whole     the union of the parts' allocations: always feasible, since the slices add up

The heuristic that the price-directed engine is compared with. The original divides capacities as whole numbers and throws
the remainders away; here slices may be fractional. The mean of the parts' prices is offered as proof, so the gap is real.
The parts run through joblib: on processes, on threads, or on a Ray cluster by name.
Reference: Narayanan et al., SOSP 2021.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavelopt.engine.forms import Found, Task, price_proof, solve_form
from gavelopt.engine.problem import Answer, Problem
from gavelopt.errors import InputError, SolverError
from gavelopt.judge.certify import Multipliers
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

BACKENDS = ("sequential", "threading", "loky", "ray")


def pop(problem: Problem, parts: int = 4, backend: str = "sequential", workers: int = -1) -> Answer:
    """Solve ``parts`` random parts; ``backend`` is one of BACKENDS, ``workers`` as joblib's n_jobs."""
    space, form = problem.space, problem.utility
    if form is None or space.grid is None or problem.floors or space.family is not None:
        raise SolverError("pop needs a separable utility over single jobs, without rate floors")
    jobs = len(space.jobs)
    order = np.random.default_rng(problem.seed).permutation(jobs)
    rows = [np.sort(part) for part in np.array_split(order, min(parts, max(jobs, 1)))]
    tasks = [part_of(space, form, part, len(rows), problem) for part in rows]
    found = run(tasks, backend, workers)
    x = np.zeros(space.grid.table.shape)
    for part, result in zip(rows, found, strict=True):
        x[part] = result.x.reshape(len(part), -1)
    return Answer(x.ravel(), _joined(form, space, rows, found, x), notes=(f"{len(rows)} parts on {backend}",))


def part_of(space: AllocationSpace, form: Utility, rows: IntArray, parts: int, problem: Problem) -> Task:
    """The task of one part: its jobs, and 1 / parts of every capacity."""
    grid = space.grid
    assert grid is not None
    small = AllocationSpace.from_grid(
        Labels.numbered("p", len(rows), "job"),
        space.resources,
        space.capacity / parts,
        grid.table[rows],
        grid.use[rows],
        grid.usable[rows],
        time=space.time[rows],
    )
    bend = None if form.saturation is None else form.saturation[rows]
    part = replace(form, slope=form.slope[rows], offset=form.offset[rows], weight=form.weight[rows], saturation=bend)
    return Task(small, part, tolerance=problem.tolerance, deadline=problem.deadline)


def run(tasks: list[Task], backend: str, workers: int) -> list[Found]:
    """Solve the tasks, in order, through joblib."""
    if backend == "sequential":
        return [solve_form(task) for task in tasks]
    from joblib import Parallel, delayed, parallel_config

    if backend == "ray":
        _register_ray()
    with parallel_config(backend=backend):
        return list(Parallel(n_jobs=workers)(delayed(solve_form)(task) for task in tasks))


def _register_ray() -> None:
    try:
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise InputError("backend 'ray' needs Ray", fix="pip install 'gavelopt[ray]'") from error
    register_ray()


def _joined(
    form: Utility, space: AllocationSpace, rows: list[IntArray], found: list[Found], x: FloatArray
) -> Multipliers:
    """The parts' multipliers as one offer: mean prices, emphasis side by side."""
    prices, emphasis = [], np.zeros(len(space.jobs))
    for part, result in zip(rows, found, strict=True):
        given = result.multipliers
        assert given.prices is not None
        prices.append(given.prices / _scale(form, part, given.at))
        if given.emphasis is not None:
            emphasis[part] = given.emphasis / len(rows)
    price, at = np.mean(prices, axis=0), space.rate(x.ravel())
    if form.p == -np.inf:
        return Multipliers(price / len(rows), emphasis, at)
    if form.p == 1.0:
        return Multipliers(price)
    worth = np.where(form.active, form.weight * np.where(form.slope > 0, form.slope, 1.0) ** form.p, 0.0)
    return price_proof(space, form, price, np.zeros(len(at)), worth, at)


def _scale(form: Utility, part: IntArray, at: FloatArray | None) -> float:
    """dU / d(sum w u^p / p) of a part: its prices divided by it belong to the separable form."""
    if form.p in (0.0, 1.0, -np.inf) or at is None:
        return 1.0
    mine = replace(form, slope=form.slope[part], offset=form.offset[part], weight=form.weight[part])
    return float(mine.value(at) ** (1.0 - form.p)) or 1.0
