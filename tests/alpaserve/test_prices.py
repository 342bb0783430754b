"""The bound of prices, the simulations that it ends and the tree that it prunes, against replays and brute force."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve import exact
from formulations.alpaserve.exact import Clusters
from formulations.alpaserve.examples import SINGLE, random_instance, serving_instance, synthetic_profiles
from formulations.alpaserve.policy import ModelPlacement
from formulations.alpaserve.prices import no_outlook, outlook
from formulations.alpaserve.scoring import Scorer
from formulations.alpaserve.tree import Tree
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


def varied(seed: int) -> tuple[go.PlacementInstance, go.serving.Code]:
    """Equal models, or models of three sizes, on random groups; not all requests may count, or many arrive together."""
    instance = identical(4, 4, seed) if seed % 3 == 0 else random_instance(seed, requests=90)
    if seed % 4 == 1:
        instance = instance.replace(workload=instance.workload.trimmed(1.0))
    if seed % 5 == 2:
        workload = instance.workload
        together = [np.round(workload.arrival_s[workload.model == m], 1) for m in range(len(instance.models))]
        instance = instance.replace(workload=go.Workload.of(together))
    codes = (random_code(instance, draw) for draw in range(seed, seed + 50))
    return instance, next(code for code in codes if code)


def whole(instance: go.PlacementInstance) -> int:
    return (1 << len(instance.models)) - 1


def replay(instance: go.PlacementInstance, code: go.serving.Code) -> tuple[list[bool], list[list[list[float]]]]:
    """Whether each request is in time, and the clocks of every group's stages before each; the rules read once more."""
    tables, clocks, served, before = instance.tables, [[0.0] * int(instance.tables.stages[c]) for c, _ in code], [], []
    for arrival, m in zip(instance.workload.arrival_s.tolist(), instance.workload.model.tolist(), strict=True):
        before.append([list(clock) for clock in clocks])
        hosts = [g for g, (_, mask) in enumerate(code) if mask >> m & 1]
        served.append(False)
        if hosts:
            g = min(hosts, key=lambda host: clocks[host][-1])
            t, ends = arrival, []
            for clock, latency in zip(clocks[g], tables.latency_s[m, code[g][0]], strict=False):
                t = max(t, clock) + latency
                ends.append(t)
            served[-1] = bool(t + instance.overheads.request_s - arrival <= tables.slo_s[m])
            if served[-1]:
                clocks[g] = ends
    return served, before


