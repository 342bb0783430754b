"""Batch latency profiles: how long one batch of b requests takes on one accelerator, in whole microseconds.

    l(b)    latency of a batch of b requests, b = 1 .. B, rounded up to a microsecond
    rows between the measured ones are filled by a named choice:
        step_up   the next measured batch (a batch may be padded); safe, the default
        linear    straight lines between measured rows, the first row's latency below it
        affine    the least-squares line  alpha b + beta,  alpha >= 0
    then    l(b) = min over b' >= b of l(b'),    memory(b) = max over b' <= b of memory(b'),    b within a GPU's memory

Measured tables are not monotone. The suffix minimum is what padding gives: a batch of b may be run as any larger b' that
happens to be faster. The running maximum of the memory is on the safe side. Both never fall, which every argument about
duty cycles needs. b / l(b) need not be monotone even then, so the best throughput within a latency is an argmax and not the
largest batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray, read_only, vector, whole

INTERPOLATIONS = ("step_up", "linear", "affine")
US_PER_MS = 1000.0


@dataclass(frozen=True, eq=False)
class LatencyCurve:
    """A profile made dense: entry b - 1 is for batch b.

    latency_us: (B,) non-decreasing, whole microseconds; run_batch: (B,) the batch that is really run (b padded up);
    memory_bytes: (B,) memory at that batch, 0 where unknown.
    """

    latency_us: IntArray
    run_batch: IntArray
    memory_bytes: IntArray

    def __len__(self) -> int:
        return len(self.latency_us)

    def latency(self, batch: int) -> int:
        """l(b) in microseconds."""
        return int(self.latency_us[batch - 1])

    @cached_property
    def best_up_to(self) -> IntArray:
        """(B,) the batch b' <= b of highest throughput b' / l(b'), the smallest one of equals."""
        rate = np.arange(1, len(self) + 1) / self.latency_us
        level = np.maximum.accumulate(rate)
        new = np.append(True, level[1:] > level[:-1])[: len(self)]
        return read_only(np.maximum.accumulate(np.where(new, np.arange(1, len(self) + 1), 0)))

    def largest_within(self, limit_us: int | IntArray) -> IntArray:
        """The largest b with l(b) <= limit, 0 where there is none; for one limit or an array of them."""
        return np.asarray(np.searchsorted(self.latency_us, limit_us, side="right"))

    def fastest_within(self, limit_us: int | IntArray) -> IntArray:
        """The b of highest throughput with l(b) <= limit, 0 where there is none."""
        return np.asarray(np.append(0, self.best_up_to)[self.largest_within(limit_us)])


@dataclass(frozen=True, eq=False)
class BatchProfile:
    """What was measured of one model on one accelerator type.

    Args:
        model, accelerator: names.
        batch: (n,) batch sizes >= 1, in any order; a repeated row must repeat its latency.
        latency_us: (n,) latency of one batch in microseconds, > 0; fractions are rounded up.
        memory_bytes: (n,) memory at that batch, or None.
        std_us: (n,) standard deviation of the latency, or None.
        preprocess_us, postprocess_us: CPU time of one request before and after the GPU; taken off its SLO.

    Raises:
        InputError: no rows, a wrong shape, a value out of range, two latencies for one batch.
    """

    model: str
    accelerator: str
    batch: IntArray
    latency_us: IntArray
    memory_bytes: IntArray | None
    std_us: FloatArray | None
    preprocess_us: int
    postprocess_us: int

    def __init__(
        self,
        model: str,
        accelerator: str,
        batch: object,
        latency_us: object,
        memory_bytes: object = None,
        std_us: object = None,
        preprocess_us: float = 0,
        postprocess_us: float = 0,
    ) -> None:
        put = object.__setattr__
        put(self, "model", model)
        put(self, "accelerator", accelerator)
        rows = Labels.numbered("row ", int(np.size(np.asarray(batch))), "profile row")
        try:
            order, sizes, times = _rows(rows, batch, latency_us)
            put(self, "batch", read_only(sizes[order]))
            put(self, "latency_us", read_only(_whole_us(times[order])))
            memory = None if memory_bytes is None else vector(memory_bytes, len(rows), "memory_bytes", rows)[order]
            put(self, "memory_bytes", None if memory is None else read_only(np.ceil(memory).astype(np.int64)))
            spread = None if std_us is None else read_only(vector(std_us, len(rows), "std_us", rows)[order])
            put(self, "std_us", spread)
            for column, value in (("preprocess_us", preprocess_us), ("postprocess_us", postprocess_us)):
                if not (np.isfinite(value) and value >= 0):
                    raise InputError(f"{column} out of range", seen=value, rule="microseconds >= 0")
                put(self, column, int(np.ceil(value - 1e-6)))
        except InputError as error:
            raise error.at(f"profile of {model!r} on {accelerator!r}") from error

    @classmethod
    def from_ms(cls, model: str, accelerator: str, rows: dict[int, float]) -> BatchProfile:
        """A profile from ``{batch: latency in ms}``."""
        return cls(model, accelerator, list(rows), [ms * US_PER_MS for ms in rows.values()])

    def curve(
        self, interpolation: str = "step_up", max_batch: int | None = None, memory_limit: int | None = None
    ) -> LatencyCurve:
        """The dense, monotone table that plans are made with; see the head of this file.

        memory_limit: bytes of one GPU; batches that need more are not run, and where all do the curve is empty.
        """
        if interpolation not in INTERPOLATIONS:
            raise UnknownName.among("interpolation", interpolation, INTERPOLATIONS)
        sizes = np.arange(1, self._largest(interpolation, max_batch) + 1)
        next_row = np.searchsorted(self.batch, sizes)
        if interpolation == "step_up":
            raw = self.latency_us[next_row]
        elif interpolation == "linear":
            raw = _whole_us(np.interp(sizes, self.batch, self.latency_us))
        else:
            raw = _whole_us(self._affine(sizes))
        held = np.zeros(len(sizes), dtype=np.int64)
        if self.memory_bytes is not None:
            held = np.maximum.accumulate(self.memory_bytes[next_row])
        last = len(sizes) if memory_limit is None else int(np.searchsorted(held, memory_limit, side="right"))
        raw = raw[:last]
        least = np.minimum.accumulate(raw[::-1])[::-1]
        reached = np.where(raw == least, sizes[:last], last)
        run = np.minimum.accumulate(reached[::-1])[::-1]  # the smallest batch >= b that reaches the minimum
        return LatencyCurve(read_only(least.copy()), read_only(run.copy()), read_only(held[run - 1]))

    def _largest(self, interpolation: str, max_batch: int | None) -> int:
        """The largest batch that may be run: the last row, or the cap (with step_up, the last row within it)."""
        cap = int(self.batch[-1]) if max_batch is None else min(int(self.batch[-1]), max_batch)
        if interpolation == "step_up":
            within = self.batch[self.batch <= cap]
            cap = int(within[-1]) if len(within) else 0
        if cap < 1:
            raise InputError(
                "no batch may be run",
                where=f"profile of {self.model!r} on {self.accelerator!r}",
                seen=f"max_batch {max_batch}, smallest measured batch {int(self.batch[0])}",
                fix="raise max_batch, or interpolation 'linear' or 'affine'",
            )
        return cap

    def _affine(self, sizes: IntArray) -> FloatArray:
        if len(self.batch) == 1:
            return np.full(len(sizes), float(self.latency_us[0]))
        slope, offset = np.polyfit(self.batch.astype(float), self.latency_us.astype(float), 1)
        if slope < 0:
            slope, offset = 0.0, float(self.latency_us.mean())
        return np.asarray(np.maximum(slope * sizes + offset, 1.0))

    @cached_property
    def irregularities(self) -> tuple[str, ...]:
        """What the measured rows do that theory assumes away: latency, throughput, or memory that falls."""
        latency = np.diff(self.latency_us)
        rate = np.diff(self.batch / self.latency_us)
        found = []
        if (latency < 0).any():
            found.append(
                f"latency falls in {int((latency < 0).sum())} of {len(latency)} steps (such batches are padded)"
            )
        if (rate < 0).any():
            found.append(
                f"throughput falls in {int((rate < 0).sum())} of {len(rate)} steps (the best batch is not the largest)"
            )
        if self.memory_bytes is not None and (np.diff(self.memory_bytes) < 0).any():
            falls = int((np.diff(self.memory_bytes) < 0).sum())
            found.append(f"memory falls in {falls} of {len(latency)} steps (the most so far is counted)")
        return tuple(found)

    def __repr__(self) -> str:
        return f"BatchProfile({self.model!r} on {self.accelerator!r}, {len(self.batch)} rows)"


def _rows(rows: Labels, batch: object, latency_us: object) -> tuple[IntArray, IntArray, FloatArray]:
    """(order, batch, latency): the checked columns, and the positions of the rows to keep, by rising batch."""
    if not len(rows):
        raise InputError("the profile has no rows", rule="at least one (batch, latency)")
    sizes = whole(batch, len(rows), "batch", rows)
    times = vector(latency_us, len(rows), "latency", rows, strict=True)
    order = np.argsort(sizes, kind="stable")
    repeated = np.diff(sizes[order]) == 0
    contradicting = repeated & (np.diff(times[order]) != 0)
    if contradicting.any():
        at = int(np.argmax(contradicting))
        raise InputError(
            "two latencies for one batch",
            where=f"batch {sizes[order][at]}",
            seen=times[order][at : at + 2].tolist(),
            fix="keep one of the rows",
        )
    return order[np.append(True, ~repeated)], sizes, times


def _whole_us(values: FloatArray) -> IntArray:
    """Rounded up to whole microseconds, but not for an error of the floating point."""
    return np.asarray(np.maximum(np.ceil(values - 1e-6), 1.0).astype(np.int64))
