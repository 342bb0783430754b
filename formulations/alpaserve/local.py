"""Local improvement: small changes of a placement, kept when the simulator serves more requests.

    add a replica, drop one, replace one on its group by another model, move one to another group,
    reshape: one or two groups become other groups on the same devices, refilled from the models they hosted and others

First the replica moves until none helps, then a reshape, and so on. Moves are tried in blocks, best block member first;
a candidate is given up as soon as it fails more requests than the placement it should replace, so that most cost little.
The effort is counted in simulated requests, so the answer does not depend on the machine; ``seed`` orders the moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

import gavelopt as go
from formulations.alpaserve.partitions import multisets
from formulations.alpaserve.scoring import Group, Scorer, canonical, spread

BLOCK = 64  # candidates in one compiled call


def improve(
    scorer: Scorer, code: go.serving.Code, *, effort: float = 2e8, seed: int = 0
) -> tuple[go.serving.Code, int]:
    """A placement at least as good as ``code`` and its requests in time, for about ``effort`` simulated requests."""
    random, stop = np.random.default_rng(seed), scorer.spent + effort
    good = int(scorer.good([code])[0])
    while good < scorer.requests and scorer.spent < stop and not scorer.late:
        better = _first_better(scorer, code, good, _replica_moves(scorer, code, random), stop)
        if better is None:
            better = _first_better(scorer, code, good, _reshapes(scorer, code, random), stop)
        if better is None:
            break
        code, good = better
    return code, good


def improve_best(
    scorer: Scorer, codes: Sequence[go.serving.Code], *, effort: float, seed: int = 0
) -> tuple[go.serving.Code, int]:
    """The best of several placements after improvement, by successive halving.

    All are improved a little, the better half of them more, and so on; every round has the same share of ``effort``.
    """
    alive = list(dict.fromkeys(codes)) or [()]
    rounds = max(1, len(alive).bit_length())
    for number in range(rounds):
        share, order = effort / rounds / len(alive), seed + number

        def task(
            own: Scorer, code: go.serving.Code, share: float = share, order: int = order
        ) -> tuple[go.serving.Code, int]:
            return improve(own, code, effort=share, seed=order)

        improved = sorted(set(spread(scorer, task, alive)), key=lambda pair: (-pair[1], pair[0]))
        alive = [code for code, _ in improved[: max(1, len(alive) // 2)]]
    return improved[0]


def _first_better(
    scorer: Scorer, code: go.serving.Code, good: int, candidates: Iterable[go.serving.Code], stop: float
) -> tuple[go.serving.Code, int] | None:
    """The best member of the first block with one that beats ``good``, or None."""
    seen, source = {code}, iter(candidates)
    while scorer.spent < stop and not scorer.late:
        taken = list(islice(source, BLOCK))
        if not taken:
            break
        block = [candidate for candidate in dict.fromkeys(taken) if candidate not in seen]
        if not block:
            continue
        seen.update(block)
        counts = scorer.good(block, failures=scorer.requests - good - 1, best_only=True)
        best = int(np.argmax(counts))
        if counts[best] > good:
            return block[best], int(counts[best])
    return None


def _replica_moves(scorer: Scorer, code: go.serving.Code, random: np.random.Generator) -> Iterator[go.serving.Code]:
    """Additions, replacements, moves and drops, each kind shuffled; the most unserved models come first."""
    groups = list(code)
    _, _, unserved = scorer.tally(groups)
    needy = [m for m in np.argsort(-unserved, kind="stable").tolist() if unserved[m] > 0]
    yield from _additions(scorer, groups, needy)
    places = [(g, m) for g, (_, mask) in enumerate(groups) for m in go.serving.positions(mask)]
    random.shuffle(places)
    for wanted in needy:
        for g, m in places:
            yield from _changed(scorer, groups, {g: groups[g][1] & ~(1 << m) | 1 << wanted})
    for g, m in places:
        yield from _changed(scorer, groups, {g: groups[g][1] & ~(1 << m)})
        for h in random.permutation(len(groups)).tolist():
            if h != g and scorer.usable[m, groups[h][0]]:
                yield from _changed(scorer, groups, {g: groups[g][1] & ~(1 << m), h: groups[h][1] | 1 << m})
    yield from _exchanges(scorer, groups, places)


def _additions(scorer: Scorer, groups: Sequence[Group], needy: Sequence[int]) -> Iterator[go.serving.Code]:
    """Every model that fits somewhere, the needy first (a replica of another may still draw load away)."""
    room = [set(scorer.hostable(group)) for group in groups]
    for m in [*needy, *(m for m in scorer.models if m not in set(needy))]:
        for g, able in enumerate(room):
            if m in able:
                yield from _changed(scorer, groups, {g: groups[g][1] | 1 << m})


def _exchanges(scorer: Scorer, groups: Sequence[Group], places: Sequence[tuple[int, int]]) -> Iterator[go.serving.Code]:
    """Two models of two groups change places."""
    for at, (g, m) in enumerate(places):
        for h, n in places[at + 1 :]:
            if g != h and m != n and scorer.usable[n, groups[g][0]] and scorer.usable[m, groups[h][0]]:
                first, second = groups[g][1] & ~(1 << m) | 1 << n, groups[h][1] & ~(1 << n) | 1 << m
                yield from _changed(scorer, groups, {g: first, h: second})


def _changed(scorer: Scorer, groups: Sequence[Group], masks: dict[int, int]) -> Iterator[go.serving.Code]:
    """The placement with some groups' models replaced, if it differs and fits."""
    new = [(shape, masks.get(g, mask)) for g, (shape, mask) in enumerate(groups)]
    if new != list(groups) and all(scorer.fits(new[g]) and _serves(scorer, new[g]) for g in masks):
        yield canonical(new)


def _serves(scorer: Scorer, group: Group) -> bool:
    return all(scorer.usable[m, group[0]] for m in go.serving.positions(group[1]))


def _reshapes(scorer: Scorer, code: go.serving.Code, random: np.random.Generator) -> Iterator[go.serving.Code]:
    """One or two groups (and idle devices) cut differently and refilled in two ways: what was there first, or the needy."""
    groups, size = list(code), scorer.tables.size
    idle = scorer.devices - sum(int(size[shape]) for shape, _ in groups)
    _, _, unserved = scorer.tally(groups)
    needy = np.argsort(-unserved, kind="stable").tolist()
    picks = [(g,) for g in range(len(groups))] + [(g, h) for g in range(len(groups)) for h in range(g)]
    shapes = scorer.shapes
    for at in random.permutation(len(picks)).tolist():
        picked = picks[at]
        devices = sum(int(size[groups[g][0]]) for g in picked) + idle
        if devices > 16:
            continue
        rest = [group for g, group in enumerate(groups) if g not in picked]
        hosted = [m for g in picked for m in go.serving.positions(groups[g][1])]
        for cut in multisets([int(size[shape]) for shape in shapes], devices):
            empty = [(shapes[c], 0) for c in cut]
            for order in (hosted + needy, needy + hosted):
                yield canonical(rest + _refilled(scorer, empty, order))


def _refilled(scorer: Scorer, groups: Sequence[Group], order: Sequence[int]) -> list[Group]:
    """The models of ``order`` dealt round the groups, each to the emptiest that can take it, until nothing fits."""
    filled = list(groups)
    placed = True
    while placed:
        placed = False
        for m in dict.fromkeys(order):
            able = [g for g, group in enumerate(filled) if m in scorer.hostable(group)]
            if able:
                g = min(able, key=lambda g: scorer.load(filled[g]))
                filled[g] = (filled[g][0], filled[g][1] | 1 << m)
                placed = True
    return filled