def hope(bound: go.serving.Outlook, code: go.serving.Code, e: int, clocks: list[list[float]]) -> int:
    """What the groups can still serve from edge e on, as Outlook says it."""
    total = int(bound.base[e])
    for (shape, mask), clock in zip(code, clocks, strict=True):
        c = int(np.searchsorted(bound.shapes, shape))
        j = int((clock[bound.stage[c]] - bound.origin_s[c, e]) // bound.width_s[c])
        total += int(bound.worth[c, e, mask, min(max(j, 0), bound.worth.shape[3] - 1)])
    return total // bound.unit


def test_no_placement_serves_more_than_the_prices_leave_from_any_time_on() -> None:
    """The rest from every edge on, with the clocks that the groups have then."""
    tight = 0
    for seed in range(120):
        instance, code = varied(seed)
        bound = outlook(instance, instance.workload, whole(instance), [c for c, _ in code])
        served, before = replay(instance, code)
        assert sum(served[slice(*instance.workload.counted)]) == good(instance, code)
        first, last = instance.workload.counted
        for e, at in enumerate(np.searchsorted(instance.workload.arrival_s, bound.edges_s[:-1]).tolist()):
            rest = sum(served[max(at, first) : last])
            most = hope(bound, code, e, before[at])
            assert rest <= most
            tight += rest == most
    assert tight > 300


def test_a_group_alone_earns_the_most_of_any_choice_of_requests() -> None:
    """W against all subsets of a few requests, served in order by one group from several clocks."""
    from formulations.alpaserve.prices_kernel import look_ahead

    draw = np.random.default_rng(3)
    for _ in range(60):
        ready = np.sort(draw.integers(0, 30, 7))
        step, model = draw.integers(1, 9, 7), draw.integers(0, 3, 7)
        due = ready + draw.integers(0, 20, 7)
        gain = draw.integers(0, 1000, 7).astype(np.int32)
        reach, mask, worth = int((due - ready).max()) + 1, int(draw.integers(1, 8)), np.zeros((7, 5), dtype=np.int32)
        work = np.zeros(80, dtype=np.int32), np.zeros(reach, dtype=np.int32), np.zeros((7, reach), dtype=np.bool_)
        look_ahead((model, ready, due, step), mask, gain, np.arange(7), 3, work, worth)
        for r in range(7):
            for j in range(5):
                able = [i for i in range(r, 7) if mask >> int(model[i]) & 1]
                chosen = (some for n in range(len(able) + 1) for some in combinations(able, n))
                earned = (_earned(some, ready, due, step, gain, int(ready[r]) + 3 * j) for some in chosen)
                assert worth[r, j] == max(earned)


def _earned(
    some: tuple[int, ...], ready: go.IntArray, due: go.IntArray, step: go.IntArray, gain: go.IntArray, clock: int
) -> int:
    """What the requests earn if all can be served, else nothing."""
    for i in some:
        clock = max(clock, int(ready[i])) + int(step[i])
        if clock > due[i]:
            return 0
    return int(gain[list(some)].sum())


def root(instance: go.PlacementInstance, cut: tuple[int, ...]) -> int:
    """The bound for idle groups of these shapes that host every model."""
    bound = outlook(instance, instance.workload, whole(instance), cut)
    return hope(bound, tuple((c, whole(instance)) for c in cut), 0, [[0.0] * 8 for _ in cut])


def test_requests_may_choose_but_not_overlap() -> None:
    """Three requests at once, 1 s each, due after 2.5 s: one device serves two of them, two devices all."""
    instance = tiny([[0.0, 0.0], [0.0]], stages={1: (1.0,), 2: (0.5, 0.5)}, slo=2.5, devices=2)
    shape = [c.inter_op for c in instance.tables.configurations]
    assert root(instance, (shape.index(1),)) == 2
    assert root(instance, (shape.index(1),) * 2) == 3
    assert root(instance, (shape.index(2),)) == 3  # one every 0.5 s: ready after 1.0, 1.5 and 2.0 s


def test_good_prices_come_close_to_every_model_everywhere() -> None:
    """Equal models on equal devices: served by whoever is free first, they could not do better by refusing requests."""
    for seed in range(20):
        instance = identical(4, 3, seed, slo=1.5 + seed % 4)
        roomy = instance.replace(cluster=go.Cluster({"v100": 3}, memory_gib=[1000.0]))
        served = good(roomy, tuple((0, 0b1111) for _ in range(3)))
        assert served <= root(instance, (0, 0, 0)) <= 1.05 * served + 1


@pytest.mark.parametrize("seed", range(8))
def test_the_pruned_tree_finds_what_brute_force_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All placements of three devices; prices in use from the first node, without an incumbent and with the best."""
    monkeypatch.setattr(exact, "STAGES", ((50, np.inf),))
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
        clusters = Clusters(Scorer(instance), (incumbent, ()), go.Problem(instance, ModelPlacement()))
        found, code = clusters.solve()
        assert found == good(instance, code) == best


def test_walkers_share_the_clusters_of_a_tree() -> None:
    """Each cluster is met by one walker, and by none but those that one alone meets."""
    instance = identical(4, 4, 1)
    table = Clusters(Scorer(instance), (0, ()), go.Problem(instance, ModelPlacement()))
    hostable = [exact._hostable_sets(instance, c, 0b1111) for c in range(len(instance.tables.size))]
    tree = Tree(0b1111, (0, 0, 0, 0), hostable, table.requests, table.most, no_outlook(100, 0b1111, (0,)))
    shared = [row for walker in tree.dealt(3) for row in _walk(walker)]
    alone = _walk(tree)
    assert len(shared) == len(set(shared)) > 100
    assert set(shared) == set(alone)


def _walk(tree: Tree) -> list[tuple[int, ...]]:
    """All clusters of a tree."""
    met: list[tuple[int, ...]] = []
    while not tree.over:
        filled = tree.move(0)
        met += [tuple(row) for row in tree.found[:filled].tolist()]
    return met


def test_placements_of_the_same_groups_are_counted_together() -> None:
    """In lanes as one by one; with prices nothing that serves enough is given up, and only what serves too little."""
    stopped = 0
    for seed in range(60):
        instance, code = varied(seed)
        cut, draw = [c for c, _ in code], np.random.default_rng(seed)
        mask = np.array([[draw.integers(0, own + 1) & own for _, own in code] for _ in range(300)], dtype=np.int64)
        simulator = go.serving.ServingSimulator(instance)
        config = np.array([cut] * 300, dtype=np.int32)
        one_by_one, _ = simulator.score(config, mask[:, :, None].astype(np.uint64))
        free = no_outlook(simulator.requests, whole(instance), cut)
        assert (simulator.good_alike(cut, mask, need=0, outlook=free) == one_by_one).all()
        priced = outlook(instance, instance.workload, whole(instance), cut)
        for need in np.percentile(one_by_one, [20, 80, 100]).astype(int).tolist():
            found = simulator.good_alike(cut, mask, need=need, outlook=priced)
            assert (found == np.where(one_by_one >= need, one_by_one, -1)).all()
            stopped += int((found < 0).sum())
    assert stopped > 1000


def test_too_many_models_for_lanes_is_the_users_to_know() -> None:
    instance = tiny([[0.0]] * 70, stages={1: (1.0,)})
    simulator = go.serving.ServingSimulator(instance)
    with pytest.raises(go.InputError, match="too many models"):
        simulator.good_alike([0], np.ones((1, 1), dtype=np.int64), need=0, outlook=no_outlook(70, 1, [0]))


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
