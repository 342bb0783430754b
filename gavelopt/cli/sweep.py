"""sweep: generated traces at several loads and seeds under several schedulers, in parallel, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.replay import Drawing, Durations, Gangs, Mode, Pause, Restart, Round, generator
from gavelopt.errors import InputError

Schedulers = Annotated[str, typer.Option("--schedulers", "-s", metavar="A,B", help="Queues or policies.")]
Rates = Annotated[str, typer.Option(metavar="R1,R2", help='Jobs an hour; "none" puts all at time 0.')]
Seeds = Annotated[int, typer.Option(metavar="N", help="Traces of each load: seeds 0 to N - 1.")]
Count = Annotated[int, typer.Option("--generate", metavar="JOBS", help="Jobs of each trace.")]
Results = Annotated[
    Path | None, typer.Option(metavar="FILE", help="JSON lines; replays that stand there are not run again.")
]
Workers = Annotated[int, typer.Option(metavar="N", help="Processes.")]
Backend = Annotated[str, typer.Option(metavar="loky|threading|ray", help="Where they run.")]


def sweep(
    schedulers: Schedulers = "max_min,max_min_fairness",
    rates: Rates = "4,5",
    seeds: Seeds = 1,
    jobs: Count = 200,
    cluster: options.Cluster = None,
    throughputs: options.Throughputs = None,
    gangs: Gangs = "single",
    durations: Durations = "gavel",
    mode: Mode = None,
    round_s: Round = None,
    restart_s: Restart = None,
    min_resolve_s: Pause = 0.0,
    results: Results = None,
    workers: Workers = 1,
    backend: Backend = "loky",
    set_: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """Replay generated traces: every scheduler at every load, means over the seeds."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.report.replay import sweep_view

        if seeds < 1:
            raise InputError("--seeds out of range", seen=seeds, rule="at least 1")
        names, loads = options.names(schedulers, "scheduler") or [], _loads(rates)
        clock = {"mode": mode, "round_s": round_s, "restart_s": restart_s, "min_resolve_s": min_resolve_s}
        drawn = generator(Drawing(jobs, gangs, durations, cluster, throughputs))
        further = {**{name: value for name, value in clock.items() if value}, **options.settings(set_)}
        further |= {"path": results, "workers": workers, "backend": backend, "jobs": jobs}
        rows = go.sweep(drawn, names, loads, range(seeds), **further)
        if as_json:
            talk.document({"replays": rows})
        talk.show(sweep_view(rows), as_json=as_json)


def _loads(rates: str) -> list[float | None]:
    """``"4,5.6,none"`` as [4.0, 5.6, None]."""
    found: list[float | None] = []
    for text in options.names(rates, "rate") or []:
        try:
            found.append(None if text == "none" else float(text))
        except ValueError:
            raise InputError("cannot read --rates", seen=text, rule='jobs an hour, or "none"') from None
    return found
