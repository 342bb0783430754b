"""The judge of placements: memory, devices and profiles checked, every request replayed in plain Python, the bound redone.

The value is the share of the counted requests of ``instance.workload`` that are answered within their objective under the
serving rules (``serving_rules.py``); the bound is that of ``serving_bound.py``. Nothing of the methods is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from gavelopt.judge.serving_bound import bound_of_plan
from gavelopt.judge.serving_rules import serve_plan
from gavelopt.judge.verdict import Verdict, relative_gap
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.placement import DeviceGroup, Placement, PlacementInstance, Plan
from gavelopt.model.policy import Policy

LIMIT = 1e-7


def judge_plan(
    instance: PlacementInstance, policy: Policy, plan: Plan, multipliers: object = None, tolerance: float = 1e-6
) -> Verdict:
    """Grade a placement, or a schedule of placements. ``multipliers`` are not needed: the bound asks nobody."""
    checks = tuple(check_plan(instance, plan))
    broken = [c for c in checks if not c.passed]
    if broken:
        words = ", ".join(f"{c.name} by {c.residual:.3g} at {c.worst}" for c in broken)
        return Verdict("failed", None, None, None, None, checks, f"the placement violates {words}")
    counted = instance.workload.counts
    if counted == 0:
        return Verdict("optimal", 1.0, 1.0, "proved", 0.0, checks, "no request counts")
    value, bound = int(good_of(instance, plan).sum()) / counted, bound_of_plan(instance, plan) / counted
    gap = relative_gap(value, bound)
    assert gap is not None
    return Verdict("optimal" if gap <= tolerance else "bounded", value, bound, "proved", gap, checks)


def good_of(instance: PlacementInstance, plan: Plan) -> IntArray:
    """(M,) counted requests of each model answered in time."""
    group, _ = _served(instance, plan)
    counted = slice(*instance.workload.counted)
    return np.bincount(instance.workload.model[counted][group[counted] >= 0], minlength=len(instance.models))


def shares_of(instance: PlacementInstance, plan: Plan) -> FloatArray:
    """(K,) share of its model's counted requests that each (model, group) serves in time, group by group, model by model."""
    group, _ = _served(instance, plan)
    counted = slice(*instance.workload.counted)
    model, group = instance.workload.model[counted], group[counted]
    pairs = [(g, m) for g, hosted in enumerate(_groups(plan)) for m in hosted.models]
    met = np.zeros((len(_groups(plan)) + 1, len(instance.models)))
    np.add.at(met, (group, model), 1.0)  # dropped requests fall into the last row
    asked = np.maximum(instance.workload.per_model(len(instance.models)), 1)
    return np.array([met[g, m] / asked[m] for g, m in pairs])


@lru_cache(maxsize=4)
def _served(instance: PlacementInstance, plan: Plan) -> tuple[IntArray, FloatArray]:
    return serve_plan(instance, plan)


def _groups(plan: Plan) -> list[DeviceGroup]:
    parts = [plan] if isinstance(plan, Placement) else plan.placements
    return [group for part in parts for group in part.groups]


def check_plan(instance: PlacementInstance, plan: Plan) -> Iterator[Check]:
    """Devices, models and profiles, memory: each with its residual, relative to max(1, the right-hand side)."""
    parts = [plan] if isinstance(plan, Placement) else list(plan.placements)
    used = max(part.devices for part in parts)
    over = (used - instance.devices) / max(1.0, instance.devices)
    yield Check("devices", max(0.0, over), LIMIT, f"{used} of {instance.devices}" if over > 0 else None)
    groups = _groups(plan)
    strange = next((g for g in groups if _unprofiled(instance, g)), None)
    worst = None if strange is None else f"group {strange.configuration} with models {strange.models}"
    yield Check("profiles", 0.0 if strange is None else float("inf"), LIMIT, worst)
    if strange is None:
        weight = np.array([_weight(instance, g) for g in groups])
        excess = (weight - instance.memory_gib) / max(1.0, instance.memory_gib)
        fullest = groups[int(np.argmax(excess))] if len(groups) and excess.max() > 0 else None
        where = None if fullest is None else f"group {fullest.configuration} with {instance.names_of(fullest)}"
        yield Check("memory", max(0.0, float(excess.max(initial=0.0))), LIMIT, where)


def _unprofiled(instance: PlacementInstance, group: DeviceGroup) -> bool:
    """Whether a group hosts a model that is not there or was not measured in the group's configuration."""
    profile = instance.models.profile
    return any(
        not 0 <= m < len(profile) or instance.profiles.get(profile[m], group.configuration) is None
        for m in group.models
    )


def _weight(instance: PlacementInstance, group: DeviceGroup) -> float:
    """GiB on the fullest accelerator, each model counted with its heaviest stage."""
    rows = [instance.profiles.get(instance.models.profile[m], group.configuration) for m in group.models]
    return sum(row.weight_gib for row in rows if row is not None)
