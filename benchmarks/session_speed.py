"""What does one job more or less cost a session?

One job comes or goes among ``--jobs``, in turn; every answer is judged and certified. Beside it the cold solve of the same
jobs by ``fast`` and, once, by ``exact``, instance included. Milliseconds are the median (and the least). ``--profile`` says
where a session's milliseconds go.

    python benchmarks/session_speed.py --jobs 10000
    python benchmarks/session_speed.py --jobs 10000 --types 8 --profile max_sum
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import gavelopt as go

POLICIES = {"max_sum": {}, "max_min": {"normalize": None}, "makespan": {}, "proportional_fairness": {}}


def milliseconds(run: Callable[[int], go.Solution], times: int) -> np.ndarray:
    """Milliseconds of each of so many runs, every one of which must be certified."""
    spent = []
    for number in range(times):
        begin = time.perf_counter()
        solution = run(number)
        spent.append(1e3 * (time.perf_counter() - begin))
        assert solution.status == "optimal", solution.message
    return np.array(spent)


def stepping(
    policy: str, options: dict[str, object], jobs: int, types: int, times: int
) -> tuple[go.Session, Callable[[int], go.Solution]]:
    """A session, and what adds a job to it or takes one away and solves again."""
    start = go.examples.crowd(jobs, types, 3.0, seed=1)
    new = go.examples.crowd(times, types, 3.0, seed=2)
    session = go.Session(start, policy, **options)
    session.solve()

    def step(number: int) -> go.Solution:
        if number % 2:
            session.remove(session.jobs[number])
        else:
            row = dict(zip(new.cluster.accelerators, new.throughputs.rates[number].tolist(), strict=True))
            session.add({"name": f"n{number}", "rates": row, "steps": 1000.0, "scale_factor": 2})
        return session.solve()

    step(0)
    return session, step


def profiled(policy: str, options: dict[str, object], jobs: int, types: int, times: int) -> None:
    """Where the milliseconds of a session's solves go, function by function, what they call included."""
    _, step = stepping(policy, options, jobs, types, times)
    profile = cProfile.Profile()
    profile.enable()
    for number in range(1, times):
        step(number)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(r"gavelopt|formulations", 30)


def measured(policy: str, options: dict[str, object], jobs: int, types: int, times: int) -> tuple[np.ndarray, ...]:
    """(warm, cold by fast, cold by exact) milliseconds."""
    session, step = stepping(policy, options, jobs, types, times)

    def cold(method: str) -> go.Solution:
        now = session.instance()
        return go.solve(now, policy, method=method, **options)

    warm = milliseconds(lambda number: step(number + 1), times - 1)
    cold("fast")
    return warm, milliseconds(lambda _: cold("fast"), times), milliseconds(lambda _: cold("exact"), 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--types", type=int, default=4)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--profile", choices=sorted(POLICIES), help="profile a session of this policy instead")
    arguments = parser.parse_args()
    if arguments.profile:
        profiled(arguments.profile, dict(POLICIES[arguments.profile]), arguments.jobs, arguments.types, arguments.times)
        return 0
    shown = Table(title=f"{arguments.jobs} jobs on {arguments.types} types: one in or out, ms, median (least)")
    for column in ("policy", "session", "cold fast", "cold exact", "of cold fast", "of cold exact"):
        shown.add_column(column, justify="left" if column == "policy" else "right")
    progress = Console(stderr=True)
    for policy, options in track(POLICIES.items(), "solving", console=progress, disable=not sys.stderr.isatty()):
        warm, fast, exact = measured(policy, dict(options), arguments.jobs, arguments.types, arguments.times)
        shown.add_row(
            policy,
            *(f"{np.median(each):.1f} ({each.min():.1f})" for each in (warm, fast, exact)),
            f"1/{np.median(fast) / np.median(warm):.1f}",
            f"1/{np.median(exact) / np.median(warm):.0f}",
        )
    Console().print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
