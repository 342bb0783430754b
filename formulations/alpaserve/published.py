"""Published figures of AlpaServe that a single number stands for: replayed placements, and the queueing formulas.

Placements and their attainment: TSV files of github.com/alpa-projects/mms (experiments/ablation).
"""

from __future__ import annotations

import gavelopt as go
from formulations.alpaserve.examples import paper_case
from formulations.alpaserve.queueing import two_model_instance

# case: (stages of every group, models of every group), with the attainment that the repository reports beside each
PLACEMENTS: dict[str, tuple[int, str]] = {
    "T2": (1, "0 4, 0 5, 0 6, 0 15, 1 2, 1 8, 1 13, 1 21, 2 11, 3 4, 3 9, 3 10, 4 22, 5 7, 6 14, 7 16"),  # 0.485
    "T5": (
        4,
        "0 1 2 8 12 16 23 29 38, 0 1 5 22 25 36 40, 2 4 9 10 13 19 26 31 35 41, 2 8 14 18 20 23 28 29 32 33, "
        "3 6 15 20 35 38 41, 5 7 11 17 21 27 34 37",
    ),  # 0.830
    "T7": (1, "0, 0, 0, 1 5 20, 1 13, 1 14 29, 2 8 25, 2 10 17, 2 16 38, 3, 4 5 23, 6, 7 8 11, 9, 12, 15"),  # 0.438
}


def replayed(case: str) -> float:
    """Share of requests in time when the published placement of a case is replayed."""
    if case not in PLACEMENTS:
        raise go.UnknownName.among("published placement", case, PLACEMENTS)
    stages, groups = PLACEMENTS[case]
    question = paper_case(case, None)
    hosted = [[f"m{model}" for model in models.split()] for models in groups.split(",")]
    placement = question.placement([((stages, 1), models) for models in hosted])
    return go.serving.simulate_serving(question, placement).attainment


def queueing(load: float, pipelined: bool, service_s: float = 0.4) -> float:
    """Mean latency in seconds, simulated: two models on two devices, ``load`` = total rate x service time (paper, 3.3)."""
    question, placement = two_model_instance(load / service_s, service_s, pipelined=pipelined)
    return go.serving.simulate_serving(question, placement).mean_latency_s
