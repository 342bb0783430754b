"""The bound e of freely chosen groups, and the tree that it prunes, against replays and a brute force."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve import exact
from formulations.alpaserve.exact import Clusters
from formulations.alpaserve.examples import SINGLE, random_instance, serving_instance, synthetic_profiles
from formulations.alpaserve.partitions import multisets
from formulations.alpaserve.policy import ModelPlacement
from formulations.alpaserve.relaxed import Relaxation
from formulations.alpaserve.scoring import Scorer
from tests.alpaserve.placements import good, random_code, tiny


def identical(models: int, devices: int, seed: int, *, slo: float = 2.0, cv: float = 3.0) -> go.PlacementInstance:
    """Copies of one small model that all fit on every device but one, at a load of 0.9."""
    profiles = synthetic_profiles({"bert-1.3b": SINGLE["bert-1.3b"]}, inter=(1, 2), intra=(1, 2))
    total = 0.9 * devices / SINGLE["bert-1.3b"][0]
    memory = (models - 1) * SINGLE["bert-1.3b"][1]
    return serving_instance(
        ["bert-1.3b"] * models,
        profiles,
        devices=devices,
        total_rps=total,
        cv=cv,
        slo_scale=slo,
        duration_s=100 / total,
        seed=seed,
        memory_gib=memory,
    )


def table(instance: go.PlacementInstance, incumbent: int = 0) -> Clusters:
    return Clusters(Scorer(instance), (incumbent, ()), go.Problem(instance, ModelPlacement()))


def served(instance: go.PlacementInstance, code: go.serving.Code, relaxed: Relaxation, models: int) -> list[int]:
    """How many requests for the models a placement serves in every window, in the order of ``by_window``."""
    group, _ = go.serving.ServingSimulator(instance).trace(code)
    first, last = instance.workload.counted
    mine = (group >= 0) & np.isin(instance.workload.model, go.serving.positions(models))
    at = np.searchsorted(relaxed.edges_s, instance.workload.arrival_s[first:last], side="right") - 1
    counts = np.bincount(at[mine[first:last]], minlength=len(relaxed.edges_s) - 1)
    return [int(counts[i : j + 1].sum()) for i in range(len(counts)) for j in range(i, len(counts))]


@pytest.mark.parametrize("width", [1, 3, 64])
def test_no_placement_serves_more_than_its_groups_could_in_any_window(width: int) -> None:
    """Of every set of models, in every window, on the groups that host some of them; also where some requests do not count."""
    tight = 0
    for seed in range(60):
        instance = identical(4, 4, seed) if seed % 3 == 0 else random_instance(seed, requests=90)
        if seed % 2:
            instance = instance.replace(workload=instance.workload.trimmed(1.0))
        relaxed, code = Relaxation(instance, instance.workload, width), random_code(instance, seed)
        for models in range(1, 1 << len(instance.models)):
            hosts = tuple(shape for shape, mask in code if mask & models)
            most, found = relaxed.by_window(models, hosts), served(instance, code, relaxed, models)
            assert (np.array(found) <= most).all()
            assert found[len(relaxed.edges_s) - 2] <= relaxed.whole(models, hosts)
            tight += int((np.array(found) == most).sum())
    assert tight > 1000


def test_requests_may_choose_but_not_overlap() -> None:
    """Three requests at once, 1 s each, due after 2.5 s: one device serves two of them, two devices all."""
    instance = tiny([[0.0, 0.0], [0.0]], stages={1: (1.0,), 2: (0.5, 0.5)}, slo=2.5, devices=2)
    relaxed = Relaxation(instance, instance.workload)
    shape = [c.inter_op for c in instance.tables.configurations]
    assert relaxed.whole(0b11, (shape.index(1),)) == 2
    assert relaxed.whole(0b11, (shape.index(1),) * 2) == 3
    assert relaxed.whole(0b10, (shape.index(1),)) == 1
    assert relaxed.whole(0b11, (shape.index(2),)) == 3  # one every 0.5 s: ready after 1.0, 1.5 and 2.0 s
    assert relaxed.whole(0b11, ()) == 0


def test_for_equal_devices_and_models_it_is_every_model_everywhere() -> None:
    for seed in range(20):
        instance = identical(4, 3, seed, slo=1.5 + seed % 4)
        roomy = instance.replace(cluster=go.Cluster({"v100": 3}, memory_gib=[1000.0]))
        everywhere = tuple((0, 0b1111) for _ in range(3))
        assert Relaxation(instance, instance.workload).whole(0b1111, (0, 0, 0)) == good(roomy, everywhere)


def test_merging_only_raises_the_bound() -> None:
    raised = 0
    for seed in range(40):
        instance = random_instance(seed, requests=200) if seed % 2 else identical(4, 5, seed, slo=4.0)
        whole = (1 << len(instance.models)) - 1
        for cut in multisets([int(size) for size in instance.tables.size], instance.devices):
            one, few, many = (Relaxation(instance, instance.workload, width).whole(whole, cut) for width in (1, 3, 256))
            assert min(one, few) >= many
            raised += few > many
    assert raised > 50


def test_a_merged_state_is_as_good_as_what_it_stands_for() -> None:
    from formulations.alpaserve.relaxed_kernel import merge

    draw = np.random.default_rng(1)
    for width in (1, 2, 5):
        clock, count = draw.uniform(0, 3, (8, 3)), draw.integers(0, 4, 8)
        before = clock.copy(), count.copy()
        assert merge(clock, count, 8, width, np.ones(3), np.empty((8, 3)), np.empty(8, dtype=np.int64)) == width
        for old_clock, old_count in zip(*before, strict=True):
            assert any(count[s] >= old_count and (clock[s] <= old_clock).all() for s in range(width))


def test_out_of_time_every_request_could_be_served() -> None:
    instance = identical(3, 2, 5)
    late, relaxed = Relaxation(instance, instance.workload, deadline=0.0), Relaxation(instance, instance.workload)
    requests = int(instance.workload.per_model(3)[:2].sum())
    assert late.whole(0b011, (0,)) == requests > relaxed.whole(0b011, (0,))
    assert (late.by_window(0b011, (0,)) >= relaxed.by_window(0b011, (0,))).all()
    assert late.by_window(0b011, (0,))[len(late.edges_s) - 2] == requests


@pytest.mark.parametrize("seed", range(6))
def test_the_pruned_tree_finds_what_brute_force_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All placements of three devices; the bound e in use from the first node, without an incumbent and with the best."""
    monkeypatch.setattr(exact, "PATIENCE", 0)
    instance = identical(3, 3, seed) if seed % 2 else random_instance(seed, requests=60, most=3)
    groups = [(c, mask) for c in range(len(instance.tables.size)) for mask in range(1, 1 << len(instance.models))]
    groups = [group for group in groups if Scorer(instance).fits(group)]
    codes = [
        code
        for number in range(instance.devices + 1)
        for code in combinations_with_replacement(groups, number)
        if sum(int(instance.tables.size[c]) for c, _ in code) <= instance.devices
    ]
    best = int(go.serving.ServingSimulator(instance).good(codes).max())
    for incumbent in (0, best - 1):
        found, code = table(instance, incumbent).solve()
        assert found == good(instance, code) == best


