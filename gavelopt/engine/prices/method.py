"""The method ``fast``: prices instead of a program.

    prices             a search for the clearing prices (``search``; ``market`` has the mathematics)
    bundle             where very many jobs are tied: a mixture of placements at several prices (``blend``)
    interior point     of the same market (``barrier``); for a sum finished exactly by a search that begins at its prices
    resumed            first of all from the prices of the last answer, in a session: an exact finish there, then a search
    exact              the exact method, where none of these closes the gap; the answer's notes say so

Each is tried where the one before has not closed the gap; power means of few kinds of jobs begin with the interior point.

Jobs that are alike are merged first. A handful of kinds is one small program, solved as such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gavelopt.engine.aggregate import Merged, merge
from gavelopt.engine.exact import by_program, exact, task_of
from gavelopt.engine.prices.barrier import interior, outcome_of
from gavelopt.engine.prices.block import NO_ROWS
from gavelopt.engine.prices.build import Built, build, multipliers, prices_again
from gavelopt.engine.prices.market import Market, available_threads
from gavelopt.engine.prices.outcome import Outcome
from gavelopt.engine.prices.search import blended, box_around, nearby, search
from gavelopt.engine.prices.start import Start, rescaled, resumed
from gavelopt.engine.problem import Answer, OutOfTime, Problem
from gavelopt.errors import SolverError
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.judge.verdict import relative_gap
from gavelopt.model.utility import Utility

HANDFUL = 300  # kinds: up to so many, no solver needs help
FEW = 2_000  # kinds: below, single ones are so heavy that a search for prices often needs the interior point in the end
SUM_GOAL = 1e-9  # a sum ends in an exact vertex, so the goal costs nothing
INSIDE_BOX = 1e-4  # relative: how far the exact prices lie from those of the interior point, at most

Engine = Callable[[Market, float, Problem], Outcome | None]


def solve_by_prices(problem: Problem, threads: int = 0, aggregate: bool = True) -> Answer:
    """Solve by capacity prices. threads: cores to use, 0 for all that this process may; aggregate: merge jobs that are alike.

    What prices do not solve (no normal form, rate floors, shared columns) goes to the exact method, and the notes say so.
    """
    utility, why = problem.utility, unsuited(problem)
    if utility is None or why is not None:
        return _noted(exact(problem, aggregate=aggregate), why or "")
    cores = threads or available_threads()
    if (again := _again(problem, utility, cores)) is not None:
        return again
    merged = merge(problem.space, utility, row=problem.row) if aggregate else None
    space, form = (merged.space, merged.utility) if merged else (problem.space, utility)
    notes = [f"{len(problem.space.jobs)} jobs merged into {len(merged.count)} kinds"] if merged else []
    built = build(space, form, cores)
    if not (built.market.gain > 0).any():
        idle = Multipliers(np.zeros(len(space.capacity)))
        return Answer(np.zeros(problem.space.size), idle, notes=(*notes, "no job can run"))
    if built.market.jobs <= HANDFUL:
        try:
            return _noted(by_program(task_of(problem, utility), merged), "so few kinds of jobs are one small program")
        except SolverError as error:
            notes.append(f"a small program, but {error}")
    found, how = solve_market(built, problem)
    if found is not None and (
        found.gap(built.market) <= problem.tolerance or built.dead or problem.seconds_left == 0.0
    ):
        return _answer(problem, built, merged, found, how, notes)
    return _fallback(problem, built, merged, found, how, notes)


def _fallback(
    problem: Problem, built: Built, merged: Merged | None, found: Outcome | None, how: str, notes: Sequence[str]
) -> Answer:
    """The answer of the exact method where prices have not reached the tolerance; theirs, if it fails or leaves more open."""
    utility = problem.utility
    assert utility is not None
    gap = np.inf if found is None else found.gap(built.market)
    try:
        answer = by_program(task_of(problem, utility), merged)
    except (OutOfTime, SolverError) as error:
        if found is None:
            raise
        return _answer(problem, built, merged, found, how, (*notes, f"the exact method failed: {error}"))
    if found is not None and not _open(problem, utility, answer) <= gap:
        return _answer(problem, built, merged, found, how, (*notes, "the exact method left more open"))
    reached = "" if found is None else f"; they had closed the gap to {gap:.2g}"
    return _noted(answer, f"prices did not reach the tolerance{reached}")


def _open(problem: Problem, utility: Utility, answer: Answer) -> float:
    """The gap that the multipliers of an answer leave."""
    value = utility.value(problem.space.rate(answer.x))
    bound = upper_bound(problem.space, utility, answer.multipliers)
    gap = relative_gap(value, bound, logarithmic=utility.p == 0.0, weight=utility)
    return np.inf if gap is None else gap


def _again(problem: Problem, utility: Utility, cores: int) -> Answer | None:
    """The exact finish at the prices of a session's last answer, where that closes the gap. Jobs are not merged: they were
    not alike then, and few have come since."""
    last = problem.warm
    if last is None or last.details.get("kinds") != len(last.instance.jobs):
        return None
    built = build(problem.space, utility, cores)
    at = last_start(built, problem)
    try:
        found = None if at is None else nearby(built.market, at, _goal(built.market, problem), problem.deadline)
    except (OutOfTime, SolverError):  # of the small program of the finish: the search that follows has others
        return None
    if found is None or found.gap(built.market) > _goal(built.market, problem):
        return None
    return _answer(problem, built, None, found, "prices of the last answer", [])


def _answer(
    problem: Problem, built: Built, merged: Merged | None, found: Outcome, how: str, notes: Sequence[str]
) -> Answer:
    """What was found, written out job by job."""
    form, member = (merged.utility, merged.member) if merged else (problem.utility, NO_ROWS)
    assert form is not None
    proof = multipliers(built, form, found.proof)
    words = f"{how}: {found.rounds} round(s), {found.open_jobs} jobs open in the last one"
    return Answer(
        found.plan.dense(problem.space.time, built.market.types, member, built.market.threads),
        merged.expand_multipliers(proof) if merged else proof,
        notes=(*notes, words),
        details={
            "engine": how,
            "rounds": found.rounds,
            "open_jobs": found.open_jobs,
            "kinds": built.market.jobs,
        },
    )


def unsuited(problem: Problem) -> str | None:
    """Why prices do not solve this, or None where they do."""
    utility = problem.utility
    if utility is None or not utility.concave or (utility.saturation is not None and utility.p != -np.inf):
        return "prices need a policy whose objective is a power mean of rates with p <= 1"
    if problem.floors:
        return "prices do not solve rate floors"
    if problem.space.plain is None:
        return "prices solve allocations of one job a column; pairs of jobs share columns here"
    return None


def _noted(answer: Answer, why: str) -> Answer:
    """The answer of the exact method, with the reason for it in the notes."""
    return replace(answer, notes=(why, "by the exact method", *answer.notes), details={"engine": "exact"})


def solve_market(built: Built, problem: Problem) -> tuple[Outcome | None, str]:
    """The best outcome within the deadline, and the engine that found it."""
    market = built.market
    goal = _goal(market, problem)
    engines: list[tuple[str, Engine]] = [("prices", _prices), ("bundle", _bundle), ("interior point", _interior)]
    if market.power not in (1.0, -np.inf) and market.jobs <= FEW:
        engines = [engines[2], engines[1]]
    known = last_start(built, problem)
    if known is not None:
        engines = [("prices of the last answer", partial(_resumed, known)), *engines]
    best: Outcome | None = None
    name = ""
    for how, engine in engines:
        try:
            found = engine(market, goal, problem)
        except (OutOfTime, SolverError):  # of a small linear program: the next engine needs none, or another
            continue
        if found is not None and (best is None or found.gap(market) < best.gap(market)):
            name = how
        best = best if found is None else found.better(best)
        if best is not None and best.gap(market) <= problem.tolerance:
            break
    return best, name


def _goal(market: Market, problem: Problem) -> float:
    return min(problem.tolerance, SUM_GOAL) if market.power == 1.0 else 0.5 * problem.tolerance


def _prices(market: Market, goal: float, problem: Problem) -> Outcome | None:
    return search(market, goal, seed=problem.seed, deadline=problem.deadline)[0]


def _resumed(at: Start, market: Market, goal: float, problem: Problem) -> Outcome | None:
    return search(market, goal, seed=problem.seed, deadline=problem.deadline, start=rescaled(market, at))[0]


def last_start(built: Built, problem: Problem) -> Start | None:
    """The prices and the level of a session's last answer; those of a minimum that one job decides are 0, and of no use."""
    last, form = problem.warm, problem.utility
    if last is None or last.multipliers is None or last.value is None or form is None:
        return None
    prices, value = last.multipliers.prices, form.normal(last.value)
    if prices is None or len(prices) != built.market.types or not (prices > 0).any():
        return None
    again = prices_again(built, form, prices, value)
    return resumed(built.market, again, value / built.unit) if np.isfinite(again).all() else None


def _bundle(market: Market, goal: float, problem: Problem) -> Outcome:
    return blended(market, goal, seed=problem.seed, deadline=problem.deadline)


def _interior(market: Market, goal: float, problem: Problem) -> Outcome | None:
    inside = interior(market, deadline=problem.deadline)
    if market.power not in (1.0, -np.inf):
        return outcome_of(market, inside)
    centre = box_around(market, inside.price, inside.level, INSIDE_BOX)
    return search(market, goal, seed=problem.seed, deadline=problem.deadline, start=centre)[0]
