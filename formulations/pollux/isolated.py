"""Equal shares: what every job gets if nobody decides.

    K_j = floor(G / J) GPUs, cut to the job's limits; with fewer GPUs than jobs the first G jobs get one each

Of several accelerator types, jobs are dealt to types in proportion to their GPUs and share each type equally. Placed largest
first, without repair: the plan of the sharing-incentive argument, not a search.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.pollux.board import Board, place_all
from formulations.pollux.question import IDLE, Question, answer


def isolated(problem: go.Problem) -> go.Answer:
    """Equal shares, placed."""
    question = Question.of(problem)
    board = Board(question)
    place_all(board, equal_shares(question), {})
    return answer(question, board.plan)


def equal_shares(question: Question) -> go.IntArray:
    """(J,) the configuration of an equal share; IDLE where there is none."""
    instance, ways = question.instance, question.speedups.ways
    count = instance.cluster.count
    jobs = np.flatnonzero(~question.speedups.pinned)
    place = (np.arange(len(jobs)) + 0.5) / max(len(jobs), 1)
    kind = (
        np.searchsorted(np.cumsum(count) / count.sum(), place) if count.sum() else np.zeros(len(jobs), dtype=np.int64)
    )
    choice = np.full(len(instance.jobs), IDLE, dtype=np.int64)
    for t in range(len(count)):
        members = jobs[kind == t]
        share = max(int(count[t]) // max(len(members), 1), 1)
        for job in members[: int(count[t])].tolist():
            allowed = (ways.type == t) & (ways.gpus <= share) & np.isfinite(question.utility[job])
            size = np.where(allowed, ways.gpus * 2 - ways.spread, -1)  # the largest; on one node rather than several
            if allowed.any():
                choice[job] = int(np.argmax(size))
    return choice
