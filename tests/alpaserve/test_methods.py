"""Every method on the paper's cases and on small instances held against the enumeration."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.beam import select
from formulations.alpaserve.examples import BERTS, paper_case, paper_profiles, random_instance, serving_instance
from formulations.alpaserve.greedy import equal_groups, fill
from formulations.alpaserve.local import improve
from formulations.alpaserve.partitions import all_partitions, buckets, consecutive, partitions, pruned_partitions
from formulations.alpaserve.scoring import Scorer
from tests.alpaserve.placements import good, random_code

HEURISTICS = ("selective_replication", "greedy", "beam", "search", "set_packing", "capacity_milp")

# published placements of the paper's repository with their published attainment (see benchmarks/alpaserve_replays.py)
PUBLISHED = [
    ("T2", (1, 1), "0 4, 0 5, 0 6, 0 15, 1 2, 1 8, 1 13, 1 21, 2 11, 3 4, 3 9, 3 10, 4 22, 5 7, 6 14, 7 16", 0.485),
    ("T7", (1, 1), "0, 0, 0, 1 5 20, 1 13, 1 14 29, 2 8 25, 2 10 17, 2 16 38, 3, 4 5 23, 6, 7 8 11, 9, 12, 15", 0.438),
    (
        "T5",
        (4, 1),
        "0 1 2 8 12 16 23 29 38, 0 1 5 22 25 36 40, 2 4 9 10 13 19 26 31 35 41, 2 8 14 18 20 23 28 29 32 33, "
        "3 6 15 20 35 38 41, 5 7 11 17 21 27 34 37",
        0.830,
    ),
]


@pytest.mark.parametrize(("case", "shape", "groups", "published"), PUBLISHED)
def test_published_placements_replay_to_published_attainment(
    case: str, shape: tuple[int, int], groups: str, published: float
) -> None:
    question = paper_case(case, None)
    hosted = [[f"m{model}" for model in models.split()] for models in groups.split(",")]
    placement = question.placement([(shape, models) for models in hosted])
    assert go.serving.simulate_serving(question, placement).attainment == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize(
    ("case", "seed", "published"), [("T1", 1234, 0.368), ("T2", 1234, 0.485), ("T3", 1234, 0.640), ("T7", 1234, 0.438)]
)
def test_our_replication_is_within_a_point_of_the_published(case: str, seed: int, published: float) -> None:
    solution = go.solve(paper_case(case, seed), "placement", method="selective_replication")
    assert solution.value == pytest.approx(published, abs=0.01)
    assert {group.configuration for group in solution.plan.groups} == {go.Configuration()}


def test_no_single_device_meets_a_tight_objective_but_intra_op_does() -> None:
    question = paper_case("T4", None)
    assert go.solve(question, "placement", method="selective_replication").value == 0.0
    wide = go.solve(question, "placement", method="greedy", inter_op=1, intra_op=4)
    assert wide.value == pytest.approx(0.532, abs=0.01)


def test_a_pipeline_search_beats_the_published_one() -> None:
    question = paper_case("T2", None)
    solution = go.solve(question, "placement", method="greedy")
    assert solution.value is not None
    assert solution.value >= 0.921
    assert {str(group.configuration) for group in solution.plan.groups} == {"(8,1)"}


@pytest.mark.parametrize("seed", range(0, 30, 3))
def test_heuristics_against_the_optimum(seed: int) -> None:
    instance = random_instance(seed, requests=200, most=4)
    exact = go.solve(instance, "placement", method="exact")
    assert exact.details["complete"]
    assert exact.value is not None
    values = {method: go.solve(instance, "placement", method=method).value for method in HEURISTICS}
    assert all(value is not None and value <= exact.value for value in values.values()), values
    assert values["search"] >= max(0.97 * exact.value, values["greedy"], values["beam"])  # type: ignore[operator, type-var]
    assert values["greedy"] >= values["selective_replication"]  # type: ignore[operator]


def test_intra_op_that_slows_down_is_never_chosen() -> None:
    """PCIe-class links: two devices for one model take twice as long as one."""
    rows = [
        go.ServingProfile("m", go.Configuration(1, 1), (0.1,), (4.0,)),
        go.ServingProfile("m", go.Configuration(2, 1), (0.05, 0.05), (2.0, 2.0)),
        go.ServingProfile("m", go.Configuration(1, 2), (0.2,), (2.0,)),
    ]
    question = serving_instance(
        ["m"] * 4, go.ServingProfiles(rows), devices=4, total_rps=25, cv=2, slo_scale=4, duration_s=40, memory_gib=8.0
    )
    for method in ("search", "exact", "beam"):
        plan = go.solve(question, "placement", method=method).plan
        assert all(group.configuration.intra_op == 1 for group in plan.groups), method


def test_local_improvement_never_gets_worse_and_repeats() -> None:
    for seed in range(6):
        instance = random_instance(seed, requests=120)
        start = random_code(instance, seed)
        first = improve(Scorer(instance), start, effort=2e6, seed=3)
        assert first[1] >= good(instance, start)
        assert first == improve(Scorer(instance), start, effort=2e6, seed=3)
        assert good(instance, first[0]) == first[1]


def test_filling_returns_the_best_selection_on_the_way() -> None:
    instance = random_instance(3, requests=200)
    scorer = Scorer(instance)
    for shape in scorer.shapes:
        shapes = equal_groups(scorer, instance.tables.configurations[shape])
        code, count = fill(scorer, shapes)
        assert good(instance, code) == count
        assert all(scorer.fits(group) for group in code)
        chosen, best = select(scorer, shapes, 1)
        assert good(instance, chosen) == best


def test_beam_sees_every_single_replica() -> None:
    """With one model the beam of width 1 is the enumeration over how many groups host it."""
    instance = random_instance(12, requests=120)
    only = Scorer(instance, [0])
    for cut in partitions(only):
        _, best = select(only, cut, 1)
        codes = [tuple((shape, 1) for shape in cut[:k]) for k in range(1, len(cut) + 1)]
        assert best >= max(int(only.good([code])[0]) for code in codes[:1])


def test_partitions_use_all_devices() -> None:
    scorer = Scorer(paper_case("T5", None))
    size = scorer.tables.size
    assert all(size[list(cut)].sum() == 24 for cut in pruned_partitions(scorer))
    few = Scorer(paper_case("T5", None), devices=5)
    assert all(size[list(cut)].sum() == 5 for cut in all_partitions(few))
    assert {tuple(sorted(size[list(cut)])) for cut in pruned_partitions(few)} == {(1, 1, 1, 1, 1), (1, 2, 2), (1, 4)}


def test_buckets_hold_models_of_similar_latency() -> None:
    question = serving_instance(
        [*BERTS, "moe-2.4b", "moe-1.3b"], paper_profiles(), devices=4, total_rps=4, cv=1, slo_scale=5, duration_s=5
    )
    assert buckets(question) == [(2, 3, 4), (1,), (0,)]  # .151/.171/.150, .2375, .394 s
    joins = list(consecutive(buckets(question)))
    assert len(joins) == 4
    assert all(sorted(m for part in join for m in part) == [0, 1, 2, 3, 4] for join in joins)


def test_round_robin_deals_in_turn() -> None:
    question = serving_instance(
        ["bert-6.7b"] * 5, paper_profiles(), devices=8, total_rps=4, cv=1, slo_scale=8, duration_s=10
    )
    plan = go.solve(question, "placement", method="round_robin").plan
    # 3.2 GiB a device each: four fit into a group of four stages. First round 0 2 4 and 1 3, second round 0, 1, 2
    assert [group.models for group in plan.groups] == [(0, 1, 2, 3), (0, 1, 2, 4)]
    assert {str(group.configuration) for group in plan.groups} == {"(4,1)"}


def test_clockwork_knows_the_future_and_pays_nothing() -> None:
    """Each window's requests are for another model, and only one model fits on the device."""
    early, late = np.arange(0.0, 50.0, 2.0), np.arange(60.0, 110.0, 2.0)
    row = go.ServingProfile("p", go.Configuration(), (1.0,), (1.0,))
    instance = go.PlacementInstance(
        go.Cluster({"gpu": 1}, memory_gib=[1.0]),
        go.ServedModels(["a", "b"], ["p", "p"], 3.0),
        go.ServingProfiles([row]),
        go.Workload.of([early, late]),
    )
    assert go.solve(instance, "placement", method="exact").value == 0.5
    moved = go.solve(instance, "placement", method="clockwork", window_s=60.0)
    assert moved.value == 1.0
    assert moved.status == "optimal"
    assert len(moved.plan.placements) == 2


