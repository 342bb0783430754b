"""The structural reading: which normal form a declaration has.

``rate`` becomes a term that remembers what was done to it; a reducer turns the term into a ``Utility``. A declaration
outside this small algebra raises ``Unstructured``: it can still be read symbolically.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gavelopt.errors import GavelOptError
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.utility import Utility, settled
from gavelopt.model.view import View


class Unstructured(GavelOptError):
    """The declaration is not a power mean of scaled rates."""


class Closed:
    """What the algebra below does not define leads out of it."""

    __array_ufunc__ = None  # arrays on the left defer to the reflected operators

    def _outside(self, *args: Any, **kwargs: Any) -> Any:
        raise Unstructured(f"arithmetic that is no power mean of scaled rates, on a {type(self).__name__}")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _outside
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = __getitem__ = _outside


class Objective(Closed, Utility):
    """A utility as a reducer returns it: the whole objective, nothing may be done to it."""


@dataclass(frozen=True, eq=False)
class RateTerm(Closed):
    """slope * rate + offset, job by job."""

    slope: FloatArray
    offset: FloatArray

    def __mul__(self, factor: Any) -> RateTerm:
        return RateTerm(self.slope * _array(factor), self.offset * _array(factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> RateTerm:
        return self * (1.0 / _array(divisor))

    def __rtruediv__(self, numerator: Any) -> TimeTerm:
        if self.offset.any():
            raise Unstructured("dividing by a shifted rate")
        # no work left takes no time, whatever the rate
        work = np.broadcast_to(_array(numerator), self.slope.shape)
        return TimeTerm(
            np.zeros_like(self.slope), np.where(work > 0, work / np.where(self.slope > 0, self.slope, 1.0), 0.0)
        )

    def __add__(self, constant: Any) -> RateTerm:
        return RateTerm(self.slope, self.offset + _array(constant))

    __radd__ = __add__

    def __sub__(self, constant: Any) -> RateTerm:
        return self + (-_array(constant))


@dataclass(frozen=True, eq=False)
class TimeTerm(Closed):
    """base + work / rate, job by job: a time, or a ratio of times."""

    base: FloatArray
    work: FloatArray

    def __mul__(self, factor: Any) -> TimeTerm:
        return TimeTerm(self.base * _array(factor), self.work * _array(factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> TimeTerm:
        return self * (1.0 / _array(divisor))

    def __add__(self, constant: Any) -> TimeTerm:
        return TimeTerm(self.base + _array(constant), self.work)

    __radd__ = __add__


class StructuralView(View):
    """The view whose words build a ``Utility``."""

    @property
    def rate(self) -> RateTerm:
        jobs = len(self.instance.jobs)
        return RateTerm(np.ones(jobs), np.zeros(jobs))

    @property
    def usage(self) -> Any:
        raise Unstructured("a utility of usage")

    def total(self, values: Any) -> Objective:
        if isinstance(values, TimeTerm):  # sum work/r = 1 / power mean with p = -1 of r/work
            if values.base.any():
                raise Unstructured("total of shifted times")
            return _times(values, -1.0)
        term = _rates(values)
        return Objective(1.0, term.slope, term.offset, np.ones_like(term.slope))

    def smallest(self, values: Any, over: BoolArray | None = None) -> Objective:
        if isinstance(values, TimeTerm):
            if values.base.any():
                raise Unstructured("smallest of shifted times")
            counted = np.ones(len(values.work), dtype=bool) if over is None else over
            if (values.work[counted] <= 0).any():
                raise Unstructured("smallest of times of which one is always 0")
            return replace(_times(values, np.inf), weight=counted.astype(np.float64))
        term = _rates(values)
        counted = np.ones_like(term.slope) if over is None else over.astype(np.float64)
        return Objective(-np.inf, term.slope, term.offset, counted)

    def largest(self, values: Any) -> Objective:
        if not isinstance(values, TimeTerm):
            raise Unstructured("the largest of rates is not concave")
        return _times(values, -np.inf)

    def log_total(self, values: Any, weights: FloatArray | None = None) -> Objective:
        term = _rates(values)
        return Objective(0.0, term.slope, term.offset, np.ones_like(term.slope) if weights is None else weights)

    def power_mean(self, values: Any, p: float, weights: FloatArray | None = None) -> Objective:
        term = _rates(values)
        if p > 1:
            raise Unstructured(f"a power mean with p = {p:g} > 1 is not concave")
        share = np.ones_like(term.slope) if weights is None else weights
        mean = share / (share.sum() or 1.0)
        meant = settled(p)
        return Objective(meant, term.slope, term.offset, mean, report="exp" if meant == 0 else "same")


def _times(term: TimeTerm, p: float) -> Objective:
    """Times base + work / r as utilities u = r / (work + base r) = 1 / time; jobs without work only cap U."""
    busy = term.work > 0
    work = np.where(busy, term.work, 1.0)
    idle = term.base[~busy]
    cap = 1.0 / float(idle.max()) if idle.size and idle.max() > 0 else np.inf
    saturation = np.where(busy, term.base / work, 0.0) if term.base.any() else None
    return Objective(p, 1.0 / work, np.zeros_like(work), busy.astype(np.float64), "reciprocal", saturation, cap)


def _rates(values: Any) -> RateTerm:
    if not isinstance(values, RateTerm):
        raise Unstructured(f"{type(values).__name__} is not a scaled rate")
    if (values.slope < 0).any():
        raise Unstructured("a utility that falls with the rate")
    return values


def _array(value: Any) -> FloatArray:
    if isinstance(value, (RateTerm, TimeTerm)):
        raise Unstructured("a product of two decisions")
    return np.asarray(value, dtype=np.float64)
