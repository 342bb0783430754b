"""Algorithm 1: greedy model selection with beam search, on given groups.

    beam = {nothing}
    repeat:  candidates = every selection of the beam plus one (model, group) that fits and is not yet there
             beam = the k candidates of the highest simulated score
             remember the best selection ever seen
    until nothing can be added

What differs from the release: selections are told apart by models and configurations together (the release looks at the
models alone and merges different placements of unequal groups), memory is tested with <= as in its heuristic, and equal
groups that host the same models are one candidate.
Reference: AlpaServe, OSDI 2023, Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import gavelopt as go
from formulations.alpaserve.scoring import Group, Scorer


def select(scorer: Scorer, shapes: Sequence[int], beam: int = 3) -> tuple[go.serving.Code, int]:
    """The best selection that Algorithm 1 sees on groups of the given shapes, and its requests in time."""
    kept: list[tuple[Group, ...]] = [tuple(sorted((shape, 0) for shape in shapes))]
    best: tuple[float, tuple[Group, ...]] = (-np.inf, kept[0])
    while True:
        candidates = sorted({larger for groups in kept for larger in _larger(scorer, groups)})
        if not candidates or scorer.late:
            break
        score = scorer.scores(candidates)
        top = np.argsort(-score, kind="stable")[:beam]
        kept = [candidates[int(i)] for i in top]
        if score[top[0]] > best[0]:
            best = float(score[top[0]]), kept[0]
    code = tuple(group for group in best[1] if group[1])
    return code, int(scorer.good([code])[0])


def _larger(scorer: Scorer, groups: tuple[Group, ...]) -> set[tuple[Group, ...]]:
    """Every selection with one replica more, groups in canonical order."""
    found = set()
    for at, (shape, mask) in enumerate(groups):
        if at and groups[at - 1] == groups[at]:
            continue  # an equal group has just been offered the same models
        rest = groups[:at] + groups[at + 1 :]
        for m in scorer.hostable((shape, mask)):
            found.add(tuple(sorted((*rest, (shape, mask | 1 << m)))))
    return found
