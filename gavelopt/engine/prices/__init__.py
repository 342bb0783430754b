"""The price-directed engine: capacity prices instead of a program. ``market`` has the mathematics, ``search`` the steps."""

from __future__ import annotations

from gavelopt.engine.problem import Answer, Problem

PAYS = 5_000  # jobs from which a search for prices beats a program, also where its kernels have to be compiled first


def fast(problem: Problem, threads: int = 0, aggregate: bool = True) -> Answer:
    """Solve by capacity prices; see ``method``. The compiled kernels are loaded when this is first called."""
    from gavelopt.engine.prices.method import solve_by_prices

    return solve_by_prices(problem, threads, aggregate)


def pays(problem: Problem) -> str | None:
    """Why "auto" should try prices first, or None where it should not."""
    jobs = len(problem.instance.jobs)
    if jobs < PAYS or problem.utility is None or not problem.utility.concave or problem.space.plain is None:
        return None
    return None if problem.floors else f"prices are faster than a program for {jobs} jobs"