def test_a_simulation_is_given_up_once_the_rest_cannot_save_it() -> None:
    for seed in range(20):
        instance = random_instance(seed, requests=90)
        if seed % 2:
            instance = instance.replace(workload=instance.workload.trimmed(1.0))
        simulator, code = go.serving.ServingSimulator(instance), random_code(instance, seed)
        group, _ = simulator.trace(code)
        first, last = instance.workload.counted
        check = np.array([0, first, (first + last) // 2, (first + last) // 2, last])
        lost = np.array([[int((group[max(at, first) : last] < 0).sum()) for at in check]])
        failures = simulator.requests - good(instance, code)
        whole = simulator.score(*simulator.encode([code]), failures=failures, check=check, lost=lost)
        assert whole[0][0] == good(instance, code)
        for e in range(len(check)):
            more = lost + (np.arange(len(check)) == e)
            assert simulator.score(*simulator.encode([code]), failures=failures, check=check, lost=more)[0][
                0
            ] == -1 or (check[e] == len(instance.workload))


def test_six_small_models_on_six_devices_are_proved() -> None:
    """More than 10^7 placements, of which few have to be simulated."""
    profiles = synthetic_profiles({"bert-1.3b": SINGLE["bert-1.3b"]}, inter=(1, 2, 4), intra=(1, 2))
    total = 0.9 * 6 / SINGLE["bert-1.3b"][0]
    instance = serving_instance(
        ["bert-1.3b"] * 6, profiles, devices=6, total_rps=total, cv=4.0, slo_scale=5.0, duration_s=350 / total
    )
    solution = go.solve(instance, "placement", method="exact")
    assert solution.details["complete"]
    assert exact.count_placements(instance) > 1e7
    assert solution.details["clusters"] < 2e6
    assert solution.gap == pytest.approx(0.0)
