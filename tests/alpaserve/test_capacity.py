"""Capacity: the program against a brute force over counts, and the fewest devices between their bounds."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.capacity import fewest_devices, least_devices
from formulations.alpaserve.capacity_milp import fewest_devices as planned_devices
from formulations.alpaserve.capacity_milp import plan_capacity
from formulations.alpaserve.examples import paper_profiles, random_instance, serving_instance


def question(devices: int, cv: float = 1.0) -> go.PlacementInstance:
    return serving_instance(
        ["bert-1.3b", "bert-2.6b", "bert-1.3b"],
        paper_profiles(),
        devices=devices,
        total_rps=12.0,
        cv=cv,
        slo_scale=4.0,
        duration_s=60.0,
    )


def test_the_plan_obeys_its_own_rows() -> None:
    for seed in range(10):
        instance = random_instance(seed)
        plan, tables = plan_capacity(instance), instance.tables
        rates = instance.workload.per_model(len(instance.models)) / instance.workload.duration_s
        assert plan.groups @ tables.size <= instance.devices
        assert (plan.served_rps.sum(axis=1) <= rates * (1 + 1e-6)).all()
        assert (plan.replicas <= plan.groups[None, :]).all()
        weight = np.where(plan.replicas > 0, tables.weight_gib, 0.0)
        assert ((weight * plan.replicas).sum(axis=0) <= instance.budget_gib * plan.groups + 1e-6).all()
        assert (plan.served_rps[plan.replicas == 0] == 0).all()
        assert ((plan.served_rps * tables.slowest_s).sum(axis=0) <= plan.groups * (1 + 1e-6)).all()


def test_fewest_devices_of_the_program_is_the_first_feasible_count() -> None:
    """The program with a target against the program without, for every number of devices."""
    share = []
    for devices in range(1, 7):
        instance = question(devices)
        served = plan_capacity(instance).served_rps.sum()
        share.append(served / (len(instance.workload) / instance.workload.duration_s))
    first = 1 + next(k for k, value in enumerate(share) if value >= 0.95)
    assert planned_devices(question(6), target=0.95) == first
    with pytest.raises(go.Infeasible):
        planned_devices(question(1), target=0.95)


def test_polish_never_loses() -> None:
    for seed in range(5):
        instance = random_instance(seed, requests=150)
        plain = go.solve(instance, "placement", method="capacity_milp")
        polished = go.solve(instance, "placement", method="capacity_milp", polish=True)
        assert polished.value is not None
        assert plain.value is not None
        assert polished.value >= plain.value


def test_fewest_devices_reaches_its_target_between_its_bounds() -> None:
    found = fewest_devices(question(1, cv=3.0), 0.95, window_s=20.0)
    assert found.attainment >= 0.95
    sized = question(found.devices, cv=3.0)
    assert go.serving.simulate_serving(sized, found.placement).attainment == found.attainment
    assert found.placement.devices <= found.devices
    assert found.least <= found.devices
    assert found.tried[found.devices] == found.attainment
    assert found.tried.get(found.devices - 1, 0.0) < 0.95
    assert len(found.starts_s) == len(found.least_per_window) == 3
    assert max(found.least_per_window) >= found.least  # bursts do not average out within a window


def test_fewer_than_the_least_is_impossible() -> None:
    """On so few devices no placement reaches the target: the enumeration agrees."""
    instance = question(1, cv=2.0)
    least = least_devices(instance, instance.workload, 0.99)
    assert least >= 2
    fewer = instance.with_devices(least - 1)
    exact = go.solve(fewer, "placement", method="exact")
    assert exact.details["complete"]
    assert exact.value is not None
    assert exact.value < 0.99


def test_targets_out_of_reach() -> None:
    instance = question(1)
    with pytest.raises(go.InputError, match="target out of range"):
        fewest_devices(instance, 1.5)
    models = instance.models
    hopeless = instance.replace(models=go.ServedModels(models.names, models.profile, 0.001))
    with pytest.raises(go.InputError, match="any number of devices"):
        fewest_devices(hopeless, 0.5)
