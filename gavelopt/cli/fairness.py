"""audit: is an allocation fair, whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.asking import Asked, asks
from gavelopt.errors import InputError

if TYPE_CHECKING:
    from gavelopt.judge.audit import Audit
    from gavelopt.model.instance import Instance

Foreign = Annotated[
    Path | None,
    typer.Argument(
        metavar="ALLOCATION", help="Who held what (CSV, TSV or Parquet); without it a policy is solved first."
    ),
]
Held = Annotated[
    str | None,
    typer.Option("--policy", "-p", help="Policy to solve (max_min), or whose floors ALLOCATION should keep."),
]


@asks()
def audit(
    asked: Asked,
    allocation: Foreign = None,
    policy: Held = None,
    entitlement: Annotated[str, typer.Option(metavar="weight|equal", help="What a job has a right to.")] = "weight",
    probe: Annotated[
        int, typer.Option(metavar="N", help="Let N jobs lie about a rate, and solve again each time.")
    ] = 0,
    worst: Annotated[int, typer.Option(metavar="N", help="Violations to spell out for each property.")] = 3,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 when a property is violated.")] = False,
    as_json: options.Json = False,
) -> None:
    """Audit the fairness of a policy's answer, or of an allocation from elsewhere. Exit code 1 when it is infeasible."""
    with talk.guarded(as_json):
        from gavelopt.report.audit import audit_view

        chosen, instance = asked.settings(), asked.instance()
        how = {"method": asked.method, "time_limit": asked.time_limit, "seed": asked.seed, **chosen}
        rules = {"entitlement": entitlement, "tolerance": asked.tolerance, "seed": asked.seed}
        with talk.working("auditing"):
            if allocation is None:
                found = _solved(instance, policy or "max_min", how, probe, rules)
            else:
                found = _foreign(instance, allocation, policy, chosen, probe, rules)
        if as_json:
            talk.document(found.to_dict())
        talk.show(audit_view(found, worst), as_json=as_json)
        if not found.feasible or (strict and not found.passed):
            raise typer.Exit(talk.NOT_SOLVED)


def _solved(instance: Instance, policy: str, how: dict[str, Any], probe: int, rules: dict[str, Any]) -> Audit:
    import gavelopt as go

    solution = go.solve(instance, policy, **how)
    if not solution.solved:
        talk.say(f"not solved: {solution.status}. {solution.message}")
        raise typer.Exit(talk.NOT_SOLVED)
    return solution.audit(probe_jobs=probe, **rules)  # type: ignore[no-any-return]


def _foreign(
    instance: Instance, path: Path, policy: str | None, chosen: dict[str, Any], probe: int, rules: dict[str, Any]
) -> Audit:
    import gavelopt as go
    from gavelopt.engine.registry import resolve

    if probe:
        raise InputError(
            "--probe needs a policy that can be solved again",
            seen=str(path),
            fix="leave ALLOCATION out to probe --policy",
        )
    kept, left = (None, chosen) if policy is None else resolve(policy, chosen)
    if left:
        raise InputError(f"--set {next(iter(left))} has no policy to belong to", fix="name it with --policy")
    return go.audit(instance, go.read_allocation(path, instance), kept, **rules)
