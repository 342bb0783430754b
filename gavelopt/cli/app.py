"""The program: its commands, its version, and how it starts and ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from gavelopt.cli import answers, bench, catalogue, data, doctor, fairness, inspection, questions, replay, sweep
from gavelopt.cli.talk import prepare

app = typer.Typer(
    name="gavelopt",
    help="Who gets which accelerator, decided by optimization, with proof.",
    epilog="Exit codes: 0 solved, 1 not solved (infeasible, out of time, failed), 2 bad input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from gavelopt import __version__

        print(f"gavelopt {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


COMMANDS: dict[str, Callable[..., None]] = {
    "solve": answers.solve,
    "compare": answers.compare,
    "plot": answers.plot,
    "explain": questions.explain,
    "what-if": questions.what_if,
    "audit": fairness.audit,
    "inspect": inspection.inspect,
    "convert": data.convert,
    "replay": replay.replay,
    "sweep": sweep.sweep,
    "bench": bench.bench,
    "report": bench.report,
    "policies": catalogue.policies,
    "doctor": doctor.doctor,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _keep_standard_output() -> None:
    """Python alone writes to standard output; what native code prints there (HiGHS does) goes to standard error."""
    try:
        ours = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of the two streams is closed: nothing to keep apart
        return
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)


def main() -> None:
    """Entry point of the script ``gavelopt``."""
    if threading.current_thread() is threading.main_thread():
        # a solver's native code does not come back to Python to learn of Ctrl-C: let it end the process
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _keep_standard_output()
    prepare()
    try:
        app()
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader (head, less) has left; nothing may be flushed to it when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
