"""What is true of placements, and what is not although it sounds true."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.beam import select
from formulations.alpaserve.examples import random_instance
from formulations.alpaserve.scoring import Scorer, canonical
from tests.alpaserve.placements import good, random_code, tiny


def with_slo(instance: go.PlacementInstance, factor: float) -> go.PlacementInstance:
    """The instance with every objective multiplied."""
    models = instance.models
    return instance.replace(
        models=go.ServedModels(models.names, models.profile, models.slo_s * factor, models.rate_rps, models.cv)
    )


def test_a_longer_objective_never_hurts_one_model_on_one_group() -> None:
    for seed in range(150):
        instance = random_instance(seed, requests=80)
        (shape, mask), *_ = random_code(instance, seed, fill=1.0)
        alone = ((shape, mask & -mask),)
        counts = [good(with_slo(instance, factor), alone) for factor in (0.5, 0.8, 1.0, 1.3, 2.0, 4.0)]
        assert counts == sorted(counts), seed


def test_a_model_that_is_hosted_nowhere_changes_nothing() -> None:
    for seed in range(60):
        instance = random_instance(seed, requests=80)
        code = random_code(instance, seed)
        everything = 0
        for _, mask in code:
            everything |= mask
        hosted = go.serving.positions(everything)
        assert good(instance.replace(workload=instance.workload.only(hosted)), code) == good(instance, code)


def test_a_slower_clock_changes_nothing_if_the_overhead_slows_too() -> None:
    """Powers of two keep every rounding, so the counts are the same exactly."""
    for seed in range(40):
        instance = random_instance(seed, requests=80)
        rows = [
            go.ServingProfile(r.model, r.configuration, tuple(4 * x for x in r.stage_latency_s), r.stage_weight_gib)
            for r in instance.profiles.rows
        ]
        slower = with_slo(instance, 4.0).replace(
            profiles=go.ServingProfiles(rows),
            workload=go.Workload(4 * instance.workload.arrival_s, instance.workload.model),
            overheads=go.Overheads(4 * 0.011, 0.009),
        )
        code = random_code(instance, seed)
        assert good(slower, code) == good(instance, code)


def test_memory_is_never_violated_by_any_method() -> None:
    instance = random_instance(17, requests=120)
    for row in go.compare(instance, "placement"):
        assert row.value is not None, (row.method, row.message)
        assert all(check.passed for check in row.checks)


def test_two_copies_of_a_cluster_serve_twice_the_requests() -> None:
    """Copies that share no model do not interact."""
    instance = random_instance(8, requests=100)
    code = random_code(instance, 2)
    models, copies = len(instance.models), 2
    twice = go.PlacementInstance(
        go.Cluster({"gpu": copies * instance.devices}, memory_gib=[instance.memory_gib]),
        go.ServedModels(
            [f"m{i}" for i in range(copies * models)],
            instance.models.profile * copies,
            np.tile(instance.models.slo_s, 2),
        ),
        instance.profiles,
        go.Workload.of([instance.workload.arrival_s[instance.workload.model == m % models] for m in range(2 * models)]),
    )
    doubled = canonical([*code, *((shape, mask << models) for shape, mask in code)])
    shapes = {c: k for k, c in enumerate(twice.tables.configurations)}
    moved = canonical((shapes[instance.tables.configurations[shape]], mask) for shape, mask in doubled)
    assert good(twice, moved) == pytest.approx(2 * good(instance, code))


# --- false, although it sounds true ---------------------------------------------------------------------------------


def test_false_a_replica_never_hurts() -> None:
    """Two devices; m0 alone on one is answered in time. A replica of m0 on the other device takes m1's place in the queue."""
    instance = tiny([[0.0, 0.0], [0.5]], stages={1: (1.0,)}, slo=[2.0, 1.2])
    without = instance.placement([((1, 1), ["m0"]), ((1, 1), ["m1"])])
    more = instance.placement([((1, 1), ["m0"]), ((1, 1), ["m0", "m1"])])
    assert go.serving.simulate_serving(instance, without).good.tolist() == [True, True, True]
    assert go.serving.simulate_serving(instance, more).good.tolist() == [True, True, False]


def test_false_the_order_of_groups_does_not_matter() -> None:
    """Equal clocks go to the lower group, so the order decides; hence it is part of the specification."""
    instance = tiny([[0.0], [0.1]], stages={1: (1.0,)}, slo=[5.0, 1.05])
    simulator = go.serving.ServingSimulator(instance)
    plain, shared = (0, 0b01), (0, 0b11)
    assert simulator.good([(plain, shared)])[0] == 2
    assert simulator.good([(shared, plain)])[0] == 1
    assert canonical([shared, plain]) == (plain, shared)
    assert instance.decode((shared, plain)) == instance.decode((plain, shared))


def test_false_a_longer_objective_never_hurts_several_models() -> None:
    """One device: with the longer objectives the slow request is accepted, and three quick ones come too late."""
    one = go.Configuration()
    profiles = go.ServingProfiles(
        [go.ServingProfile("slow", one, (3.0,), (1.0,)), go.ServingProfile("quick", one, (1.0,), (1.0,))]
    )
    instance = go.PlacementInstance(
        go.Cluster({"gpu": 1}, memory_gib=[2.0]),
        go.ServedModels(["a", "b"], ["slow", "quick"], [2.9, 1.5]),
        profiles,
        go.Workload.of([np.array([0.0]), np.array([0.1, 1.2, 2.3])]),
        overheads=go.serving.NO_OVERHEADS,
    )
    code = instance.code(instance.placement([((1, 1), ["a", "b"])]))
    assert good(instance, code) == 3
    assert good(with_slo(instance, 1.1), code) == 1


def test_false_a_wider_beam_is_never_worse() -> None:
    """Beam search keeps what looks best now; a wider beam can be led elsewhere."""
    scorer = Scorer(random_instance(5, requests=150))
    counts = [select(scorer, (0, 1, 2), beam)[1] for beam in (1, 2, 3)]
    assert counts[0] > counts[1]
