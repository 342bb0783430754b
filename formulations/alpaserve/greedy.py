"""The fast heuristic: fill given groups with replicas, one simulation a replica.

    repeat:  simulate the placement so far
             g = the group with the fewest requests routed to it, among those with room for some model
             m = the model with the most unserved requests among those that fit into g
             host m on g
    until nothing fits

Cost O((models + groups) x replicas x requests) against O(models x groups x replicas x requests) of Algorithm 1.
What differs from the release: a replica can hurt (it changes where the shortest queue is), so the best selection on the
way is returned and not the last; a model is never hosted where it could not meet its objective even alone.
Reference: AlpaServe, OSDI 2023, section 4.2 ("fast heuristic"); methods greedy, selective_replication, round_robin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import gavelopt as go
from formulations.alpaserve.scoring import Group, Scorer, answer, canonical, instance_of, spread


def fill(scorer: Scorer, shapes: Sequence[int]) -> tuple[go.serving.Code, int]:
    """The best selection on the way to full memory on groups of the given shapes, and its requests in time."""
    groups: list[Group] = [(shape, 0) for shape in shapes]
    best: tuple[go.serving.Code, int] = ((), -1)
    while True:
        good, routed, unserved = scorer.tally(groups)
        if good > best[1]:
            best = canonical(groups), good
        if good == scorer.requests or scorer.late:
            return best
        taken = _least_busy_with_room(scorer, groups, routed)
        if taken is None:
            return best
        g, models = taken
        neediest = max(models, key=lambda m: (unserved[m], -m))
        groups[g] = (groups[g][0], groups[g][1] | 1 << neediest)


def _least_busy_with_room(scorer: Scorer, groups: Sequence[Group], routed: go.IntArray) -> tuple[int, list[int]] | None:
    for g in np.argsort(routed, kind="stable"):
        models = scorer.hostable(groups[int(g)])
        if models:
            return int(g), models
    return None


def equal_groups(scorer: Scorer, configuration: go.Configuration) -> list[int]:
    """Shapes of as many groups of one configuration as the devices allow.

    Raises:
        UnknownName: there are devices enough, but no model was measured in this configuration.
    """
    number = scorer.devices // configuration.size
    known = scorer.tables.configurations
    if number and len(scorer.instance.models) and configuration not in known:
        raise go.UnknownName.among("configuration", str(configuration), map(str, known))
    return [known.index(configuration)] * number if configuration in known else []


def greedy(problem: go.Problem, inter_op: int | None = None, intra_op: int = 1) -> go.Answer:
    """The fast heuristic on equal groups: of (inter_op, intra_op), or of the best configuration."""
    scorer = Scorer(instance_of(problem), deadline=problem.deadline)
    measured = [scorer.tables.configurations[shape] for shape in scorer.shapes]
    wanted = measured if inter_op is None else [go.Configuration(inter_op, intra_op)]
    found = spread(scorer, fill, [equal_groups(scorer, configuration) for configuration in wanted])
    code = max(found, key=lambda pair: pair[1])[0] if found else ()
    return answer(problem, scorer.instance.decode(code), f"{len(wanted)} configuration(s) tried")


def selective_replication(problem: go.Problem) -> go.Answer:
    """Groups of one device, filled by the fast heuristic: replication without model parallelism."""
    return greedy(problem, 1, 1)


def round_robin(problem: go.Problem, inter_op: int = 4) -> go.Answer:
    """Groups of ``inter_op`` stages; the models are dealt round, each to the next group with room, until nothing fits."""
    scorer = Scorer(instance_of(problem), deadline=problem.deadline)
    groups = list[Group]((shape, 0) for shape in equal_groups(scorer, go.Configuration(inter_op, 1)))
    turn, dealt = 0, bool(groups)
    while dealt:
        dealt = False
        for m in range(len(scorer.instance.models)):
            order = [(turn + step) % len(groups) for step in range(len(groups))]
            taker = next((g for g in order if m in scorer.hostable(groups[g])), None)
            if taker is not None:
                groups[taker] = groups[taker][0], groups[taker][1] | 1 << m
                turn, dealt = taker + 1, True
    return answer(problem, scorer.instance.decode(canonical(groups)))
