"""Which groups to cut the devices into: all multisets of configurations, or the pruned list of the release.

Up to 16 devices every multiset of configurations that uses all devices can be tried (43 at 8 devices and 460 at 16 with
the ten configurations of inter-op and intra-op up to 8); at 64 devices there are 815,243. The pruned list has, for every
configuration, as many equal groups as fit and the rest cut into pipelines of powers of two.

Buckets keep models of similar latency together, so that no short request waits behind a long one (convoy effect): models
are scanned in order and join the first bucket whose first member's latency differs by less than 38 %.
Reference: AlpaServe, OSDI 2023, Algorithm 2 and its pruning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import gavelopt as go
from formulations.alpaserve.scoring import Scorer

BUCKET_SPREAD = 0.38
ALL_UP_TO = 16  # devices


def multisets(sizes: Sequence[int], devices: int) -> Iterator[tuple[int, ...]]:
    """Every multiset of positions whose sizes sum to ``devices``, each in ascending order."""

    def extend(first: int, left: int) -> Iterator[tuple[int, ...]]:
        if left == 0:
            yield ()
        for at in range(first, len(sizes)):
            if sizes[at] <= left:
                for rest in extend(at, left - sizes[at]):
                    yield (at, *rest)

    return extend(0, devices)


def count_multisets(sizes: Sequence[int], devices: int) -> int:
    """How many multisets there are, without listing them."""

    @cache
    def count(first: int, left: int) -> int:
        if left == 0:
            return 1
        return sum(count(at, left - sizes[at]) for at in range(first, len(sizes)) if sizes[at] <= left)

    return count(0, devices)


def all_partitions(scorer: Scorer, devices: int | None = None) -> Iterator[tuple[int, ...]]:
    """Every multiset of the scorer's shapes that uses all devices (as many as possible where no multiset uses all)."""
    shapes = scorer.shapes
    sizes = [int(scorer.tables.size[shape]) for shape in shapes]
    left = scorer.devices if devices is None else devices
    while left > 0 and not count_multisets(sizes, left):
        left -= 1
    for chosen in multisets(sizes, left):
        yield tuple(shapes[at] for at in chosen)


def pruned_partitions(scorer: Scorer) -> list[tuple[int, ...]]:
    """For every shape as many equal groups as fit; the rest of the devices in pipelines of powers of two."""
    found = []
    for shape in scorer.shapes:
        equal, left = divmod(scorer.devices, int(scorer.tables.size[shape]))
        found.append(tuple(sorted([shape] * equal + _powers_of_two(scorer, left))))
    return list(dict.fromkeys(found))


def _powers_of_two(scorer: Scorer, devices: int) -> list[int]:
    """Pipelines (intra-op 1) of the largest powers of two that are measured and still fit, largest first."""
    known = {scorer.tables.configurations[shape]: shape for shape in scorer.shapes}
    found, size = [], 1 << max(devices.bit_length() - 1, 0)
    while size and devices:
        shape = known.get(go.Configuration(size, 1))
        if shape is None or size > devices:
            size //= 2
        else:
            found.append(shape)
            devices -= size
    return found


def partitions(scorer: Scorer, limit: int = 500) -> list[tuple[int, ...]]:
    """All multisets up to 16 devices where there are at most ``limit``, otherwise the pruned list."""
    sizes = [int(scorer.tables.size[shape]) for shape in scorer.shapes]
    few = scorer.devices <= ALL_UP_TO and count_multisets(sizes, scorer.devices) <= limit
    return list(all_partitions(scorer)) if few else pruned_partitions(scorer)


def buckets(instance: go.PlacementInstance, spread: float = BUCKET_SPREAD) -> list[tuple[int, ...]]:
    """Models of similar latency together; buckets by rising latency. Latency: the fastest measured total on fewest devices."""
    latency = _base_latency(instance)
    found: list[list[int]] = []
    for m, own in enumerate(latency):
        for bucket in found:
            first = latency[bucket[0]]
            if abs(own - first) < spread * min(own, first):
                bucket.append(m)
                break
        else:
            found.append([m])
    return [tuple(bucket) for bucket in sorted(found, key=lambda bucket: latency[bucket[0]])]


def _base_latency(instance: go.PlacementInstance) -> list[float]:
    tables = instance.tables
    found = []
    for m in range(len(instance.models)):
        measured = [c for c in range(len(tables.size)) if tables.measured[m, c]]
        fewest = min(measured, key=lambda c: (tables.size[c], tables.total_s[m, c]), default=None)
        found.append(float("inf") if fewest is None else float(tables.total_s[m, fewest]))
    return found


def consecutive(parts: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    """Every way to join neighbouring buckets, from all apart to all together."""
    if not parts:
        yield []
    for cut in range(1, len(parts) + 1):
        joined = tuple(m for part in parts[:cut] for m in part)
        for rest in consecutive(parts[cut:]):
            yield [joined, *rest]
