"""Placing jobs on nodes: from chosen options to a plan, with repair.

A job of r GPUs on one node takes a slot, a job across nodes one part on each of several. Jobs are placed by their largest
part, each part on the tightest node that holds it. What does not fit is put where it costs least: freeing k GPUs of a node
costs the least sum of utilities by which the jobs that stand there alone can shrink (or leave), and a waiting job takes the
(node, k) with the greatest net gain. In the end each node's GPUs are dealt out once more among the jobs on it, exactly (a
dynamic program over at most R GPUs). Heuristic: no proof comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import gavelopt as go
from formulations.pollux.question import IDLE, KEEP, Question

Parts = tuple[int, ...]
LOWEST = -1e300
MOST_MOVES = 4  # a waiting job that pushed others out may wait again this often, on average


class Board:
    """The plan while it grows. free (N,): GPUs left; open (N,): whether a distributed job may still come."""

    def __init__(self, question: Question) -> None:
        instance = question.instance
        self.question = question
        self.plan = np.zeros((len(instance.jobs), instance.nodes), dtype=np.int64)
        self.free = instance.node_gpus.copy()
        self.open = np.ones(instance.nodes, dtype=bool)
        self.alone: list[list[int]] = [[] for _ in range(instance.nodes)]  # jobs that stand on this node only, movable
        self.fixed = np.zeros(len(instance.jobs), dtype=bool)
        for job in np.flatnonzero(question.speedups.pinned):
            self.keep(int(job))

    def keep(self, job: int) -> bool:
        """Leave the job on the GPUs it holds, if they are free."""
        row = self.question.present[job]
        spread = (row > 0).sum() > 1
        if (row > self.free).any() or (spread and self.question.apart and not self.open[row > 0].all()):
            return False
        self.plan[job], self.fixed[job] = row, True
        self.free -= row
        if spread:
            self.open[row > 0] = False
        return True

    def slot(self, job: int, kind: int, gpus: int) -> bool:
        """Put the job on the tightest node of this type that has room."""
        fits = (self.question.instance.node_type == kind) & (self.free >= gpus)
        if not fits.any():
            return False
        self.put(job, int(np.argmin(np.where(fits, self.free, np.iinfo(np.int64).max))), gpus)
        return True

    def put(self, job: int, node: int, gpus: int) -> None:
        """The job on this node alone."""
        self.plan[job] = 0
        self.plan[job, node] = gpus
        self.free[node] -= gpus
        self.alone[node].append(job)

    def take(self, job: int, node: int) -> None:
        """The job off this node."""
        self.free[node] += self.plan[job, node]
        self.plan[job, node] = 0
        self.alone[node].remove(job)

    def across(self, job: int, kind: int, parts: Parts) -> bool:
        """Put each part on the tightest node that holds it; if that fails, the same GPUs wherever there are any."""
        row = self._tightest(kind, parts)
        row = self._anywhere(kind, sum(parts)) if row is None else row
        if row is None:
            return False
        self.plan[job] = row
        self.free -= row
        self.open[row > 0] = False
        return True

    def _usable(self, kind: int) -> go.IntArray:
        """(N,) GPUs that a distributed job may take."""
        usable = self.question.instance.node_type == kind
        return np.where(usable & self.open if self.question.apart else usable, self.free, 0)

    def _tightest(self, kind: int, parts: Parts) -> go.IntArray | None:
        room = self._usable(kind)
        row = np.zeros(len(room), dtype=np.int64)
        for part in parts:
            node = int(np.argmin(np.where(room >= part, room, np.iinfo(np.int64).max)))
            if room[node] < part:
                return None
            row[node], room[node] = part, 0
        return row

    def _anywhere(self, kind: int, gpus: int) -> go.IntArray | None:
        """The fullest nodes first, never all on one node."""
        room = self._usable(kind)
        nodes = np.argsort(-room, kind="stable")
        row = np.zeros(len(room), dtype=np.int64)
        for at, node in enumerate(nodes.tolist()):
            left = gpus - int(row.sum())
            row[node] = min(left, int(room[node])) if at else min(left - 1, int(room[node]))
        return row if row.sum() == gpus else None


def place(question: Question, choice: go.IntArray, parts: Mapping[int, Parts] | None = None) -> go.IntArray:
    """(J, N) a feasible plan near the (J,) chosen options: a configuration, IDLE or KEEP for each job.

    parts: {job: GPUs on each node} of distributed jobs whose fall is known; otherwise full nodes and a rest.
    """
    board = Board(question)
    waiting = [int(job) for job in np.flatnonzero(choice == KEEP) if not board.fixed[job] and not board.keep(int(job))]
    waiting += place_all(board, choice, parts or {})
    # a job may also run where it was not chosen to: idle jobs come last, the most valuable first
    idle = np.flatnonzero((choice == IDLE) & ~question.speedups.pinned)
    gain = question.utility[idle].max(axis=1, initial=-np.inf) - question.idle[idle]
    waiting += [int(idle[at]) for at in np.argsort(-gain, kind="stable") if gain[at] > 0]
    _settle(board, waiting)
    refill(board, range(len(board.free)))
    return board.plan


def place_all(board: Board, choice: go.IntArray, parts: Mapping[int, Parts]) -> list[int]:
    """Place the chosen configurations, those with the largest part first; return the jobs that found no room."""
    ways = board.question.speedups.ways
    size = board.question.instance.gpus_per_node
    pieces = []
    for job in np.flatnonzero((choice >= 0) & ~board.fixed).tolist():
        kind, gpus, spread = (int(column[choice[job]]) for column in (ways.type, ways.gpus, ways.spread))
        known = parts.get(job) or (standard_parts(gpus, int(size[kind])) if spread else (gpus,))
        pieces.append((-max(known), -gpus, job, kind, known))
    left = []
    for _, _, job, kind, known in sorted(pieces):
        placed = board.across(job, kind, known) if len(known) > 1 else board.slot(job, kind, known[0])
        if not placed:
            left.append(job)
    return left


def standard_parts(gpus: int, size: int) -> Parts:
    """Full nodes and a rest; a job of one node's size or less gives one GPU away."""
    full, rest = divmod(gpus, size)
    parts = (size,) * full + ((rest,) if rest else ())
    return parts if len(parts) > 1 else (gpus - 1, 1)


