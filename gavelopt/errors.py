"""Errors that teach: what went wrong, where, the value seen, the rule, the smallest fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GavelOptError(Exception):
    """Base of every error that gavelopt raises on purpose."""


class InputError(GavelOptError, ValueError):
    """The caller's data or options break a rule.

    The message has one line for each thing that is known; ``what`` always comes first.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        seen: object = None,
        rule: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.seen, self.rule, self.fix = what, where, seen, rule, fix
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.what]
        for name in ("where", "seen", "rule", "fix"):
            value = getattr(self, name)
            if value is not None:
                lines.append(f"  {name + ':':<7}{value}")
        return "\n".join(lines)

    def at(self, where: str) -> InputError:
        """The same error with a place put before the place it already names."""
        place = f"{where}, {self.where}" if self.where else where
        return type(self)(self.what, where=place, seen=self.seen, rule=self.rule, fix=self.fix)


class UnknownName(InputError):
    """A name that is not among the names allowed here; the closest one is offered."""

    @classmethod
    def among(cls, noun: str, name: object, choices: Iterable[str], where: str | None = None) -> UnknownName:
        known = list(choices)
        shown = ", ".join(known[:12]) + (f", ... ({len(known)} in all)" if len(known) > 12 else "")
        return cls(
            f"unknown {noun} {name!r}",
            where=where,
            rule=f"one of: {shown}" if known else f"there is no {noun} here",
            fix=did_you_mean(str(name), known),
        )


class SolverError(GavelOptError):
    """A backend could not do its work; the text names the backend and its own words."""


def closest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that ``name`` was probably meant to be, or None when nothing is close."""
    known = list(choices)
    folded = {choice.casefold(): choice for choice in known}
    if name.casefold() in folded:
        return folded[name.casefold()]
    return next(iter(difflib.get_close_matches(name, known[:2000], n=1, cutoff=0.6)), None)


def did_you_mean(name: str, choices: Iterable[str]) -> str | None:
    """``did you mean 'v100'?`` for the closest of ``choices``, or None when nothing is close."""
    close = closest(name, choices)
    return None if close is None else f"did you mean {close!r}?"
