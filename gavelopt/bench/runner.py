"""Run a suite: every run in a fresh process, several at a time, what is known already left out.

joblib deals out the runs: its threads (or the workers of a Ray cluster) each keep one ``nursery`` that forks the processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gavelopt.bench.machine import limited, machine
from gavelopt.bench.records import FORMAT, append, keys, mend, read_records
from gavelopt.bench.run import Run
from gavelopt.errors import InputError, UnknownName
from gavelopt.replay.parallel import on_joblib, on_ray

BACKENDS = {"joblib": "threading", "ray": "ray"}  # a thread waits for each nursery
_here = threading.local()  # the nurseries of this thread, by number of threads that they allow


def run_all(
    runs: Sequence[Run],
    *,
    path: Path | None = None,
    jobs: int = 1,
    backend: str = "joblib",
    data: str | None = None,
) -> list[dict[str, Any]]:
    """The records of ``runs``, in their order.

    Args:
        path: file of records; runs that stand in it already are not made again. None keeps nothing.
        jobs: processes at a time. backend: joblib (this machine) or ray.
        data: folder of the data files.

    Raises:
        InputError: an unknown backend, Ray where it is not installed, a line of ``path`` that is no record.
    """
    if backend not in BACKENDS:
        raise UnknownName.among("backend", backend, BACKENDS)
    known: list[dict[str, Any]] = []
    if path is not None:
        mend(path)
        known = read_records(path) if path.is_file() else []
    done = {record["key"]: record for record in known if record["key"] in keys(known)}
    wanted = {run.key: run for run in runs}
    missing = [run for key, run in wanted.items() if key not in done]
    deal = on_ray if backend == "ray" else on_joblib
    with _progress(len(wanted), len(wanted) - len(missing)) as step:
        for record in deal(partial(one, data=data), [run.to_dict() for run in missing], jobs, BACKENDS[backend]):
            done[record["key"]] = record
            if path is not None:
                append(path, record)
            step()
    return [done[key] for key in wanted]


def one(asked: dict[str, Any], data: str | None = None) -> dict[str, Any]:
    """One run, in a process forked by this worker's nursery: the record with where and when it was made."""
    run = Run(**asked)
    started = time.time()
    found = nursery_of_this_thread(run.threads).ask({"run": asked, "deadline_s": run.deadline_s, "data": data})
    return {
        "format": FORMAT,
        "key": run.key,
        **{
            name: asked[name]
            for name in ("suite", "kind", "system", "seed", "threads", "time_limit_s", "title", "published")
        },
        "instance": run.drawn_from,
        "question": run.question,
        "method": run.by,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "machine": machine(),
        **found,
    }


class Nursery:
    """The client of a nursery process."""

    def __init__(self, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gavelopt.bench.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=limited(threads),
            text=True,
        )
        self.close = weakref.finalize(self, _end, self.process)  # also where the thread that had it, or Python, ends

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The record of one run."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise InputError("the process that starts the runs has ended", fix="its words stand on standard error")
        return json.loads(line)  # type: ignore[no-any-return]


def _end(process: subprocess.Popen[str]) -> None:
    """End a nursery: it does when its input does."""
    assert process.stdin is not None
    if process.poll() is None:
        process.stdin.close()
        process.wait(timeout=30)


def nursery_of_this_thread(threads: int) -> Nursery:
    """The nursery that this thread keeps for runs with so many threads; started when first asked for."""
    if not hasattr(_here, "nurseries"):
        _here.nurseries = {}
    if threads not in _here.nurseries:
        _here.nurseries[threads] = Nursery(threads)
    return _here.nurseries[threads]  # type: ignore[no-any-return]


@contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[], None]]:
    """A bar with the time left on a terminal, nothing in a pipe; yields what to call after every run."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("runs", total=total, completed=done)
        yield lambda: bar.advance(task)
