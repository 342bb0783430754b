"""Instances to try things on: the paper's models, its trace-free experiments, and small random ones.

Figures of ``paper_profiles``: AlpaServe (OSDI 2023, Table 1) for one V100; the 4- and 8-stage shapes are fits to
published result rows of its repository (issue text and TSV files of github.com/alpa-projects/mms), the 2-stage shape is
the weakest; intra-op is known for BERT-2.6B on 4 devices only, and the MoE models on one device only. Weights of the BERT
models are measured, of the MoE models 2 bytes a parameter; stage weights are equal parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import gavelopt as go

GIB_BUDGET = 13.0  # of 16 GB: the rest is for activations and the runtime

# model: (seconds on one device, GiB)
SINGLE = {
    "bert-1.3b": (0.151, 2.644),
    "bert-2.6b": (0.2375, 5.18),
    "bert-6.7b": (0.394, 12.788),
    "moe-1.3b": (0.150, 2.6),
    "moe-2.4b": (0.171, 4.8),
    "moe-5.3b": (0.234, 10.6),
}
# model: {stages: (seconds of the first and last stage, of the stages between)}; two stages: (first, last)
STAGES: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "bert-1.3b": {2: (0.07399, 0.07701), 4: (0.0392751, 0.0377349), 8: (0.0207927, 0.0187391)},
    "bert-2.6b": {2: (0.116375, 0.121125), 4: (0.0617738, 0.0593512), 8: (0.0334727, 0.0294154)},
    "bert-6.7b": {2: (0.19306, 0.20094), 4: (0.102479, 0.0984606), 8: (0.0542538, 0.0488954)},
}
INTRA_4 = {"bert-2.6b": 0.0885875}


def paper_profiles() -> go.ServingProfiles:
    """The models of the paper's Table 1; see the head of this file."""
    rows = [_row(model, 1, 1, (latency,), weight) for model, (latency, weight) in SINGLE.items()]
    for model, shapes in STAGES.items():
        for stages, (outer, inner) in shapes.items():
            latency = (outer, inner) if stages == 2 else (outer, *[inner] * (stages - 2), outer)
            rows.append(_row(model, stages, 1, latency, SINGLE[model][1]))
    rows += [_row(model, 1, 4, (latency,), SINGLE[model][1]) for model, latency in INTRA_4.items()]
    return go.ServingProfiles(rows)


def assumed_profiles() -> go.ServingProfiles:
    """``paper_profiles`` and, assumed, MoE models that split like the BERT model of the nearest latency (unmeasured)."""
    known = paper_profiles()
    rows = list(known.rows)
    for model, like in (("moe-1.3b", "bert-1.3b"), ("moe-2.4b", "bert-1.3b"), ("moe-5.3b", "bert-2.6b")):
        factor = SINGLE[model][0] / SINGLE[like][0]
        for stages in STAGES[like]:
            row = known.get(like, go.Configuration(stages, 1))
            assert row is not None
            rows.append(_row(model, stages, 1, [factor * x for x in row.stage_latency_s], SINGLE[model][1]))
    return go.ServingProfiles(rows)


def _row(model: str, inter: int, intra: int, latency: Sequence[float], weight: float) -> go.ServingProfile:
    stage_weight = (weight / (inter * intra),) * inter
    return go.ServingProfile(model, go.Configuration(inter, intra), tuple(latency), stage_weight)


def synthetic_profiles(
    single: Mapping[str, tuple[float, float]],
    inter: Sequence[int] = (1, 2, 4, 8),
    intra: Sequence[int] = (1, 2, 4),
    imbalance: float = 0.02,
    efficiency: Mapping[int, float] | None = None,
) -> go.ServingProfiles:
    """Profiles from (seconds on one device, GiB) alone: even stages, the outer two ``imbalance`` slower per stage.

    ``efficiency`` is the speed-up of an intra-op width; by default that of BERT-1.3B on V100 (1.5 on 2, 2.4 on 4, 3.3 on 8).
    """
    speed = efficiency or {1: 1.0, 2: 1.5, 4: 2.4, 8: 3.3}
    rows = []
    for model, (latency, weight) in single.items():
        for stages in inter:
            for width in intra:
                even = latency / speed[width] / stages
                outer = even * (1.0 + imbalance * (stages - 1))
                shape = [outer if k in (0, stages - 1) and stages > 1 else even for k in range(stages)]
                rows.append(_row(model, stages, width, shape, weight))
    return go.ServingProfiles(rows)