class Slots:
    """Utilities of one-node options as dense rows: table[kind][job, k], k = 0..R GPUs."""

    def __init__(self, question: Question) -> None:
        instance, ways = question.instance, question.speedups.ways
        self.table = []
        for kind in range(len(instance.cluster)):
            rows = np.full((len(instance.jobs), int(instance.gpus_per_node[kind]) + 1), -np.inf)
            rows[:, 0] = np.maximum(question.idle, LOWEST)  # a finite loss, so that differences stay numbers
            here = (ways.type == kind) & ~ways.spread
            rows[:, ways.gpus[here]] = question.utility[:, here]
            self.table.append(rows)


def _settle(board: Board, waiting: Sequence[int]) -> None:
    """Give every waiting job its best (node, k), pushing others down; those pushed out wait again, for a while."""
    slots = Slots(board.question)
    cost = np.array([_freeing(board, slots, node) for node in range(len(board.free))]).reshape(len(board.free), -1)
    queue, moves = list(waiting), MOST_MOVES * (len(waiting) + 1)
    while queue and moves:
        moves -= 1
        job = queue.pop(0)
        gain = np.full(cost.shape, -np.inf)
        for kind, table in enumerate(slots.table):
            rows = np.flatnonzero(board.question.instance.node_type == kind)
            if not len(rows):
                continue  # a type without nodes may have more GPUs a node than there are columns
            gain[rows, : table.shape[1] - 1] = table[job, 1:] - table[job, 0] - cost[rows, : table.shape[1] - 1]
        best = int(np.argmax(gain)) if gain.size else 0
        if not gain.size or not gain.flat[best] > 1e-12:
            continue
        node, gpus = best // cost.shape[1], best % cost.shape[1] + 1
        queue += _make_room(board, slots, node, gpus)
        board.put(job, node, gpus)
        cost[node] = _freeing(board, slots, node)


def _freeing(board: Board, slots: Slots, node: int) -> go.FloatArray:
    """(R,) least loss of utility that leaves k = 1..R GPUs of the node free (inf where fixed jobs stand in the way)."""
    most = int(board.question.instance.node_gpus.max())
    loss = np.full(most, np.inf)
    value = _dealt(board, slots, node)[0]
    held = int(board.free[node] + board.plan[board.alone[node], node].sum())
    now = _present(board, slots, node)
    for k in range(1, held + 1):
        loss[k - 1] = max(now - value[held - k], 0.0)
    return loss


def _present(board: Board, slots: Slots, node: int) -> float:
    table = slots.table[int(board.question.instance.node_type[node])]
    return float(sum(table[job, board.plan[job, node]] for job in board.alone[node]))


def _dealt(board: Board, slots: Slots, node: int) -> tuple[go.FloatArray, list[go.IntArray]]:
    """(value, choices): most utility of the node's movable jobs within c = 0..R GPUs, and each job's GPUs behind it."""
    table = slots.table[int(board.question.instance.node_type[node])]
    size = table.shape[1]
    value, choices = np.zeros(size), []
    grid = np.arange(size)[:, None] - np.arange(size)[None, :]
    for job in board.alone[node]:
        total = np.where(grid >= 0, value[np.maximum(grid, 0)] + table[job][None, :], -np.inf)
        choices.append(total.argmax(axis=1))
        value = total.max(axis=1)
    return value, choices


def _make_room(board: Board, slots: Slots, node: int, gpus: int) -> list[int]:
    """Shrink the node's jobs so that ``gpus`` are free, at the least loss; return those that had to leave."""
    held = int(board.free[node] + board.plan[board.alone[node], node].sum())
    return _deal(board, slots, node, held - gpus)


def _deal(board: Board, slots: Slots, node: int, room: int) -> list[int]:
    """Deal ``room`` GPUs of the node among its movable jobs, exactly; return the jobs that get none."""
    _, choices = _dealt(board, slots, node)
    jobs = list(board.alone[node])
    for job, choice in reversed(list(zip(jobs, choices, strict=True))):
        given = int(choice[room])
        board.take(job, node)
        if given:
            board.put(job, node, given)
        room -= given
    return [job for job in jobs if not board.plan[job].any()]


def refill(board: Board, nodes: Sequence[int]) -> None:
    """Deal every node's GPUs out once more among the jobs that stand on it alone."""
    slots = Slots(board.question)
    for node in nodes:
        if board.alone[node] and board.free[node]:
            _deal(board, slots, node, int(board.free[node] + board.plan[board.alone[node], node].sum()))
