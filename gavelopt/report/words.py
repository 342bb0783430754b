"""How numbers and names are written for people."""

from __future__ import annotations

import math

DAY_S, HOUR_S, MINUTE_S = 86400.0, 3600.0, 60.0


def number(value: float) -> str:
    """Six significant digits; thousands are grouped where the number is large but not huge."""
    if math.isfinite(value) and 1e5 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value + 0.0:.6g}"  # nothing has no sign


def quantity(value: float, unit: str) -> str:
    """A number with its unit; seconds beyond two minutes are also given in the unit people use."""
    text = f"{number(value)} {unit}".rstrip()
    if unit == "s" and math.isfinite(value) and abs(value) >= 2 * MINUTE_S:
        for length, name in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
            if abs(value) >= 2 * length:
                return f"{text} ({value / length:.3g} {name})"
    return text


def share(value: float) -> str:
    """A fraction of time in five characters, nothing as a dot."""
    if abs(value) < 5e-7:
        return "·"
    return "<.001" if 0 < value < 0.0005 else f"{value:.3f}"


def tally(value: float) -> str:
    """A number of accelerators or copies, nothing as a dot."""
    return "·" if abs(value) < 5e-7 else number(round(value, 4))


def gap(value: float | None) -> str:
    """A relative gap: per cent where it is large, a power of ten where it is rounding."""
    if value is None:
        return "unknown"
    if value == 0:
        return "0"
    return f"{100 * value:.3g} %" if value >= 1e-4 else f"{value:.1e}"


def seconds(value: float) -> str:
    """A duration of computing."""
    return f"{value:.2g} s" if value < 1 else f"{value:.1f} s"


def count(amount: int, noun: str) -> str:
    """``1 job``, ``2 jobs``, ``10,000 jobs``, ``0 jobs``."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def of_axis(noun: str) -> str:
    """What one entry of an axis is called: an axis of accelerators lists their types."""
    return "accelerator type" if noun == "accelerator" else noun


def prose(text: str) -> str:
    """Several lines of our own words, in which names may carry control characters."""
    return "\n".join(printable(line) for line in text.split("\n"))


def printable(name: str) -> str:
    """The name with control characters escaped, so that it can neither break a table nor steer a terminal."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
