"""Numbers for the accelerators that each segment of a log holds: a colouring of intervals, with gangs kept on few servers."""

from __future__ import annotations

import numpy as np

from gavelopt.errors import GavelOptError, InputError
from gavelopt.model.arrays import IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.replay.log import Log


def assign_devices(log: Log, cluster: Cluster, places: IntArray | None = None) -> tuple[tuple[int, ...], ...]:
    """For each segment, the numbers (from 0, within the type) of the accelerators it holds from its start to its end.

    Segments are taken by start; among those that start together larger gangs go first. A gang takes the server with the
    fewest free accelerators that holds all of it, or else the emptiest servers in turn (servers of ``cluster.per_node``; one
    server where that is unknown), unless ``places`` (S, N) says how many it has on each node, type by type. Two jobs that
    share accelerators get the same numbers.

    Raises:
        InputError: fractions of time, which have no whole accelerators (fluid mode).
    """
    if (log.share < 1.0).any():
        raise InputError("fractions of time hold no whole accelerators", fix="mode='rounds', or a queue discipline")
    pools = [_Pool(int(count), node) for count, node in zip(cluster.count, _nodes(cluster), strict=True)]
    first = np.concatenate([[0], np.cumsum([pool.servers for pool in pools])])
    chosen: list[tuple[int, ...]] = [()] * len(log)
    running: dict[int, int] = {}  # job -> its open segment
    for opens, segment in _events(log):
        job, kind = int(log.job[segment]), int(log.accelerator[segment])
        if not opens:
            pools[kind].give_back(chosen[segment])
            if running.get(job) == segment:
                del running[job]
            continue
        other = running.get(int(log.partner[segment]), -1)
        if other >= 0 and int(log.partner[other]) == job and log.accelerator[other] == kind:
            chosen[segment] = pools[kind].join(chosen[other])
        elif places is None:
            chosen[segment] = pools[kind].take(int(log.gang[segment]))
        else:
            chosen[segment] = pools[kind].take_on(places[segment, first[kind] : first[kind + 1]])
        running[job] = segment
    return tuple(chosen)


def _events(log: Log) -> list[tuple[bool, int]]:
    """(opens, segment) in order of time; ends before starts at the same moment, larger gangs first."""
    ends = [(float(log.end_s[s]), 0, 0, s) for s in range(len(log))]
    starts = [(float(log.start_s[s]), 1, -int(log.gang[s]), s) for s in range(len(log))]
    return [(bool(opens), segment) for _, opens, _, segment in sorted(ends + starts)]


def _nodes(cluster: Cluster) -> list[int]:
    per_node, count = cluster.per_node, cluster.count
    known = count if per_node is None else np.where(np.isnan(per_node), count, per_node)
    return [max(int(size), 1) for size in known]


class _Pool:
    """The accelerators of one type, in servers; ``users`` counts the segments on each."""

    def __init__(self, count: int, node: int) -> None:
        self.users = np.zeros(count, dtype=np.int64)
        self.server = np.arange(count) // node
        self.servers = -(-count // node)

    def take(self, gang: int) -> tuple[int, ...]:
        free = np.flatnonzero(self.users == 0)
        if len(free) < gang:
            raise _impossible(gang, len(free))
        room = np.bincount(self.server[free], minlength=self.servers)
        fitting = np.flatnonzero(room >= gang)
        if len(fitting):
            best = fitting[np.argmin(room[fitting])]
            found = free[self.server[free] == best][:gang]
        else:
            found = free[np.argsort(-room[self.server[free]], kind="stable")][:gang]
        return self.join(tuple(int(number) for number in found))

    def take_on(self, wanted: IntArray) -> tuple[int, ...]:
        """``wanted`` (servers,) accelerators on each server."""
        found: list[int] = []
        for server in np.flatnonzero(wanted).tolist():
            free = np.flatnonzero((self.users == 0) & (self.server == server))
            if len(free) < wanted[server]:
                raise _impossible(int(wanted[server]), len(free))
            found += free[: wanted[server]].tolist()
        return self.join(tuple(found))

    def join(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        self.users[list(numbers)] += 1
        return numbers

    def give_back(self, numbers: tuple[int, ...]) -> None:
        self.users[list(numbers)] -= 1


def _impossible(gang: int, free: int) -> GavelOptError:
    return GavelOptError(f"a gang of {gang} starts where {free} accelerators are free: the log is impossible")