def test_a_search_stops_at_its_time_limit() -> None:
    solution = go.solve(paper_case("T5"), "placement", method="search", time_limit=1.0)
    assert solution.value is not None
    assert solution.seconds < 8


@pytest.mark.parametrize("method", [*HEURISTICS, "exact", "clockwork", "round_robin"])
def test_nothing_to_place_or_nothing_to_place_it_on(method: str) -> None:
    none = random_instance(3, requests=40).with_devices(0)
    solution = go.solve(none, "placement", method=method)
    assert (solution.value, solution.bound, solution.status) == (0.0, 0.0, "optimal")
    empty = go.PlacementInstance(none.cluster, go.ServedModels([], [], []), none.profiles, go.Workload.of([]))
    assert go.solve(empty, "placement", method=method).value == 1.0


def test_mistakes_are_told() -> None:
    instance = random_instance(1)
    with pytest.raises(go.InputError, match="unknown configuration"):
        go.solve(instance, "placement", method="greedy", inter_op=3)
    with pytest.raises(go.InputError, match="window_s"):
        go.solve(instance, "placement", method="clockwork", window_s=0)
    with pytest.raises(go.UnknownName, match="option"):
        go.solve(instance, "placement", method="greedy", beams=3)
    with pytest.raises(go.InputError, match="kind"):
        go.solve(go.examples.gavel(), "placement")
    with pytest.raises(go.UnknownName, match="case"):
        paper_case("T99")
