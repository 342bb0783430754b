"""Water filling: lexicographic max-min levels by pure linear programs.

With level_i = tput_i / ref_i and weights W_i that may change as jobs become final, repeat

    maximise    c
    subject to  (level_i(X) - level_i) s_i / W_i >= c      jobs still rising (not final, W_i > 0)
                level_i(X) >= level_i                      all others

and raise the rising jobs by c W_i / s_i. The duals of this program are a proof: with lambda_i > 0 on a rising row and
v_k on the others, sum lambda u + sum v r is at its maximum, so job i cannot rise unless a job of that sum falls below where
it is now. Jobs so proved are final; the next round reshares their weight. Each round makes at least one job final. (Gavel
finds them by a mixed-integer program with a big M and loose tolerances, and is wrong where the tolerances bite.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gavelopt.engine.forms import Found, Task
from gavelopt.engine.problem import Answer, OutOfTime
from gavelopt.engine.sharing import Classes, alike
from gavelopt.judge.certify import Multipliers
from gavelopt.judge.levels import SATURATED, Round, could_rise
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.utility import Utility

NOTHING = 1e-9  # a rise below this part of the level at full speed is rounding
SIMPLEX_ROWS = 5000  # up to this many rows the simplex method is not too slow; above, interior point with crossover

Weights = Callable[[BoolArray], FloatArray]  # (J,) effective weights, given which jobs are final


@dataclass(frozen=True, eq=False)
class Ladder:
    """The state between rounds: (K,) levels of the classes, levels of the last allocation up to rounding, finality."""

    level: FloatArray
    attained: FloatArray
    final: BoolArray


def fill(task: Task, reference: FloatArray, scale: FloatArray, weights: Weights, apart: FloatArray) -> Answer:
    """Levels of all jobs, and the allocation that reaches them.

    reference: (J,) rate that counts as level 1; scale: (J,) scale factors; weights: effective weights from finality;
    apart: (J,) or (J, n) data in which jobs must agree to be merged (their entity, their place in a queue).
    """
    measure = Utility(-np.inf, 1.0 / reference, np.zeros(len(reference)), np.ones(len(reference)))
    measured = replace(task, form=measure, floors=())
    classes = Classes(measured, alike(measured, [reference, scale, apart]))
    merged = classes.merged
    member, first = merged.member, merged.first
    per_level = reference[first] * merged.count
    top = merged.space.ceiling / per_level
    ladder = Ladder(np.zeros(len(first)), np.zeros(len(first)), ~(top > 0))
    rounds: list[Round] = []
    x = np.zeros(classes.space.size)
    while True:
        weight = weights(ladder.final[member])[first]
        rising = ~ladder.final & (weight > 0)
        if not rising.any():
            break
        if task.seconds_left == 0.0:
            raise OutOfTime(f"water filling reached its time limit after {len(rounds)} rounds")
        found, form = _raise(classes, ladder, weight, scale[first], reference[first], rising)
        x = found.x
        rate = classes.space.rate(x)
        rise = np.where(rising, max(0.0, form.value(rate)) * weight / scale[first], 0.0)
        level = ladder.level + (rise if (rise > NOTHING * top).any() else 0.0)
        record = _record(found, merged.count, member, ladder.level, level)
        ladder = Ladder(level, rate / per_level, ladder.final | _proved(classes, record, form, rising, first, member))
        rounds.append(record)
    x, pairs = classes.dealt(np.append(x, np.zeros(classes.space.size - len(x))))
    proof = rounds[0].multipliers if rounds else None
    notes = (f"{len(rounds)} linear programs", *classes.notes())
    return Answer(x, proof, levels=ladder.level[member], pairs=pairs, proof=tuple(rounds), notes=notes)


def _raise(
    classes: Classes, ladder: Ladder, weight: FloatArray, scale: FloatArray, reference: FloatArray, rising: BoolArray
) -> tuple[Found, Utility]:
    """One round's program over the classes."""
    count = classes.merged.count
    gain = np.where(rising, scale / np.where(rising, weight, 1.0), 0.0)
    form = Utility(-np.inf, gain / (reference * count), -gain * ladder.level, rising.astype(np.float64))
    # not above what the last allocation has: then that allocation satisfies this program, whatever was rounded so far
    held = np.where(rising, 0.0, np.minimum(ladder.level, ladder.attained) * reference * count)
    # at a vertex, where the duals are exact
    solver = "highs-simplex" if 3 * len(count) <= SIMPLEX_ROWS else "highs-ipm"
    return classes.solve(form, [RateFloor("levels so far", held)], solver), form


def _record(found: Found, count: FloatArray, member: np.ndarray, before: FloatArray, after: FloatArray) -> Round:
    given = found.multipliers
    assert given.emphasis is not None
    spread = Multipliers(
        given.prices,
        (given.emphasis / count)[member],
        None,
        None if given.time is None else given.time[member],
        None if given.floors is None else given.floors[member],
    )
    return Round(spread, before[member], after[member])


def _proved(
    classes: Classes, record: Round, form: Utility, rising: BoolArray, first: np.ndarray, member: np.ndarray
) -> BoolArray:
    """(K,) rising classes that the round's multipliers prove saturated; at least the best proved one."""
    task = classes.task
    job_form = Utility(-np.inf, (form.slope * classes.merged.count)[member], form.offset[member], form.weight[member])
    rise = could_rise(task.space, job_form, record, task.form.slope)[first]
    rise = np.where(rising, rise, np.inf)
    proved = rise <= SATURATED
    if not proved.any():
        proved = rise <= rise.min()
    return np.asarray(proved)
