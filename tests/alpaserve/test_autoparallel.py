"""Cutting layers into stages: the recursion against bisection and brute force."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.autoparallel import (
    equal_layers,
    least_bottleneck,
    overhead,
    pareto_configurations,
    profile_of,
    slice_layers,
)
from formulations.alpaserve.examples import paper_profiles


def cuts_of(layers: int, stages: int) -> list[list[slice]]:
    """Every way to cut layers into non-empty consecutive stages."""
    inner = combinations(range(1, layers), stages - 1)
    return [[slice(a, b) for a, b in pairwise([0, *edges, layers])] for edges in inner]


def slowest(cuts: list[slice], latency: np.ndarray) -> float:  # type: ignore[type-arg]
    return max(float(latency[cut].sum()) for cut in cuts)


@pytest.mark.parametrize("seed", range(30))
def test_recursion_bisection_and_brute_force_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    layers = int(random.integers(1, 11))
    stages = int(random.integers(1, layers + 1))
    latency, weight = random.uniform(0.1, 2.0, layers), random.uniform(0.1, 1.0, layers)
    best = min(slowest(cuts, latency) for cuts in cuts_of(layers, stages))
    found = slice_layers(latency, stages)
    assert slowest(found, latency) == pytest.approx(best)
    assert least_bottleneck(latency, stages) == pytest.approx(best)
    assert len(found) == stages
    assert [cut.start for cut in found] == [0, *(cut.stop for cut in found[:-1])]
    assert found[-1].stop == layers
    memory = float(random.uniform(0.5, 2.5))
    fitting = [c for c in cuts_of(layers, stages) if max(weight[cut].sum() for cut in c) <= memory]
    if fitting:
        held = slice_layers(latency, stages, weight, memory)
        assert max(weight[cut].sum() for cut in held) <= memory * (1 + 1e-9)
        assert slowest(held, latency) == pytest.approx(min(slowest(c, latency) for c in fitting))
    else:
        with pytest.raises(go.InputError, match="no cut fits"):
            slice_layers(latency, stages, weight, memory)


def test_a_heavy_head_and_tail_cost_less_than_with_equal_layers() -> None:
    """A transformer: embedding and output layers differ from the blocks between."""
    latency = [0.4, *[1.0] * 24, 2.6]
    cut, equal = slice_layers(latency, 8), equal_layers(len(latency), 8)
    assert overhead(cut, latency) < overhead(equal, latency)
    assert overhead(cut, latency) >= 0
    assert sum(s.stop - s.start for s in equal) == len(latency)


def test_profiles_from_layers() -> None:
    row = profile_of("m", [1.0, 1.0, 2.0], [0.5, 0.5, 1.0], 2, intra_op=2, hop_s=0.01)
    assert row.stage_latency_s == (2.0, 2.01)
    assert row.stage_weight_gib == (1.0, 1.0)
    assert row.configuration == go.Configuration(2, 2)
    with pytest.raises(go.InputError, match="stages out of range"):
        slice_layers([1.0], 2)


def test_dominated_configurations_are_left_out() -> None:
    rows = [
        go.ServingProfile("m", go.Configuration(1, 1), (1.0,), (4.0,)),
        go.ServingProfile("m", go.Configuration(2, 1), (0.5, 0.5), (2.0, 2.0)),
        go.ServingProfile("m", go.Configuration(1, 2), (1.6,), (2.0,)),  # slower than one device: beaten by (2,1)
    ]
    assert pareto_configurations(go.ServingProfiles(rows), "m") == [go.Configuration(1, 1), go.Configuration(2, 1)]
    paper = paper_profiles()
    assert pareto_configurations(paper, "bert-2.6b") == paper.configurations("bert-2.6b")
