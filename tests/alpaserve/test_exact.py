"""The enumeration against a brute force of its own, and its tables against what they claim to bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.exact import Clusters, count_placements, group_bound
from formulations.alpaserve.examples import BERTS, paper_case, random_instance
from formulations.alpaserve.packing import clusters_of, pack
from formulations.alpaserve.partitions import count_multisets, multisets
from formulations.alpaserve.policy import ModelPlacement
from formulations.alpaserve.scoring import Scorer, canonical
from gavelopt.judge.serving_rules import serve
from tests.alpaserve.placements import good, random_code


def small(seed: int) -> go.PlacementInstance:
    """A random instance of at most 3 devices and 3 models."""
    return random_instance(seed, requests=50, most=3)


def every_placement(instance: go.PlacementInstance) -> Iterator[go.Placement]:
    """All placements on at most all devices: any multiset of (configuration, fitting set of models)."""
    tables, models = instance.tables, range(len(instance.models))
    sets = [some for size in models for some in combinations(models, size + 1)]
    groups = [
        go.DeviceGroup(configuration, some)
        for c, configuration in enumerate(tables.configurations)
        for some in sets
        if tables.weight_gib[list(some), c].sum() <= instance.budget_gib
    ]
    for number in range(instance.devices + 1):
        for chosen in combinations_with_replacement(groups, number):
            if sum(group.configuration.size for group in chosen) <= instance.devices:
                yield go.Placement(chosen)


@pytest.mark.parametrize("seed", range(12))
def test_exact_is_brute_force(seed: int) -> None:
    instance = small(seed)
    best = max(
        int((serve(instance, placement, instance.workload)[0] >= 0).sum()) for placement in every_placement(instance)
    )
    solution = go.solve(instance, "placement", method="exact")
    assert solution.details["complete"]
    assert solution.value is not None
    assert round(solution.value * instance.workload.counts) == best
    assert solution.status == "optimal" or (solution.bound_kind == "claimed" and solution.gap == pytest.approx(0.0))


@pytest.mark.parametrize("seed", range(4))
def test_exact_without_a_good_incumbent_finds_the_same(seed: int) -> None:
    """The pruning must not need the search: from the empty placement the tables give the same optimum."""
    instance = small(seed)
    scorer = Scorer(instance)
    table = Clusters(scorer, (0, ()), go.Problem(instance, ModelPlacement()))  # type: ignore[arg-type]
    found, code = table.solve()
    assert table.finished
    assert found == good(instance, code)
    value = go.solve(instance, "placement", method="exact").value
    assert value is not None
    assert found == round(value * instance.workload.counts)


def test_counts_of_multisets_and_placements() -> None:
    assert [count_multisets((1, 2, 4, 8), n) for n in (8, 16, 32, 64)] == [10, 35, 165, 969]
    ten = (1, 2, 4, 8, 2, 4, 8, 4, 8, 8)  # (inter, intra) with sizes up to 8
    assert [count_multisets(ten, n) for n in (4, 8, 16)] == [9, 43, 460]
    assert len(list(multisets(ten, 8))) == 43
    instance = small(1)
    full = [p for p in every_placement(instance) if p.devices == instance.devices]
    assert count_placements(instance) == len(full)


def test_one_group_serves_no_more_than_its_bound() -> None:
    for seed in range(40):
        instance = random_instance(seed, requests=100)
        scorer = Scorer(instance)
        for shape, mask in random_code(instance, seed):
            assert good(instance, ((shape, mask),)) <= group_bound(scorer, shape, mask)


def test_clusters_add_up_and_pack() -> None:
    """Requests in time of a placement are the sum over its connected parts; packing its parts gives it back."""
    for seed in range(200):
        instance = random_instance(seed, requests=80)
        code = random_code(instance, seed, fill=0.4)
        parts = clusters_of(code)
        assert canonical(group for part in parts for group in part) == code
        assert sum(good(instance, part) for part in parts) == good(instance, code)
        if seed < 20 and parts:
            packed = pack(Scorer(instance), parts)
            assert good(instance, packed) == good(instance, code)


def test_the_larger_of_two_packings_is_taken() -> None:
    instance = random_instance(13, requests=200)
    scorer = Scorer(instance)
    columns = sorted({part for seed in range(60) for part in clusters_of(random_code(instance, seed))})
    packed = pack(scorer, columns)
    assert sum(int(instance.tables.size[shape]) for shape, _ in packed) <= instance.devices
    assert good(instance, packed) >= max(good(instance, random_code(instance, seed)) for seed in range(60))


def test_set_packing_never_beats_exact_and_claims_nothing() -> None:
    for seed in (2, 5, 6):
        instance = random_instance(seed, requests=150, most=4)
        exact = go.solve(instance, "placement", method="exact")
        packed = go.solve(instance, "placement", method="set_packing", max_groups=2)
        assert packed.value is not None
        assert exact.value is not None
        assert packed.value <= exact.value
        assert packed.bound_kind == "proved"


def test_out_of_time_there_is_a_placement_and_no_claim() -> None:
    instance = random_instance(7)
    start = time.perf_counter()
    solution = go.solve(instance, "placement", method="exact", time_limit=0.05)
    assert time.perf_counter() - start < 10
    assert not solution.details["complete"]
    assert solution.bound_kind == "proved"
    assert solution.value is not None


def test_too_many_models_is_the_users_to_know() -> None:
    with pytest.raises(go.InputError, match="too many models"):
        go.solve(paper_case("T1"), "placement", method="exact")


def test_auto_enumerates_what_it_can_afford() -> None:
    assert go.solve(random_instance(1, requests=60), "placement").method == "exact"
    assert BERTS[0] == "bert-6.7b"
    big = paper_case("T7").replace(training=None)
    short = big.replace(workload=big.workload.between(0, 3))
    assert go.solve(short, "placement", time_limit=2).method == "search"


def test_training_and_judged_requests_are_kept_apart() -> None:
    instance = random_instance(6, requests=150, most=4)
    seen = random_instance(6, requests=150, most=4)
    other = go.serving.gamma_workload(seen.models.rate_rps, seen.models.cv, 40.0, seed=77)  # type: ignore[arg-type]
    trained = instance.replace(training=other)
    solution = go.solve(trained, "placement", method="exact")
    assert solution.bound_kind != "claimed"  # the optimum of other requests bounds nothing here
    assert solution.value == go.serving.simulate_serving(instance, solution.plan).attainment
    best_there = go.serving.simulate_serving(instance, solution.plan, other).attainment
    assert solution.details["training_attainment"] == best_there
    others = [random_code(instance, seed) for seed in range(20)]
    assert all(
        go.serving.simulate_serving(instance, instance.decode(c), other).attainment <= best_there for c in others
    )
    assert np.isfinite(best_there)
