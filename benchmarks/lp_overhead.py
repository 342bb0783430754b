"""What does our exact method cost over calling a solver by hand?

For max-sum, max-min and makespan at 128 to 8,192 jobs on three accelerator types, in one process, one thread, alternating:

    ours          go.solve(...): validate, normalise, solve, tidy, judge, certify
    highs-simplex the same linear program built by hand with scipy.sparse and given to highspy, dual simplex
    highs-ipm     the same, interior point with crossover
    cvxpy         the program as one would write it in vectorised cvxpy, with Clarabel (makespan in its normal form)

Times are build plus solve, minimum of ``--repeats`` runs; the table shows ratios to the best of the three rivals of that row,
so below 1 means ours is faster. Rates are Gavel's 26 job types (the embedded table) with every row perturbed, so that no two
jobs are alike and merging cannot help; ``--alike`` leaves the rows as measured.

    python benchmarks/lp_overhead.py
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import sparse

import gavelopt as go

POLICIES = ("max_sum", "max_min", "makespan")


def instance(jobs: int, seed: int, alike: bool) -> go.Instance:
    """Seeded jobs of the embedded Gavel table, one accelerator of each type for four jobs."""
    drawn = go.examples.gavel(jobs=jobs, cluster=f"v100:{jobs // 4},p100:{jobs // 4},k80:{jobs // 4}", seed=seed)
    rng = np.random.default_rng(seed)
    rates = np.array(drawn.rates)
    if not alike:
        rates = rates * rng.lognormal(0.0, 0.1, rates.shape)
    seconds = 10.0 ** rng.uniform(2.5, 4.0, jobs)
    return go.Instance.from_arrays(
        rates, drawn.cluster.count, accelerators=list(drawn.cluster.accelerators), steps=seconds * rates.max(axis=1)
    )


def coefficients(question: go.Instance, policy: str) -> np.ndarray:
    """(J, R) what one unit of time on a type adds to the job's utility."""
    rates = np.asarray(question.rates)
    if policy == "max_sum":
        return rates
    if policy == "max_min":
        return rates / (rates @ (question.cluster.count / question.cluster.count.sum()))[:, None]
    return rates / question.jobs.steps[:, None]


def by_hand(question: go.Instance, policy: str, algorithm: str) -> float:
    """The linear program straight to highspy."""
    import highspy

    worth = coefficients(question, policy)
    jobs, types = worth.shape
    columns = np.arange(jobs * types)
    time_rows = sparse.csc_array((np.ones(jobs * types), (columns // types, columns)))
    use_rows = sparse.csc_array((np.ones(jobs * types), (columns % types, columns)))
    parts, lower = [time_rows, use_rows], np.full(jobs + types, -np.inf)
    upper, cost = np.append(np.ones(jobs), question.cluster.count), worth.ravel()
    if policy != "max_sum":
        gain = sparse.csc_array((worth.ravel() / worth.max(axis=1).min(), (columns // types, columns)))
        z = sparse.csc_array(np.concatenate([np.zeros(jobs + types), -np.ones(jobs)])[:, None])
        matrix = sparse.hstack([sparse.vstack([*parts, gain]), z], format="csc")
        lower, upper = np.append(lower, np.zeros(jobs)), np.append(upper, np.full(jobs, np.inf))
        cost = np.append(np.zeros(jobs * types), 1.0)
    else:
        matrix = sparse.vstack(parts, format="csc")
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_ = cost, np.zeros(len(cost))
    model.col_upper_ = np.full(len(cost), np.inf)
    model.row_lower_, model.row_upper_ = lower, upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("solver", algorithm), ("time_limit", 120.0)):
        solver.setOptionValue(name, value)
    solver.passModel(model)
    solver.run()
    return float(solver.getInfo().objective_function_value) * (1.0 if policy == "max_sum" else worth.max(axis=1).min())


def by_cvxpy(question: go.Instance, policy: str) -> float:
    """Vectorised cvxpy with Clarabel."""
    import cvxpy as cp

    worth = coefficients(question, policy)
    worth = worth if policy == "max_sum" else worth / worth.max(axis=1).min()
    x = cp.Variable(worth.shape, nonneg=True)
    gain = cp.sum(cp.multiply(worth, x), axis=1)
    objective = cp.sum(gain) if policy == "max_sum" else cp.min(gain)
    limits = [cp.sum(x, axis=1) <= 1, cp.sum(x, axis=0) <= question.cluster.count]
    problem = cp.Problem(cp.Maximize(objective), limits)
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


def timed(run: Callable[[], object], repeats: int) -> float:
    """Best wall time of ``repeats`` runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(jobs: int, policy: str, repeats: int, alike: bool, slow: float) -> dict[str, object]:
    """One row: seconds of every contender (None where the size before was already too slow), and our peak memory."""
    question = instance(jobs, seed=jobs, alike=alike)
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: go.solve(question, policy, method="exact"),
        "highs-simplex": lambda: by_hand(question, policy, "simplex"),
        "highs-ipm": lambda: by_hand(question, policy, "ipm"),
        "cvxpy": lambda: by_cvxpy(question, policy),
    }
    row: dict[str, object] = {"policy": policy, "jobs": jobs}
    for name, run in contenders.items():
        run_once = timed(run, 1)
        row[name] = min(run_once, timed(run, repeats - 1)) if repeats > 1 and run_once < slow else run_once
    tracemalloc.start()
    solution = go.solve(question, policy, method="exact")
    row["peak_mib"] = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    row["gap"], row["status"] = solution.gap, solution.status
    best = min(float(row[name]) for name in contenders if name != "ours")  # type: ignore[arg-type]
    row["ratio"] = float(row["ours"]) / best  # type: ignore[arg-type]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512, 2048, 8192])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--alike", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for policy in POLICIES:  # compile and import outside the clock
        measure(16, policy, 1, options.alike, 1.0)
    cases = [(jobs, policy) for jobs in options.sizes for policy in POLICIES]
    rows = [measure(j, p, options.repeats, options.alike, 5.0) for j, p in track(cases, console=Console(stderr=True))]
    table = Table("policy", "jobs", "ours s", "simplex", "ipm", "cvxpy", "ours / best rival", "gap", "peak MiB")
    for row in rows:
        ours = float(row["ours"])  # type: ignore[arg-type]
        rivals = [f"{float(row[name]) / ours:.1f}x" for name in ("highs-simplex", "highs-ipm", "cvxpy")]  # type: ignore[arg-type]
        table.add_row(
            str(row["policy"]),
            str(row["jobs"]),
            f"{ours:.4f}",
            *rivals,
            f"{row['ratio']:.2f}",
            f"{row['gap']:.1e}",
            f"{row['peak_mib']:.1f}",
        )
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
