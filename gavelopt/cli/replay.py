"""replay: a trace over time under one scheduler or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gavelopt.cli import options, talk
from gavelopt.cli.asking import question
from gavelopt.cli.data import refuse_unwritable
from gavelopt.errors import InputError

if TYPE_CHECKING:
    from gavelopt.replay.workloads import TraceGenerator

USUAL = {"training": "max_min", "elastic_trace": "pollux_fitness", "placement": "placement"}

Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        "--policy",
        "-s",
        "-p",
        metavar="A,B",
        help="fcfs, srtf, las, ... or a policy; several are compared.",
    ),
]
Mode = Annotated[str | None, typer.Option(metavar="events|rounds|fluid", help="How time passes.")]
Generate = Annotated[int | None, typer.Option(metavar="JOBS", help="Draw so many jobs as Gavel's generator does.")]
Rate = Annotated[float | None, typer.Option(metavar="JOBS/HOUR", help="Poisson arrivals of --generate.")]
Gangs = Annotated[str, typer.Option(metavar="single|mixed", help="Scale factors of --generate.")]
Durations = Annotated[str, typer.Option(metavar="gavel|philly", help="How long jobs of --generate are.")]
Round = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Length of a round; 360, for elastic jobs 60.", show_default=False),
]
Restart = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Lost when a job starts again or moves.", show_default=False)
]
Pause = Annotated[float, typer.Option(metavar="SECONDS", help="Least time between two solves.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Write the replay: .json all of it, .csv or .parquet one row a job or request."),
]
Picture = Annotated[Path | None, typer.Option("--plot", metavar="PATH", help="Draw it: .png, .svg or .pdf.")]


def replay(
    file: options.File = None,
    scheduler: Scheduler = None,
    mode: Mode = None,
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    generate: Generate = None,
    rate: Rate = None,
    gangs: Gangs = "single",
    durations: Durations = "gavel",
    method: options.Method = "auto",
    set_: options.Set = None,
    round_s: Round = None,
    restart_s: Restart = None,
    min_resolve_s: Pause = 0.0,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    out: Out = None,
    picture: Picture = None,
) -> None:
    """Replay a trace under a scheduler: completion times, makespan, fairness, what is in use.

    FILE holds training jobs with arrivals and steps, elastic jobs that learn (kind elastic_trace), or models with requests
    (kind placement).
    """
    with talk.guarded(as_json):
        chosen, names = options.settings(set_), options.names(scheduler, "scheduler")
        _check_targets(names, out, picture)
        if generate is None:
            chosen_mix = {
                "gangs": gangs if gangs != "single" else None,
                "durations": durations if durations != "gavel" else None,
            }
            _refuse_spare(rate=rate, **chosen_mix)
            instance = question(file, cluster, jobs, throughputs, missing)
        else:
            _refuse_spare(FILE=file, jobs=jobs)
            drawn = generator(Drawing(generate, gangs, durations, cluster, throughputs))
            instance = drawn(generate, rate, seed)
        clock = {"mode": mode, "round_s": round_s, "restart_s": restart_s, "min_resolve_s": min_resolve_s}
        names = names or [USUAL.get(instance.kind, "max_min")]
        replays = _replays(instance, names, clock | {"method": method, "seed": seed, **chosen})
        _tell(replays, rate, as_json)
        if out is not None:
            talk.say(f"written to {replays[0].save(out)}")
        if picture is not None:
            replays[0].plot(picture)
            talk.say(f"written to {picture}")
        if instance.kind != "placement" and not all(one.finished.all() for one in replays):
            raise typer.Exit(talk.NOT_SOLVED)


def _check_targets(names: list[str] | None, out: Path | None, picture: Path | None) -> None:
    """Refuse targets that cannot be written: before the work, not after it."""
    from gavelopt.report.plots import check_picture

    if len(names or ()) > 1 and (out is not None or picture is not None):
        raise InputError("--out and --plot take one scheduler", seen=", ".join(names or ()))
    if out is not None:
        refuse_unwritable(out)
    if picture is not None:
        check_picture(picture)


def _refuse_spare(**given: object) -> None:
    """Options that would be read by nobody."""
    for name, value in given.items():
        if value is not None:
            shown = name if name.isupper() else f"--{name}"
            without = "without" if name in ("rate", "gangs", "durations") else "beside"
            raise InputError(f"{shown} {without} --generate means nothing", seen=value)


def _replays(instance: Any, names: list[str], settings: dict[str, Any]) -> list[Any]:
    import gavelopt as go

    found = []
    for name in names:
        with talk.working(f"replaying {name}"):
            found.append(go.replay(instance, name, **settings))
    return found


def _tell(replays: list[Any], rate: float | None, as_json: bool) -> None:
    """One replay in full, several as a table."""
    from gavelopt.io.replays import replay_document
    from gavelopt.report.replay import replay_view, sweep_view

    if as_json:
        documents = [replay_document(one) for one in replays]
        talk.document(documents[0] if len(documents) == 1 else {"replays": documents})
    if len(replays) == 1:
        talk.show(replay_view(replays[0]), as_json=as_json)
    else:
        talk.show(sweep_view([{**one.summary(), "load": rate} for one in replays]), as_json=as_json)


class Drawing(NamedTuple):
    """What the command line says of the traces to draw."""

    jobs: int
    gangs: str
    durations: str
    cluster: str | None
    throughputs: Path | None


def generator(drawing: Drawing) -> TraceGenerator:
    """Traces over the given throughput file, or over the embedded one."""
    import gavelopt as go
    from gavelopt.io.sources import profiles_from

    if drawing.jobs < 1:
        raise InputError("--generate out of range", seen=drawing.jobs, rule="at least 1 job")
    given = drawing.throughputs
    profiles = go.examples.gavel_profiles() if given is None else profiles_from(given)
    supply = go.Cluster.from_spec(drawing.cluster or "36:36:36")
    return go.TraceGenerator(profiles, supply, durations=drawing.durations, gangs=drawing.gangs)
