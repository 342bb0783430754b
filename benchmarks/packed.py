"""What does space sharing cost, solved our way and as one large linear program?

Packed max-min fairness and packed makespan of 64 to 2,048 single-GPU jobs, in one process, one thread:

    ours     go.solve(..., space_sharing=True): jobs merged by kind, pairs that cannot help left out, the answer dealt out to
             jobs and proved
    highs    the same linear program whole, every pair of jobs on every type a column, to HiGHS: the faster of simplex and
             interior point
    cvxpy    the whole program in vectorised cvxpy, with Clarabel

Times are build plus solve, as multiples of ours; a rival that took longer than ``--limit`` seconds is not asked at larger
sizes. Beside them the rival's value relative to ours: +1e-9 of a maximum (max_min) or -1e-9 of a time means that the rival
found a value 1e-9 better.

Jobs are drawn as Gavel's generator draws them: each job type equally likely, 60 x 10^u seconds on a v100 with u uniform on
[1.5, 3] for four jobs in five and on [3, 4] for the rest, steps = duration x v100 rate, one job in five of weight 5. There is
one accelerator of each type for 32 jobs, so that capacity and not the longest job decides the makespan. Pair rates are
measured in ``--throughputs`` (a file of Gavel's form, such as simulation_throughputs.json); without it the embedded table of
single rates is used with pair rates drawn at random, each of two jobs keeping 40 to 90 % of its rate alone.

    python benchmarks/packed.py --throughputs simulation_throughputs.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import sparse

import gavelopt as go
from gavelopt.io.sources import profiles_from

POLICIES = ("max_min", "makespan")
TYPES = ("v100", "p100", "k80")
JOBS_PER_ACCELERATOR = 32


def profiles(path: Path | None) -> go.ThroughputProfiles:
    """Rates alone and of pairs, from a file or drawn."""
    if path is not None:
        return profiles_from(path)
    embedded = go.examples.gavel_profiles()
    rng = np.random.default_rng(0)
    pairs = {
        (a, b): np.column_stack([embedded.rates[embedded.row[a]], embedded.rates[embedded.row[b]]])
        * rng.uniform(0.4, 0.9, (len(embedded.accelerators), 2))
        for a, b in combinations_with_replacement(embedded.keys, 2)
    }
    return replace(embedded, pairs=pairs)


def instance(jobs: int, seed: int, table: go.ThroughputProfiles) -> go.Instance:
    """Jobs as Gavel's generator draws them."""
    rng = np.random.default_rng(seed)
    singles = [key for key in table.keys if key[1] == 1]
    keys = [singles[at] for at in rng.integers(len(singles), size=jobs)]
    exponent = np.where(rng.random(jobs) < 0.8, rng.uniform(1.5, 3.0, jobs), rng.uniform(3.0, 4.0, jobs))
    reference = table.accelerators.index("v100")
    steps = 60.0 * 10.0**exponent * np.array([table.rates[table.row[key], reference] for key in keys])
    weight = np.where(rng.random(jobs) < 0.2, 5.0, 1.0)
    asked = go.JobSet(jobs, workload=[name for name, _ in keys], weight=weight, steps=np.rint(steps))
    kept, rates, _ = table.for_jobs(asked, TYPES)
    count = max(1, jobs // JOBS_PER_ACCELERATOR)
    return go.Instance(go.Cluster(TYPES, [count] * len(TYPES)), kept, rates)


class Whole:
    """max z subject to  slope_i R_i x >= z,  M x <= 1,  U x <= N,  x >= 0  over all jobs and all pairs of jobs."""

    def __init__(self, question: go.Instance, policy: str) -> None:
        rates, count = np.asarray(question.rates), question.cluster.count
        jobs, types = rates.shape
        first, second, kind, both = all_pairs(question)
        singles, pairs = np.arange(jobs * types), np.arange(len(kind)) + jobs * types
        row: np.ndarray = np.concatenate([singles // types, first, second])
        column = np.concatenate([singles, pairs, pairs])
        shape = (jobs, len(singles) + len(pairs))
        slope = 1.0 / (question.jobs.weight * (rates @ count) / count.sum())
        if policy == "makespan":
            assert question.jobs.steps is not None
            slope = 1.0 / question.jobs.steps
        self.unit = float((slope * rates.max(axis=1)).min())
        gain = np.concatenate([rates.ravel(), both[:, 0], both[:, 1]]) * np.take(slope / self.unit, row)
        self.gain = sparse.csr_array((gain, (row, column)), shape)
        self.time = sparse.csr_array((np.ones(len(row)), (row, column)), shape)
        of_type = np.concatenate([singles % types, kind])
        self.load = sparse.csr_array((np.ones(shape[1]), (of_type, np.arange(shape[1]))), (types, shape[1]))
        self.count = count
        self.reciprocal = policy == "makespan"

    def value(self, z: float) -> float:
        """What the policy reports."""
        return 1.0 / (z * self.unit) if self.reciprocal else z * self.unit


def all_pairs(question: go.Instance) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of jobs on every type: first and second job (P,), type (P,), rates of both (P, 2)."""
    table = question.throughputs
    assert table.pairs is not None
    assert table.kind is not None
    rows, types = len(table.rows), len(question.cluster)
    known = np.zeros((rows, rows, types, 2))
    for (a, b), rates in zip(table.pairs.members.tolist(), table.pairs.rates, strict=True):
        known[a, b], known[b, a] = rates, rates[:, ::-1]
    first, second = np.triu_indices(len(question.jobs), 1)
    both = known[table.kind[first], table.kind[second]].reshape(-1, 2)
    return np.repeat(first, types), np.repeat(second, types), np.tile(np.arange(types), len(first)), both


def by_highs(whole: Whole, algorithm: str, limit: float) -> float:
    """The whole program straight to highspy; NaN where it did not end in time."""
    import highspy

    jobs, columns = whole.gain.shape
    types = len(whole.count)
    base = sparse.vstack([whole.time, whole.load, whole.gain])
    z = sparse.csc_array(np.concatenate([np.zeros(jobs + types), -np.ones(jobs)])[:, None])
    matrix = sparse.hstack([base, z], format="csc")
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_ = np.append(np.zeros(columns), 1.0), np.zeros(columns + 1)
    model.col_upper_ = np.full(columns + 1, np.inf)
    model.row_lower_ = np.concatenate([np.full(jobs + types, -np.inf), np.zeros(jobs)])
    model.row_upper_ = np.concatenate([np.ones(jobs), whole.count, np.full(jobs, np.inf)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("solver", algorithm), ("time_limit", limit)):
        solver.setOptionValue(name, value)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return float("nan")
    return whole.value(float(solver.getInfo().objective_function_value))


def by_cvxpy(whole: Whole, limit: float) -> float:
    """The whole program in vectorised cvxpy with Clarabel; NaN where it did not end in time."""
    import cvxpy as cp

    x, z = cp.Variable(whole.gain.shape[1], nonneg=True), cp.Variable()
    limits = [whole.gain @ x >= z, whole.time @ x <= 1, whole.load @ x <= whole.count]
    problem = cp.Problem(cp.Maximize(z), limits)
    try:
        problem.solve(solver=cp.CLARABEL, time_limit=limit)
    except cp.SolverError:  # Clarabel stopped at its limit without a point
        return float("nan")
    return whole.value(float(z.value)) if problem.status == "optimal" else float("nan")


def timed(run: Callable[[], float]) -> tuple[float, float]:
    """(seconds, value)."""
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value


def measure(jobs: int, policy: str, table: go.ThroughputProfiles, limit: float, dropped: set[str]) -> dict[str, object]:
    """One row; rivals that exceed the limit join ``dropped``."""
    question = instance(jobs, jobs, table)
    start = time.perf_counter()
    solution = go.solve(question, policy, method="exact", space_sharing=True)
    row: dict[str, object] = {
        "policy": policy,
        "jobs": jobs,
        "pairs": question.pair_family.considered if question.pair_family is not None else 0,
        "ours": time.perf_counter() - start,
        "value": solution.value,
        "gap": solution.gap,
        "notes": solution.attempts[-1].detail,
    }
    rivals: dict[str, Callable[[], float]] = {
        "highs-simplex": lambda: by_highs(Whole(question, policy), "simplex", limit),
        "highs-ipm": lambda: by_highs(Whole(question, policy), "ipm", limit),
        "cvxpy": lambda: by_cvxpy(Whole(question, policy), limit),
    }
    for name, run in rivals.items():
        if f"{policy} {name}" in dropped:
            continue
        seconds, value = timed(run)
        row[name], row[f"{name} value"] = seconds, value
        if not np.isfinite(value) or seconds > limit:
            dropped.add(f"{policy} {name}")
    return row


def shown(row: dict[str, object], name: str) -> str:
    """Time as a multiple of ours and value relative to ours."""
    if name not in row:
        return "not asked"
    seconds, value = float(row[name]), float(row[f"{name} value"])  # type: ignore[arg-type]
    ratio = f"{seconds / float(row['ours']):.1f}x"  # type: ignore[arg-type]
    if not np.isfinite(value):
        return f"> {ratio}, no answer"
    return f"{ratio}, {value / float(row['value']) - 1.0:+.0e}"  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256, 512, 1024, 2048])
    parser.add_argument("--throughputs", type=Path)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for a rival")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table = profiles(options.throughputs)
    for policy in POLICIES:  # compile and import outside the clock
        measure(16, policy, table, options.limit, set())
    dropped: set[str] = set()
    cases = [(jobs, policy) for jobs in options.sizes for policy in POLICIES]
    rows = [measure(j, p, table, options.limit, dropped) for j, p in track(cases, console=Console(stderr=True))]
    printed = Table(
        "policy", "jobs", "pair columns", "ours s", "our value", "our gap", "highs simplex", "highs ipm", "cvxpy"
    )
    for row in rows:
        rivals = [shown(row, name) for name in ("highs-simplex", "highs-ipm", "cvxpy")]
        figures = f"{row['pairs']:,}", f"{row['ours']:.3f}", f"{row['value']:.6g}", f"{row['gap']:.0e}"
        printed.add_row(str(row["policy"]), str(row["jobs"]), *figures, *rivals)
    Console(width=None if sys.stdout.isatty() else 150).print(printed)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
