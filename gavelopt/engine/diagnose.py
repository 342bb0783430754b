"""Why a policy has no answer on an instance: rate floors that contradict each other, or jobs that can run nowhere.

The conflict is named by constraints and proved by a bound that the judge recomputes; the smallest changes that mend it are
offered beside each other: lower some floors, give up some jobs' floors, or add accelerators (mathematics in floors.py).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gavelopt.engine.floors import MATTERS, FloorRelaxations, Part
from gavelopt.engine.problem import Problem
from gavelopt.engine.registry import resolve
from gavelopt.errors import InputError
from gavelopt.model.constraints import joint_floor
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy

TEXT = "gavelopt.report.diagnoses:diagnosis_text"
FILTERED = 40  # floors in a conflict up to which the superfluous ones are filtered out, by one linear program each


@dataclass(frozen=True)
class Diagnosis:
    """Whether the floors of a policy can hold, and what to change where they cannot; ``print`` it.

    reach: the part of every floor that can be had at once; proved: the judge's bound on it is below 1.
    beyond: jobs whose floor is above their fastest type's rate: each contradicts its own time.
    conflict: named constraints that contradict each other, jobs of ``beyond`` apart; no floor in it is superfluous unless
    there are more than FILTERED of them.
    shortfall: {job: (floor, rate to settle for)} with the least total relative shortfall.
    kept, dropped: the largest set of jobs whose floors can hold together, and the rest; largest: whether that is proved.
    more: accelerators to add so that all floors but those of ``beyond`` hold, the cheapest where costs are known; {} where
    none are needed, None where no number was found.
    stuck: jobs that can run nowhere, under a policy that has no finite value with them; {job: why}.
    """

    feasible: bool
    reach: float = np.inf
    proved: bool = False
    unit: str = ""
    conflict: tuple[Part, ...] = ()
    beyond: tuple[str, ...] = ()
    shortfall: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    largest: bool = True
    more: Mapping[str, float] | None = field(default_factory=dict)
    stuck: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, ready for JSON."""
        return {**asdict(self), "reach": self.reach if np.isfinite(self.reach) else None}

    def __str__(self) -> str:
        module, _, name = TEXT.partition(":")
        return str(getattr(importlib.import_module(module), name)(self))


def diagnose(instance: Instance, policy: str | Policy, *, time_limit: float = 10.0, **options: Any) -> Diagnosis:
    """Diagnose a policy on a training instance; ``time_limit`` seconds for each integer program, ``options`` of the policy.

    Raises:
        InputError: an unknown policy or option; an instance of another kind than "training".
    """
    chosen, left = resolve(policy, options)
    if instance.kind != "training":
        raise InputError("only training instances can be diagnosed", seen=f"an instance of kind {instance.kind!r}")
    if left:
        raise InputError(f"unknown option {next(iter(left))!r} of policy {chosen.name!r}")
    return diagnose_problem(Problem(instance, chosen), time_limit)


def diagnose_problem(problem: Problem, time_limit: float = 10.0) -> Diagnosis:
    """As ``diagnose``, for a problem that is already put together."""
    stuck = _stuck(problem)
    unit = problem.instance.throughputs.unit
    floor = joint_floor(problem.floors, len(problem.space.jobs))
    if not (floor > 0).any():
        return Diagnosis(not stuck, unit=unit, stuck=stuck)
    whole = FloorRelaxations(problem, floor)
    reach, bound, conflict = whole.conflict()
    if reach >= 1.0 - MATTERS:
        return Diagnosis(not stuck, reach, unit=unit, kept=whole.names(floor > 0), stuck=stuck)
    beyond = floor > whole.space.ceiling * (1.0 + MATTERS)
    rest = FloorRelaxations(problem, np.where(beyond, 0.0, floor))
    kept, largest = whole.subset(time_limit)
    return Diagnosis(
        feasible=False,
        reach=max(0.0, reach),
        proved=bound < 1.0,
        unit=unit,
        conflict=_smallest_conflict(problem, rest) if beyond.any() else _filtered(problem, whole, conflict),
        beyond=whole.names(beyond),
        shortfall=whole.shortfall(),
        kept=whole.names(kept),
        dropped=whole.names((floor > 0) & ~kept),
        largest=largest,
        more=rest.more(time_limit),
        stuck=stuck,
    )


def _smallest_conflict(problem: Problem, case: FloorRelaxations) -> tuple[Part, ...]:
    """The conflict among the floors of ``case``, () where they can hold together."""
    if not len(case.on):
        return ()
    reach, _, parts = case.conflict()
    return () if reach >= 1.0 - MATTERS else _filtered(problem, case, parts)


def _filtered(problem: Problem, case: FloorRelaxations, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The conflict with floors left out, one by one, as long as the rest still contradicts; large ones stay as they are."""
    jobs = [case.space.jobs.index(part.of) for part in parts if part.is_floor]
    if len(jobs) > FILTERED:
        return parts
    floor = np.zeros(len(case.floor))
    floor[jobs] = case.floor[jobs]
    for job in jobs:
        fewer = floor.copy()
        fewer[job] = 0.0
        if (fewer > 0).any() and FloorRelaxations(problem, fewer).conflict()[0] < 1.0 - MATTERS:
            floor = fewer
    return FloorRelaxations(problem, floor).conflict()[2]


def _stuck(problem: Problem) -> dict[str, str]:
    """Jobs without any rate where the policy's value is then not finite, and why they have none."""
    utility, space, instance = problem.utility, problem.space, problem.instance
    if utility is None or np.isfinite(utility.reported(utility.value(space.ceiling))):
        return {}
    reasons = {}
    for job in np.flatnonzero(utility.active & ~(space.ceiling > 0)):
        able = instance.throughputs.rates[job] > 0
        if able.any():
            gang, most = int(instance.jobs.scale_factor[job]), float(instance.cluster.count[able].max())
            reasons[instance.jobs.names[int(job)]] = f"its gang of {gang} is larger than any type it runs on ({most:g})"
        else:
            known = bool(instance.throughputs.known_cells[job].all())
            reasons[instance.jobs.names[int(job)]] = "its rate is 0 on every type" if known else "its rates are unknown"
    return reasons
