"""replay: a trace over time under one scheduler or several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.data import question, refuse_unwritable
from gavelopt.errors import InputError


def replay(
    file: options.File = None,
    scheduler: Annotated[
        str,
        typer.Option(
            "--scheduler", "-s", metavar="A,B", help="fcfs, sjf, srtf, las, ... or a policy; several are compared."
        ),
    ] = "max_min",
    mode: Annotated[str | None, typer.Option(metavar="events|rounds|fluid", help="How time passes.")] = None,
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    generate: Annotated[
        int | None, typer.Option(metavar="JOBS", help="Draw so many jobs as Gavel's generator does.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="JOBS/HOUR", help="Poisson arrivals of --generate.")] = None,
    gangs: Annotated[str, typer.Option(metavar="single|mixed", help="Scale factors of --generate.")] = "single",
    set_: options.Set = None,
    round_s: Annotated[float, typer.Option(metavar="SECONDS", help="Length of a round.")] = 360.0,
    restart_s: Annotated[float, typer.Option(metavar="SECONDS", help="Lost when a job starts again or moves.")] = 0.0,
    min_resolve_s: Annotated[float, typer.Option(metavar="SECONDS", help="Least time between two solves.")] = 0.0,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the replay: .json all of it, .csv one row a job.")
    ] = None,
    picture: Annotated[Path | None, typer.Option("--plot", metavar="PATH", help="Draw it: .png, .svg or .pdf.")] = None,
) -> None:
    """Replay a trace under a scheduler: completion times, makespan, fairness, what is in use."""
    with talk.guarded(as_json):
        import gavelopt as go
        from gavelopt.io.replays import replay_document
        from gavelopt.report.plots import check_picture
        from gavelopt.report.replay import replay_view, sweep_view

        names, chosen = options.names(scheduler, "scheduler") or [], options.settings(set_)
        if len(names) > 1 and (out is not None or picture is not None):
            raise InputError("--out and --plot take one scheduler", seen=scheduler)
        if out is not None:
            refuse_unwritable(out)
        if picture is not None:
            check_picture(picture)
        instance = (
            question(file, cluster, jobs, throughputs, missing)
            if generate is None
            else _drawn(generate, rate, gangs, cluster, throughputs, seed)
        )
        common: dict[str, Any] = {
            "round_s": round_s,
            "restart_s": restart_s,
            "min_resolve_s": min_resolve_s,
            "seed": seed,
        }
        replays = []
        for name in names:
            with talk.working(f"replaying {name}"):
                replays.append(go.replay(instance, name, mode=mode, **common, **chosen))
        if as_json:
            documents = [replay_document(one) for one in replays]
            talk.document(documents[0] if len(documents) == 1 else {"replays": documents})
        if len(replays) == 1:
            talk.show(replay_view(replays[0]), as_json=as_json)
        else:
            talk.show(sweep_view([{**one.summary(), "load": rate} for one in replays]), as_json=as_json)
        for written in (out and replays[0].save(out), picture):
            if written is not None:
                if written is picture:
                    replays[0].plot(picture)
                talk.say(f"written to {written}")
        if not all(one.finished.all() for one in replays):
            raise typer.Exit(talk.NOT_SOLVED)


def _drawn(count: int, rate: float | None, gangs: str, cluster: str | None, throughputs: Path | None, seed: int) -> Any:
    """A generated trace over the given throughput file, or over the embedded one."""
    import gavelopt as go
    from gavelopt.io.sources import profiles_from
    from gavelopt.replay.workloads import TraceGenerator

    if count < 1:
        raise InputError("--generate out of range", seen=count, rule="at least 1 job")
    profiles = go.examples.gavel_profiles() if throughputs is None else profiles_from(throughputs)
    supply = go.Cluster.from_spec(cluster or "36:36:36")
    return TraceGenerator(profiles, supply, gangs=gangs)(count, rate, seed)
