"""Serving with batches against a reference of its own, written with plain lists."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.examples import random_instance
from tests.alpaserve.placements import random_code


def with_batches(instance: go.PlacementInstance, growth: float = 0.3) -> go.PlacementInstance:
    """Batches of 2 and 4 that cost ``growth`` of a request's time for every request more."""
    rows = list(instance.profiles.rows)
    for row in instance.profiles.rows:
        for size in (2, 4):
            slower = tuple(x * (1 + growth * (size - 1)) for x in row.stage_latency_s)
            rows.append(go.ServingProfile(row.model, row.configuration, slower, row.stage_weight_gib, size))
    return instance.replace(profiles=go.ServingProfiles(rows))


def reference(instance: go.PlacementInstance, placement: go.Placement) -> list[tuple[int, float, int]]:
    """(group, seconds, batch) of every request, (-1, nan, 0) where it was dropped."""
    groups, workload = placement.groups, instance.workload
    found = [(-1, float("nan"), 0)] * len(workload)
    waiting: list[list[int]] = [[] for _ in range(len(instance.models))]
    clocks = [[0.0] * group.configuration.inter_op for group in groups]
    slo, overhead = instance.tables.slo_s, instance.overheads.request_s
    coming, now = list(range(len(workload))), 0.0

    def start(g: int) -> None:
        group = groups[g]
        while True:
            heads = [(workload.arrival_s[waiting[m][0]], m) for m in group.models if waiting[m]]
            if not heads:
                return
            since, m = min(heads)
            profile = instance.models.profile[m]
            for size in sorted(instance.profiles.batches(profile, group.configuration), reverse=True):
                row = instance.profiles.get(profile, group.configuration, size)
                assert row is not None
                ends, t = [], now
                for free, latency in zip(clocks[g], instance.inflated(row), strict=True):
                    t = max(t, free) + latency
                    ends.append(t)
                if size <= len(waiting[m]) and t + overhead - since <= slo[m]:
                    clocks[g] = ends
                    for r in waiting[m][:size]:
                        found[r] = (g, t + overhead - workload.arrival_s[r], size)
                    del waiting[m][:size]
                    return
            del waiting[m][0]

    while True:
        while coming and workload.arrival_s[coming[0]] <= now:
            waiting[workload.model[coming[0]]].append(coming.pop(0))
        for g in sorted(range(len(groups)), key=lambda g: clocks[g][0]):
            if clocks[g][0] <= now:
                start(g)
        events = [clock[0] for clock in clocks if clock[0] > now]
        if coming:
            events.append(workload.arrival_s[coming[0]])
        if not events:
            return found
        now = float(min(events))


def test_batching_is_the_plain_reading_of_its_rules() -> None:
    for seed in range(60):
        instance = with_batches(random_instance(seed, requests=80))
        placement = instance.decode(random_code(instance, seed))
        report = go.serving.simulate_batching(instance, placement)
        expected = reference(instance, placement)
        assert report.group.tolist() == [group for group, _, _ in expected], seed
        assert report.latency_s == pytest.approx([seconds for _, seconds, _ in expected], nan_ok=True)


def test_a_free_device_starts_what_waits_together() -> None:
    one = go.Configuration()
    rows = [go.ServingProfile("p", one, (latency,), (1.0,), size) for size, latency in ((1, 1.0), (2, 1.1), (4, 1.4))]
    instance = go.PlacementInstance(
        go.Cluster({"gpu": 1}, memory_gib=[1.0]),
        go.ServedModels(["a"], ["p"], 10.0),
        go.ServingProfiles(rows),
        go.Workload.of([np.array([0.0, 0.1, 0.2, 0.3])]),
        overheads=go.serving.NO_OVERHEADS,
    )
    report = go.serving.simulate_batching(instance, instance.placement([((1, 1), ["a"])]))
    # alone until 1.0, then the three that wait: two together, then one (there is no batch of three)
    assert report.latency_s == pytest.approx([1.0, 2.0, 1.9, 2.8])
    assert report.busy_s == pytest.approx([3.1])


def test_cheap_batches_help_under_load_and_dear_ones_do_not() -> None:
    cheap = dear = plain = 0
    for seed in range(20):
        instance = random_instance(seed, requests=200)
        placement = instance.decode(random_code(instance, seed, fill=1.0))
        plain += go.serving.simulate_batching(instance, placement).good.sum()
        cheap += go.serving.simulate_batching(with_batches(instance, 0.1), placement).good.sum()
        dear += go.serving.simulate_batching(with_batches(instance, 1.2), placement).good.sum()
    assert cheap > 1.1 * plain
    assert dear < plain
