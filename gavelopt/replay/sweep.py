"""Sweeps: loads x schedulers x seeds in parallel, with results that a later run takes up where this one ended.

    rows = sweep(TraceGenerator(profiles, cluster), schedulers=["max_min", "max_min_fairness"], loads=[4.0, 5.6],
                 seeds=range(3), jobs=1000, path="sweep.jsonl", workers=2)

Every finished replay is one line of JSON in ``path``, written at once; a line is known again by its scheduler, load, seed,
jobs, options, and the generator's ``fingerprint`` where it has one. joblib does the work; ``backend="ray"`` sends it to a
Ray cluster (extra ``ray``): the one that ray.init() has joined, otherwise one on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gavelopt.errors import InputError, UnknownName
from gavelopt.model.instance import Instance
from gavelopt.replay.parallel import on_joblib, on_ray
from gavelopt.replay.run import replay

BACKENDS = ("loky", "threading", "ray")
Generator = Callable[[int, float | None, int], Instance]
Row = tuple["Cell", dict[str, Any]]


class Cell(NamedTuple):
    """One replay of a sweep."""

    scheduler: str
    load: float | None
    seed: int


def sweep(
    generator: Generator,
    schedulers: Sequence[str],
    loads: Iterable[float | None],
    seeds: Iterable[int] = (0,),
    *,
    jobs: int = 1000,
    path: str | Path | None = None,
    workers: int = 1,
    backend: str = "loky",
    **options: Any,
) -> list[dict[str, Any]]:
    """Replay every combination; the rows are ``Replay.summary()`` with load, seed and options.

    Args:
        generator: ``generator(jobs, load, seed)`` draws an instance; it travels to the workers, so it must be picklable.
        schedulers: names. loads: jobs an hour, None for all at time 0. seeds: of the traces.
        path: JSON lines; rows that stand there already are not replayed again. None keeps nothing.
        workers: processes. backend: loky, threading or ray.
        options: of ``replay`` (mode, round_s, ...).

    Raises:
        InputError: an unknown backend, Ray where it is not installed, a line of ``path`` that is no row of a sweep.
    """
    if backend not in BACKENDS:
        raise UnknownName.among("backend", backend, BACKENDS)
    if workers < 1:
        raise InputError("workers out of range", seen=workers, rule="at least 1")
    loads, seeds, file = tuple(loads), tuple(seeds), None if path is None else Path(path)
    marked = {"jobs": jobs, "options": options, "generator": getattr(generator, "fingerprint", None)}
    done = {} if file is None else _known(file, marked)
    cells = [Cell(name, load, seed) for name in schedulers for load in loads for seed in seeds]
    missing = [cell for cell in cells if cell not in done]
    run = on_ray if backend == "ray" else on_joblib
    with _progress(len(cells), len(cells) - len(missing)) as step:
        for cell, row in run(partial(_one, generator, jobs, dict(options)), missing, workers, backend):
            done[cell] = {**row, **cell._asdict(), **marked}
            if file is not None:
                with file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(done[cell]) + "\n")
            step()
    return [done[cell] for cell in cells]


def _one(generator: Generator, jobs: int, options: dict[str, Any], cell: Cell) -> Row:
    instance = generator(jobs, cell.load, cell.seed)
    found = replay(instance, cell.scheduler, seed=cell.seed, **options)
    return cell, {**found.summary(), "described": found.scheduler}


def _known(file: Path, marked: Mapping[str, Any]) -> dict[Cell, dict[str, Any]]:
    """The rows of an earlier run with the same jobs and options. A last line cut short by a crash is dropped."""
    if not file.exists():
        return {}
    found: dict[Cell, dict[str, Any]] = {}
    whole = file.read_text(encoding="utf-8")
    lines = whole.split("\n")
    if lines[-1]:  # no end of line: the write was interrupted
        file.write_text("\n".join(lines[:-1]) + ("\n" if lines[:-1] else ""), encoding="utf-8")
    expected = json.loads(json.dumps(dict(marked)))
    for number, line in enumerate(lines[:-1], 1):
        try:
            row = json.loads(line)
            cell = Cell(row["scheduler"], row["load"], row["seed"])
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError("no row of a sweep", where=f"{file}:{number}", seen=line[:80]) from error
        if {name: row.get(name) for name in expected} == expected:
            found[cell] = row
    return found


@contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing in a pipe; yields what to call after every replay."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("replays", total=total, completed=done)
        yield lambda: bar.advance(task)
