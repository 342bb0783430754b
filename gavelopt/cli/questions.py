"""explain, what-if: why an answer is as it is, and what another cluster would change."""

from __future__ import annotations

from typing import Annotated

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.asking import Asked, asks
from gavelopt.errors import InputError

Job = Annotated[list[str], typer.Option("--job", "-j", metavar="NAME", help="Job to explain; may be repeated.")]
Add = Annotated[
    list[str] | None, typer.Option(metavar="TYPE=N", help="Accelerators to add (negative: take away); may be repeated.")
]
Count = Annotated[
    str | None, typer.Option(metavar="TYPE=A:B:STEP", help="The frontier: counts of one type from A to B.")
]


@asks()
def explain(
    asked: Asked,
    job: Job,
    as_json: options.Json = False,
) -> None:
    """Say why a job got what it got: what each type is worth to it, against its price."""
    with talk.guarded(as_json):
        from gavelopt.report.explanations import explanation_view

        solution = asked.solved()
        found = [solution.explain(name) for name in job]
        if as_json:
            talk.document({name: explained.to_dict() for name, explained in zip(job, found, strict=True)})
        for explained in found:
            talk.show(explanation_view(explained), as_json=as_json)


@asks()
def what_if(
    asked: Asked,
    add: Add = None,
    count: Count = None,
    as_json: options.Json = False,
) -> None:
    """Solve again with other accelerators: --add v100=8, or the frontier of the value with --count v100=0:16:2."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.report.what_if import frontier_view, what_if_view

        if bool(add) == bool(count):
            raise InputError("what-if needs one of --add and --count", fix="for example --add v100=8")
        how = {"method": asked.method, **asked.limits(), **asked.settings()}
        instance = asked.instance()
        with talk.working(f"solving {asked.policy}"):
            if count is None:
                answer = go.what_if(instance, asked.policy, add=_numbers(add or []), **how)
                document, view, solved = answer.to_dict(), what_if_view(answer), answer.change is not None
            else:
                name, counts = _counts(count)
                line = go.frontier(instance, asked.policy, name, counts, **how)
                document, view, solved = line.to_dict(), frontier_view(line), any(p.value is not None for p in line)
        if as_json:
            talk.document(document)
        talk.show(view, as_json=as_json)
        if not solved:
            raise typer.Exit(talk.NOT_SOLVED)


def _numbers(assignments: list[str]) -> dict[str, float]:
    """``["v100=8"]`` as {"v100": 8.0}."""
    found: dict[str, float] = {}
    for assignment in assignments:
        name, _, number = assignment.rpartition("=")
        if not name or name in found:
            raise InputError("cannot read --add", seen=repr(assignment), rule="TYPE=N, each type once")
        found[name] = _number(number, "--add", assignment)
    return found


def _counts(text: str) -> tuple[str, list[float]]:
    """``v100=0:8:2`` as ("v100", [0, 2, 4, 6, 8])."""
    name, _, span = text.rpartition("=")
    parts = span.split(":")
    if not name or len(parts) not in (2, 3):
        raise InputError("cannot read --count", seen=repr(text), rule="TYPE=A:B or TYPE=A:B:STEP")
    low, high, step = (_number(part, "--count", text) for part in (*parts, "1")[:3])
    if not (0 <= low <= high and step > 0 and (high - low) / step <= 1000):
        raise InputError("--count out of range", seen=repr(text), rule="0 <= A <= B, STEP > 0, at most 1000 steps")
    return name, [low + step * k for k in range(int((high - low) / step + 1e-9) + 1)]


def _number(text: str, option: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"cannot read {option}", seen=repr(whole), rule=f"{text!r} should be a number") from None