def serving_instance(
    profile: Sequence[str],
    profiles: go.ServingProfiles,
    *,
    devices: int,
    total_rps: float,
    cv: float,
    slo_scale: float,
    duration_s: float = 200.0,
    exponent: float = 0.5,
    seed: int = 0,
    training_seed: int | None = None,
    memory_gib: float = GIB_BUDGET,
    name: str | None = None,
) -> go.PlacementInstance:
    """AlpaServe's synthetic set-up: power-law rates, Gamma arrivals (model i has seed ``seed + i``), SLO = scale x latency.

    With ``training_seed`` methods see a workload of their own, of max(100 s, 30,000 / total rate); otherwise the test's.
    """
    rates = go.serving.power_law_rates(total_rps, len(profile), exponent)
    slo = [slo_scale * profiles.single_latency_s(model) for model in profile]
    models = go.ServedModels([f"m{i}" for i in range(len(profile))], profile, slo, rates, np.full(len(profile), cv))
    longer = max(100.0, 30_000 / total_rps)
    training = None if training_seed is None else go.serving.gamma_workload(rates, cv, longer, training_seed)
    cluster = go.Cluster({"v100": devices}, memory_gib=[memory_gib])
    workload = go.serving.gamma_workload(rates, cv, duration_s, seed)
    return go.PlacementInstance(cluster, models, profiles, workload, training, name=name)


BERTS = ("bert-6.7b", "bert-2.6b", "bert-1.3b")
MIXED = (
    "bert-6.7b",
    "moe-5.3b",
    "bert-2.6b",
    "moe-2.4b",
    "bert-1.3b",
    "moe-1.3b",
)  # order not published: largest first
# name: (models, devices, requests a second, CV, SLO scale), all with 200 s and 13 GiB
PAPER_CASES: Mapping[str, tuple[tuple[str, ...], int, float, float, float]] = {
    "T1": (("bert-2.6b",) * 24, 16, 40, 4, 2),
    "T2": (("bert-2.6b",) * 24, 16, 40, 4, 3),
    "T3": (("bert-2.6b",) * 24, 16, 40, 4, 5),
    "T4": (("bert-2.6b",) * 24, 16, 40, 4, 1),
    "T5": (BERTS * 14, 24, 64, 4, 5),
    "T6": (BERTS * 14, 24, 64, 6, 5),
    "T7": (BERTS * 14, 16, 64, 4, 5),
    "T8": (MIXED * 10, 32, 64, 4, 5),
    "T9": (MIXED * 10, 32, 128, 4, 5),
    "T10": (MIXED * 10, 32, 64, 4, 2),
}


def paper_case(
    name: str, training_seed: int | None = 0, profiles: go.ServingProfiles | None = None
) -> go.PlacementInstance:
    """A trace-free experiment of the paper's repository; the first and last 10 s do not count, as it reports them.

    ``profiles`` replace ``paper_profiles``, which know the MoE models of T8 to T10 on one device only.
    """
    if name not in PAPER_CASES:
        raise go.UnknownName.among("case", name, PAPER_CASES)
    models, devices, rate, cv, slo = PAPER_CASES[name]
    found = serving_instance(
        models,
        paper_profiles() if profiles is None else profiles,
        devices=devices,
        total_rps=rate,
        cv=cv,
        slo_scale=slo,
        training_seed=training_seed,
        name=name,
    )
    return found.replace(workload=found.workload.trimmed(10.0))


def random_instance(seed: int, requests: int = 400, most: int = 6) -> go.PlacementInstance:
    """A small instance: 2 to ``most`` devices and models of three sizes, SLO 1.5 to 5, CV 1 to 4, load 0.4 to 1.1."""
    random = np.random.default_rng(seed)
    devices, models = (int(n) for n in random.integers(2, most + 1, 2))
    kinds = {kind: SINGLE[kind] for kind in BERTS}
    profiles = synthetic_profiles(kinds, inter=(1, 2, 4), intra=(1, 2))
    chosen = [str(kind) for kind in random.choice(list(kinds), models)]
    slo, cv, load = random.uniform(1.5, 5), random.uniform(1, 4), random.uniform(0.4, 1.1)
    share = go.serving.power_law_rates(1.0, models)
    total = load * devices / float(np.dot(share, [SINGLE[kind][0] for kind in chosen]))
    return serving_instance(
        chosen,
        profiles,
        devices=devices,
        total_rps=total,
        cv=cv,
        slo_scale=slo,
        duration_s=requests / total,
        seed=1000 * seed,
        name=f"random {seed}",
    )
