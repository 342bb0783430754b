"""Latency splits: the dynamic program, the staircases and the program agree; grids, even parts and joins; end to end."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.end_to_end import plan_queries, sessions_of, stretched
from formulations.nexus.latency_split import LatencySplit
from formulations.nexus.query_families import NO_SESSIONS, random_query_instance
from formulations.nexus.stages import options_of
from formulations.nexus.staircase import reduced
from tests.nexus.instances import GPU


def gpus(instance: go.PackingInstance, method: str, factor: int = 2, **options: object) -> float:
    """The value of a method that must succeed."""
    value = go.solve(instance, LatencySplit(factor=factor), method=method, **options).value
    assert value is not None
    return value


@pytest.mark.parametrize("block", range(10))
def test_the_lectures_program_the_staircases_and_the_milp_agree_on_100_trees(block: int) -> None:
    """A step of one millisecond divides every latency of these trees."""
    for seed in range(10 * block, 10 * block + 10):
        instance, factor = random_query_instance(seed), 1 + seed % 2
        best = gpus(instance, "staircase", factor)
        assert gpus(instance, "milp", factor) == pytest.approx(best, rel=1e-9)
        assert gpus(instance, "step_dp", factor, step_ms=1.0) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", range(25))
def test_a_coarser_grid_never_wins(seed: int) -> None:
    instance, factor = random_query_instance(seed), 1 + seed % 2
    best = gpus(instance, "exact", factor)
    found = []
    for segments in (25, 50, 100, 200):
        solution = go.solve(instance, LatencySplit(factor=factor), method="step_dp", segments=segments)
        found.append(np.inf if solution.value is None else solution.value)
    assert min(found) >= best * (1 - 1e-12)
    assert all(fine <= coarse * (1 + 1e-12) for coarse, fine in pairwise(found))


def test_the_repositorys_strict_loop_never_beats_the_loose_one() -> None:
    dearer = 0
    for seed in range(25):
        instance = random_query_instance(seed)
        loose = gpus(instance, "step_dp")
        strict = go.solve(instance, LatencySplit(), method="step_dp", strict=True, network_ms=2.0).value
        assert strict is None or strict >= loose * (1 - 1e-12)
        dearer += strict is None or strict > loose * (1 + 1e-9)
    assert dearer > 12


def test_even_parts_cost_more() -> None:
    ratio = [gpus(i, "even_split") / gpus(i, "exact") for i in map(random_query_instance, range(25))]
    assert min(ratio) >= 1 - 1e-12
    assert np.mean(ratio) > 1.05


def test_waiting_one_batch_costs_more_than_running_alone() -> None:
    for seed in range(10):
        instance = random_query_instance(seed)
        assert gpus(instance, "exact", 1) <= gpus(instance, "exact", 2) * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_graphs_with_joins(seed: int) -> None:
    """Series-parallel ones reduce to one staircase and agree with the program; every plan keeps every path."""
    instance = random_query_instance(seed, joins=3)
    query = instance.queries[0]
    solution = go.solve(instance, LatencySplit())
    assert solution.status in ("optimal", "bounded")
    assert solution.value == pytest.approx(gpus(instance, "milp"), rel=1e-9)
    graph = nx.DiGraph([(u, v) for v, parents in enumerate(query.parents) for u in parents])
    budget = [choice.budget_us for choice in solution.plan.choices[0]]
    roots = [v for v in graph if graph.in_degree(v) == 0]
    leaves = [v for v in graph if graph.out_degree(v) == 0]
    for path in (p for r in roots for leaf in leaves for p in nx.all_simple_paths(graph, r, leaf)):
        assert sum(budget[v] for v in path) <= query.slo_ms * 1000


def joined(crossed: bool) -> go.PackingInstance:
    """a before b and c, both before d; or with a further edge that no series-parallel graph has."""
    profiles = [go.BatchProfile.from_ms(m, "gpu", {1: 4 + k, 4: 9 + k, 16: 30}) for k, m in enumerate("abcde")]
    stages = [
        go.Stage("a", "a"),
        go.Stage("b", "b", 2.0, ("a",)),
        go.Stage("c", "c", 0.5, ("a", "b") if crossed else ("a",)),
        go.Stage("d", "d", 1.0, ("b",)),
        go.Stage("e", "e", 1.0, ("c", "d")),
    ]
    return go.PackingInstance(GPU, profiles, NO_SESSIONS, [go.Query("q", 100.0, 150.0, stages)])


@pytest.mark.parametrize(("crossed", "parallel"), [(False, True), (True, False)])
def test_which_graphs_are_series_parallel(crossed: bool, parallel: bool) -> None:
    instance = joined(crossed)
    query = instance.queries[0]
    assert (reduced(query, options_of(instance, query, LatencySplit())) is not None) == parallel
    staircase = go.solve(instance, LatencySplit(), method="milp" if crossed else "staircase")
    assert go.solve(instance, LatencySplit()).value == pytest.approx(staircase.value)
    if crossed:
        with pytest.raises(go.InputError, match="not series-parallel"):
            go.solve(instance, LatencySplit(), method="staircase")
    with pytest.raises(go.InputError, match="not a tree"):
        go.solve(instance, LatencySplit(), method="step_dp")


def test_an_objective_too_short_for_a_query_is_explained() -> None:
    instance = joined(False).replace(queries=[go.Query("q", 1.0, 30.0, joined(False).queries[0].stages)])
    solution = go.solve(instance, LatencySplit())
    assert solution.status == "infeasible"
    assert "query 'q': SLO 30 ms, but its slowest path takes" in solution.message
    with pytest.raises(go.InputError, match="needs queries"):
        go.solve(instance.replace(queries=()), LatencySplit())


@pytest.mark.parametrize("seed", range(6))
def test_end_to_end_the_packing_keeps_every_query(seed: int) -> None:
    """Whole GPUs: at least the fractional ones, and duty cycle and batch of the stages on any path within the objective."""
    instance = random_query_instance(seed)
    plan = plan_queries(instance)
    assert plan.packing.status == "optimal"
    assert plan.packing.value is not None
    assert plan.packing.value >= np.ceil(gpus(instance, "exact") - 1e-9) - 1  # the packing may choose larger batches
    query = instance.queries[0]
    worst = dict.fromkeys(plan.instance.sessions.names, 0)
    for cycle in plan.packing.plan.cycles:
        for k, batch in zip(cycle.sessions, cycle.batches, strict=True):
            curve = plan.instance.curve(k, 0)
            assert curve is not None
            name = plan.instance.sessions.names[k]
            worst[name] = max(worst[name], cycle.duty_us + curve.latency(batch))
    spent = np.array([worst[f"q/{stage.name}"] for stage in query.stages])
    assert query.longest_path(spent) <= query.slo_ms * 1000


def test_spare_time_is_given_back_in_proportion() -> None:
    query = random_query_instance(3).queries[0]
    parts = np.full(len(query.stages), 1000)
    assert query.longest_path(stretched(query, parts)) <= query.slo_ms * 1000
    assert (stretched(query, parts) >= parts).all()


def test_sessions_beside_queries_stay() -> None:
    instance = random_query_instance(2)
    instance = instance.replace(sessions=go.SessionSet(["own"], model=["m0"], rate_rps=[5], slo_ms=[500]))
    staged = sessions_of(instance, go.solve(instance, LatencySplit()).plan)
    assert staged.sessions.names[0] == "own"
    assert len(staged.sessions) == 1 + len(instance.queries[0].stages)
    assert not staged.queries
