"""Water filling: max-min fairness that goes on after the first bottleneck, flat or by entity.

level_i = tput_i / prop_i,  tput_i = sum_j T_ij X_ij,  prop_i as in max_min. Among all X in the base constraints the levels
are lexicographically max-min: no job's s_i level_i / W_i can be raised without lowering one at or below it.

    flat              W_i = w_i
    entity, fairness  W_i = W_entity w_i / sum of w over the entity's jobs that are not final yet
    entity, fifo      of the entity's jobs that are not final the one that arrived first has W_entity, the others 0

A job is final once it cannot rise; its weight is shared among the rest of its entity, and an entity whose jobs are all
final disappears. Jobs at their own ceiling stop without any program; prices of the accelerators tell who stops for want of
capacity, at no more bottlenecks than there are types. The value is the smallest s_i level_i / W_i over the jobs with weight
at the start; ``solution.levels`` has every job's level in the instance's order.

What differs from Gavel: saturated jobs are found from prices whose proof the judge recomputes, not by a mixed-integer
program with loose tolerances (its levels are off by up to 1.8 on hierarchical cases and by 0.6 on a flat one). An answer is
optimal where all levels are proved to 1e-6; where it reaches its levels and the proof falls short it is bounded.
Reference: Narayanan et al., OSDI 2020, section 4.3; Gavel's max_min_fairness_water_filling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.gavel.agnostic import check_agnostic


def water_groups(instance: go.Instance) -> go.WaterGroups:
    """Who shares with whom: every job on its own, or the jobs of an entity."""
    jobs, owners = instance.jobs, instance.jobs.entity
    if not instance.entities or owners is None:
        return go.WaterGroups.flat(jobs.weight)
    number = {entity.name: position for position, entity in enumerate(instance.entities)}
    place = np.empty(len(jobs))
    place[np.argsort(jobs.arrival_s, kind="stable")] = np.arange(len(jobs))
    return go.WaterGroups(
        np.array([number[str(owner)] for owner in owners]),
        jobs.weight,
        place,
        np.array([entity.weight for entity in instance.entities]),
        np.array([entity.policy == "fifo" for entity in instance.entities]),
    )


def starting_weights(instance: go.Instance) -> go.FloatArray:
    """(J,) W_i while no job is final."""
    groups = water_groups(instance)
    total = np.bincount(groups.member, groups.weight, minlength=len(groups.share))
    head = np.full(len(groups.share), np.inf)
    np.minimum.at(head, groups.member, groups.place)
    part = np.where(groups.queued, groups.place == head[groups.member], groups.weight / total[groups.member])
    return np.asarray(groups.share[groups.member] * part)


def _fill(problem: go.Problem) -> go.Answer:
    assert problem.utility is not None
    return go.fill_levels(
        go.Task(problem.space, problem.utility, tolerance=problem.tolerance, deadline=problem.deadline),
        go.equal_share_rate(problem.instance, problem.space),
        problem.instance.jobs.scale_factor.astype(np.float64),
        water_groups(problem.instance),
    )


@dataclass(frozen=True)
class WaterFilling(go.Policy):
    """Lexicographic max-min levels; by entity where the instance declares entities. agnostic: take every rate as 1."""

    name = "water_filling"
    summary = "max-min fairness continued past every bottleneck, flat or by entity"
    reference = "Gavel, OSDI 2020, section 4.3"
    methods = (go.Method("exact", _fill, "exact", "capacity prices that prove each bottleneck; no program in between"),)
    generic = False  # a large smallest level alone does not make the levels lexicographically max-min

    agnostic: bool = False

    def __post_init__(self) -> None:
        check_agnostic(self, self.agnostic)

    def objective(self, view: go.View) -> Any:
        weight = self._weight(view.instance)
        counted = weight > 0
        level = view.scale_factor * view.rate / view.equal_share_rate
        return view.smallest(level / np.where(counted, weight, 1.0), over=counted)

    def assumed_rates(self, instance: go.Instance) -> go.FloatArray | None:
        return np.ones(instance.rates.shape) if self.agnostic else None

    def unit(self, instance: go.Instance) -> str:
        return "normalised throughput"

    def _weight(self, instance: go.Instance) -> go.FloatArray:
        _check_entities(instance)
        return starting_weights(instance)

    def examine(
        self, instance: go.Instance, space: go.AllocationSpace, x: go.FloatArray, proof: Any
    ) -> Sequence[go.Check]:
        """The judge's own pass over the bottlenecks: x reaches the levels; they follow the weights, and at x the prices prove
        all jobs saturated."""
        return go.check_levels(
            space,
            x,
            go.equal_share_rate(instance, space),
            instance.jobs.scale_factor.astype(np.float64),
            water_groups(instance),
            proof or (),
        )

    def judged_levels(self, proof: Any, offered: go.FloatArray | None) -> go.FloatArray | None:
        return proof[-1].after if proof else None if offered is None else np.zeros(len(offered))


def _check_entities(instance: go.Instance) -> None:
    owners = instance.jobs.entity
    if not instance.entities or owners is None:
        return
    for position, owner in enumerate(owners):
        if owner is None:
            raise go.InputError(
                "a job belongs to no entity",
                where=f"job {instance.jobs.names[position]!r}",
                rule="where entities are declared, every job has one",
                fix="give it an entity, or declare none",
            )
