"""Arrays that are checked once, made read-only, and name the first offender by its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavelopt.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


LARGEST_WHOLE = 2**53  # beyond it floats skip whole numbers


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself, locked against writing; a view or a foreign array is copied first."""
    if array.flags.writeable and array.base is not None:
        array = array.copy()
    array.setflags(write=False)
    return array


def inner(one: FloatArray, other: FloatArray) -> float:
    """sum one_i other_i over many jobs: added in pairs, and on this thread. Those of a BLAS wait for one another on a busy
    machine, for longer than such a sum takes."""
    return float((one * other).sum())


def as_floats(values: object, what: str) -> FloatArray:
    """``values`` as a float64 array of its own. Raises InputError when something in it is no number."""
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{what} must be numbers", seen=_first_non_number(values), rule="finite real numbers"
        ) from error
    return array


def _first_non_number(values: object) -> str:
    flat = np.ravel(np.array(values, dtype=object))
    for value in flat:
        try:
            float(value)
        except (TypeError, ValueError):
            return repr(value)
        except OverflowError:
            return "a number beyond 1e308"
    return "rows of unequal length"


def vector(
    values: object,
    length: int,
    what: str,
    labels: Sequence[str],
    *,
    minimum: float = 0.0,
    strict: bool = False,
    missing: bool = False,
    default: float = 1.0,
    infinite: bool = False,
) -> FloatArray:
    """A read-only (length,) vector: finite, >= minimum (> if strict); NaN allowed only with ``missing``.

    None gives ``default`` everywhere, a single number the same number everywhere.
    """
    array = as_floats(default if values is None else values, what)
    if array.ndim == 0:
        array = np.full(length, float(array))
    if array.shape != (length,):
        raise InputError(
            f"{what} has the wrong shape", seen=array.shape, rule=f"one value a {_noun(labels)}: ({length},)"
        )
    bad = array <= minimum if strict else array < minimum
    bad |= np.isnan(array) & (not missing)
    bad |= np.isinf(array) & (not infinite)
    if bad.any():
        position = int(np.argmax(bad))
        sign = ">" if strict else ">="
        raise InputError(
            f"{what} out of range",
            where=f"{_noun(labels)} {labels[position]!r}",
            seen=float(array[position]),
            rule=f"a finite number {sign} {minimum:g}",
        )
    return read_only(array)


def whole(values: object, length: int, what: str, labels: Sequence[str], *, minimum: int = 1) -> IntArray:
    """A read-only (length,) vector of whole numbers >= minimum; None gives ``minimum`` everywhere."""
    array = vector(values, length, what, labels, minimum=minimum, default=minimum)
    rounded = np.rint(array)
    bad = (rounded != array) | (rounded > LARGEST_WHOLE)
    if bad.any():
        position = int(np.argmax(bad))
        raise InputError(
            f"{what} must be whole",
            where=f"{_noun(labels)} {labels[position]!r}",
            seen=float(array[position]),
            rule=f"a whole number >= {minimum}, at most 2^53",
        )
    return read_only(rounded.astype(np.int64))


def positions(length: int, rows: object) -> IntArray:
    """The positions that ``rows`` picks out of ``length``: a list of positions (may be empty), a mask or a slice."""
    chosen = rows if isinstance(rows, slice) else np.asarray(rows)
    if not isinstance(chosen, slice) and chosen.size == 0:
        return np.zeros(0, dtype=np.int64)
    try:
        return np.arange(length)[chosen]
    except IndexError as error:
        raise InputError(
            "rows out of range", seen=str(error), rule=f"positions in 0..{length - 1}, or a mask"
        ) from None


def _noun(labels: Sequence[str]) -> str:
    return str(getattr(labels, "noun", "row"))
