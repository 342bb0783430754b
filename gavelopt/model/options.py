"""What an option of a method may be: ``Method.options`` has one of these for each, checked before the method runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName


@dataclass(frozen=True)
class Option:
    """``rule`` in words, whether it ``allows`` a value, and for one of several names ``names``."""

    rule: str
    allows: Callable[[Any], bool]
    names: tuple[str, ...] = ()

    def check(self, name: str, value: object, method: str) -> None:
        """Raise InputError unless the value is allowed."""
        if self.allows(value):
            return
        if self.names and isinstance(value, str):
            raise UnknownName.among(f"{name} of method {method!r}", value, self.names)
        raise InputError(f"option {name!r} of method {method!r} out of range", seen=repr(value), rule=self.rule)


def flag(optional: bool = False) -> Option:
    """True or False; ``optional``: or None."""
    return _option("True or False", lambda value: isinstance(value, (bool, np.bool_)), optional)


def whole(least: int = 1, *, optional: bool = False) -> Option:
    """A whole number of at least ``least``."""
    return _option(f"a whole number >= {least}", lambda value: _is(value, int, np.integer) and value >= least, optional)


def number(least: float = 0.0, *, above: bool = False, optional: bool = False) -> Option:
    """A finite number of at least ``least``, or ``above`` it."""

    def allows(value: Any) -> bool:
        exact = _is(value, int, np.integer) and value <= sys.float_info.max
        known = exact or (isinstance(value, (float, np.floating)) and np.isfinite(value))
        return bool(known and (value > least if above else value >= least))

    return _option(f"a finite number {'>' if above else '>='} {least:g}", allows, optional)


def one_of(names: Sequence[str]) -> Option:
    """One of some names."""
    known = tuple(names)
    rule = "one of: " + ", ".join(known)
    return Option(rule, lambda value: isinstance(value, str) and value in known, known)


CORES = Option(
    "a whole number of cores >= 1, or -1 for all",
    lambda value: _is(value, int, np.integer) and (value == -1 or value >= 1),
)
OBJECT = Option("what the method says", lambda value: True)  # of a type that only the method knows, and checks


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _option(rule: str, allows: Callable[[Any], bool], optional: bool) -> Option:
    if not optional:
        return Option(rule, allows)
    return Option(f"{rule}, or None", lambda value: value is None or allows(value))
