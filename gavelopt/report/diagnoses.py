"""A diagnosis as prose: which constraints contradict each other, and each of the smallest changes that mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gavelopt.engine.diagnose import Diagnosis
from gavelopt.engine.floors import Part
from gavelopt.report import words

NAMED = 5  # jobs or constraints that a sentence names


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The diagnosis, one finding a line."""
    return "\n".join(words.printable(line) for line in _lines(diagnosis))


def _lines(d: Diagnosis) -> Iterator[str]:
    if d.stuck:
        reasons = _some(f"{job} ({why})" for job, why in d.stuck.items())
        yield f"{words.count(len(d.stuck), 'job')} can run on no type of this cluster: {reasons}."
        yield "Leave them out, or add accelerators that they can use."
    if d.feasible:
        yield "Nothing contradicts: every floor can be had at once."
        return
    if not d.shortfall:
        return
    if d.beyond:
        yield f"Even with every accelerator to itself, too slow for its floor: {_some(d.beyond)}."
    if d.conflict:
        sure = "" if d.proved else " (not proved)"
        yield f"These constraints cannot hold together{sure}: {_grouped(d.conflict)}."
    yield f"At most {100 * d.reach:.3g} % of every floor can be had at once."
    lowered = (f"{job} from {floor:.4g} to {rate:.4g} {d.unit}" for job, (floor, rate) in d.shortfall.items())
    yield f"To mend it, lower {words.count(len(d.shortfall), 'floor')}: {_some(lowered)};"
    most = "" if d.largest else " (the largest set found in the time allowed)"
    yield f"or give up {words.count(len(d.dropped), 'floor')} and keep {len(d.kept):,}{most}: give up {_some(d.dropped)};"
    yield _more(d)


def _more(d: Diagnosis) -> str:
    if d.more is None:
        return "no number of further accelerators was found that is enough."
    if not d.more:
        return "further accelerators do not help."
    rest = f"; that mends all but {_some(d.beyond)}" if d.beyond else ""
    return f"or add accelerators: {_some(f'{number:g} {name}' for name, number in d.more.items())}{rest}."


def _grouped(parts: Iterable[Part]) -> str:
    """``capacity of v100 and k80, deadlines of j0, j1 and 7 more``: limits first."""
    groups: dict[str, list[str]] = {}
    for part in sorted(parts, key=lambda p: p.is_floor):
        groups.setdefault(part.name, []).append(part.of)
    return "; ".join(f"{name} of {_some(of)}" for name, of in groups.items())


def _some(parts: Iterable[str]) -> str:
    named = list(parts)
    return ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED:,} more" if len(named) > NAMED else "")
