"""Water filling: lexicographic max-min levels, from bottleneck to bottleneck of capacity.

    1. As the water rises every job follows its path (``filling_path``) and stops at the rate that it can have without
       anything scarce: at first its own fastest one, later the fastest of the types that still have no price.
    2. At some height the rates on the paths can no longer be had. Capacity prices that prove it are found by prices
       (``filling_prices``), or where columns serve several jobs by linear programs (``filling_programs``).
    3. Whoever would pay a price for more is final; the weight goes to the others of the group, who rise on.

A bottleneck whose prices are those of earlier bottlenecks would be one of jobs that pay for more, and these have stopped.
So each one makes another type scarce, and there are no more of them than types. Its prices and the worth of rates at it are
what the judge needs to see that all these jobs are saturated (``judge.levels``); an answer that it does not accept, by more
than the rounding of its prices, is made once more by linear programs over all columns. (Gavel finds saturated jobs by a
mixed-integer program with a big M and loose tolerances, and is wrong where these bite.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gavelopt.engine.filling_path import Bottleneck, Path, Rates
from gavelopt.engine.filling_prices import Prices
from gavelopt.engine.filling_programs import Programs
from gavelopt.engine.forms import Task
from gavelopt.engine.prices_of import ceiling_proof
from gavelopt.engine.problem import Answer, Infeasible, OutOfTime
from gavelopt.engine.sharing import Classes, alike
from gavelopt.errors import SolverError
from gavelopt.judge.check import tidy
from gavelopt.judge.levels import Referee, Round, WaterGroups, check_levels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.utility import Utility

NEARLY = 1e-4  # of a level: less is lost in the rounding of prices that span many decades


def fill(task: Task, reference: FloatArray, scale: FloatArray, groups: WaterGroups) -> Answer:
    """Levels of all jobs, and the allocation that reaches them.

    reference: (J,) rate that counts as level 1; scale: (J,) scale factors; groups: who shares with whom. The form of the
    task is the policy's minimum; the first round proves it. Raises OutOfTime, or SolverError with HiGHS's words.
    """
    filling = Filling.of(task, reference, scale, groups)
    found, why = filling.by_prices()
    if found is not None and (not why or filling.nearly(found)):
        return found
    try:
        other = filling.by(Programs(filling.classes), f"programs over all columns: {why}")
    except (SolverError, Infeasible, OutOfTime):
        if found is None:
            raise
        return found
    return other if found is None or not filling.open(other) else found


@dataclass(frozen=True, eq=False)
class Filling:
    """A question of water filling, with its jobs merged into classes."""

    task: Task
    classes: Classes
    reference: FloatArray
    scale: FloatArray
    groups: WaterGroups

    @classmethod
    def of(cls, task: Task, reference: FloatArray, scale: FloatArray, groups: WaterGroups) -> Filling:
        """Jobs with the same rates, reference and scale factor, and the same part in a group, are one class."""
        measure = Utility(-np.inf, 1.0 / reference, np.zeros(len(reference)), np.ones(len(reference)))
        measured = replace(task, form=measure, floors=())
        classes = Classes(measured, alike(measured, [reference, scale, _apart(groups)]))
        return cls(task, classes, reference, scale, groups)

    def by_prices(self) -> tuple[Answer | None, str]:
        """The answer by capacity prices, None where there is none, and what is wrong with it or with them."""
        if self.classes.family is not None:
            return None, "some serve two jobs"
        try:
            found = self.by(Prices(self.classes.space, self.task.deadline), "capacity prices")
        except (SolverError, Infeasible) as error:  # ties that leave open where whoever is settled should stand
            return None, str(error)
        return found, self.open(found)

    def by(self, bottlenecks: Prices | Programs, how: str) -> Answer:
        """The answer, bottleneck by bottleneck."""
        task, first, member = self.task, self.classes.merged.first, self.classes.merged.member
        count, groups = self.classes.merged.count, _of_classes(self.groups, first, member)
        referee = Referee(task.space, self.reference, self.scale, self.groups)
        rounds: list[Round] = []
        programs, x = 0, np.zeros(self.classes.space.size)
        while not referee.final.all() and not (rounds and rounds[-1].prices is None):
            if task.seconds_left == 0.0:
                raise OutOfTime(f"water filling reached its time limit after {len(rounds)} bottlenecks")
            top, rising = (referee.top / self.reference)[first], ~referee.final[first]
            path = Path(groups, count, self.scale[first], referee.level[first], top, rising)
            found = bottlenecks.bottleneck(_rates(path, self.reference[first] * count), path.end)
            programs, x = programs + found.programs, found.x
            rounds.append(referee.take(_record(found, path, member)))
        return self._answer(x, rounds, referee.level, programs, how)

    def open(self, answer: Answer) -> str:
        """What the judge does not accept of an answer, in words; empty where it accepts all."""
        return ", ".join(f"{check.name} by {check.residual:.2g}" for check in self._refused(answer))

    def nearly(self, answer: Answer) -> bool:
        """Whether all that an answer lacks is a little of its proof, which programs would lack as well."""
        return all(check.proof and check.residual <= NEARLY for check in self._refused(answer))

    def _refused(self, answer: Answer) -> list[Check]:
        space = answer.columns(self.task.space)
        checks = check_levels(space, answer.x, self.reference, self.scale, self.groups, answer.proof)
        return [check for check in checks if not check.passed]

    def _answer(self, x: FloatArray, rounds: list[Round], level: FloatArray, programs: int, how: str) -> Answer:
        task, space = self.task, self.classes.space
        x, pairs = self.classes.dealt(tidy(space, np.append(x, np.zeros(space.size - len(x)))))
        proofs = [proof for proof in (each.multipliers(task.form.slope) for each in rounds) if proof is not None]
        number = sum(each.prices is not None for each in rounds)
        return Answer(
            x,
            proofs[0] if proofs else ceiling_proof(task.space, task.form),
            levels=level,
            pairs=pairs,
            proof=tuple(rounds),
            notes=(f"{number} bottleneck(s), {programs} linear programs by {how}", *self.classes.notes()),
            details={"bottlenecks": number, "programs": programs},
        )


def _rates(path: Path, per_level: FloatArray) -> Rates:
    return lambda water: path.at(water) * per_level


def _record(found: Bottleneck, path: Path, member: IntArray) -> Round:
    """The round of the jobs: an hour and a unit of rate are worth the same to each job of a class."""
    after, cut = path.at(found.water)[member], found.cut
    if cut is None:
        return Round(after)
    time = None if cut.time is None else cut.time[member]
    return Round(after, cut.prices, cut.worth[member], time, None if cut.settled is None else cut.settled[member])


def _apart(groups: WaterGroups) -> FloatArray:
    """(J, 4) what jobs must agree in to be merged: their group where it is of several, their weights, their place."""
    several = np.bincount(groups.member, minlength=len(groups.share))[groups.member] > 1
    return np.column_stack(
        [
            np.where(several, groups.member, -1),
            np.where(several & groups.queued, groups.place, -1.0),
            groups.weight,
            np.where(several, 0.0, groups.share[groups.member]),
        ]
    )


def _of_classes(groups: WaterGroups, first: IntArray, member: IntArray) -> WaterGroups:
    """The groups of classes: those of several jobs as they are, single jobs that are alike one group together."""
    size = np.bincount(groups.member, minlength=len(groups.share))
    several = size[groups.member[first]] > 1
    named = np.where(several, groups.member[first], len(groups.share) + np.arange(len(first)))
    _, number = np.unique(named, return_inverse=True)
    of_job = number.ravel()[member]
    share = np.zeros(int(number.max(initial=-1)) + 1)
    np.add.at(share, of_job, groups.share[groups.member] / size[groups.member])
    queue = np.zeros(len(share), dtype=bool)
    queue[of_job] = groups.queued & (size[groups.member] > 1)
    return WaterGroups(number.ravel(), groups.weight[first], groups.place[first], share, queue)
