"""A latency split: for every stage of every query an accelerator type, a batch, and a part of the query's objective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.labels import Labels
from gavelopt.model.allocation import Allocation
from gavelopt.model.latency import US_PER_MS
from gavelopt.model.packing import MICRO, PackingInstance
from gavelopt.model.space import AllocationSpace


@dataclass(frozen=True)
class StageChoice:
    """One stage: its accelerator type (position), its batch, and the time it may take in microseconds."""

    accelerator: int
    batch: int
    budget_us: int


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """choices[q][v] is what stage v of query q got; stages in the order of the query."""

    choices: tuple[tuple[StageChoice, ...], ...]

    def __init__(self, choices: Iterable[Sequence[StageChoice]]) -> None:
        object.__setattr__(self, "choices", tuple(tuple(stages) for stages in choices))

    def gpus(self, instance: PackingInstance) -> list[list[Fraction]]:
        """Fractional GPUs of every stage: R_v l(b) / b, exact."""
        found = []
        for query, stages in zip(instance.queries, self.choices, strict=True):
            row = []
            for stage, rate, chosen in zip(query.stages, query.stage_rps, stages, strict=True):
                curve = instance.curve_of(stage.model, chosen.accelerator)
                assert curve is not None
                row.append(Fraction(rate) * curve.latency(chosen.batch) / (chosen.batch * MICRO))
            found.append(row)
        return found

    def rows(self, instance: PackingInstance) -> list[dict[str, Any]]:
        """One dictionary a stage: query, stage, model, accelerator, batch, latency, budget, GPUs."""
        found = []
        for query, stages, used in zip(instance.queries, self.choices, self.gpus(instance), strict=True):
            for stage, chosen, gpus in zip(query.stages, stages, used, strict=True):
                curve = instance.curve_of(stage.model, chosen.accelerator)
                assert curve is not None
                found.append(
                    {
                        "query": query.name,
                        "stage": stage.name,
                        "model": stage.model,
                        "accelerator": instance.accelerators[chosen.accelerator],
                        "batch": chosen.batch,
                        "latency_ms": curve.latency(chosen.batch) / US_PER_MS,
                        "budget_ms": chosen.budget_us / US_PER_MS,
                        "gpus": float(gpus),
                    }
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON (positions; ``rows`` has the names)."""
        return {
            "queries": [
                [{"accelerator": c.accelerator, "batch": c.batch, "budget_us": c.budget_us} for c in stages]
                for stages in self.choices
            ]
        }

    def allocation(self, instance: PackingInstance) -> Allocation:
        """The plan as the shared matrix: one column a stage and type, x in GPUs, the rate of one GPU in it."""
        names, held, rates, x = [], [], [], []
        for query, stages, used in zip(instance.queries, self.choices, self.gpus(instance), strict=True):
            for stage, chosen, gpus in zip(query.stages, stages, used, strict=True):
                curve = instance.curve_of(stage.model, chosen.accelerator)
                assert curve is not None
                names.append(f"{query.name}/{stage.name}")
                held.append(chosen.accelerator)
                rates.append(chosen.batch * 1e6 / curve.latency(chosen.batch))
                x.append(float(gpus))
        one = np.ones(len(names))
        types = len(instance.accelerators)
        space = AllocationSpace.from_columns(
            Labels(names, "stage"),
            instance.accelerators,
            instance.count,
            sparse.diags_array(np.array(rates)),
            sparse.eye_array(len(names)),
            sparse.csc_array((one, (held, np.arange(len(names)))), shape=(types, len(names))),
            np.maximum(np.array(x), 1.0),
        )
        return Allocation(space, np.array(x))
