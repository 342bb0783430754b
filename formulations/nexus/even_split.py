"""The baseline: every stage gets  L / (stages on the longest path of the query),  whatever it costs there."""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.nexus.stages import Options, every_query, slo_us


def even_split(problem: go.Problem) -> go.Answer:
    """Equal parts. Raises Infeasible where a stage does not fit into its part."""

    def solve(query: go.Query, options: list[Options]) -> list[go.packing.StageChoice]:
        part = slo_us(query) // int(query.depth.max())
        chosen = []
        for stage, own in zip(query.stages, options, strict=True):
            option = own.cheapest_within(part)
            if option < 0:
                raise go.Infeasible(
                    f"query {query.name!r}: an even part of {part / 1000:g} ms is too short for stage {stage.name!r}; "
                    "other splits may do"
                )
            chosen.append(own.choice(option, part))
        return chosen

    return go.Answer(np.zeros(0), plan=every_query(problem, solve))
