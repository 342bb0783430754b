"""A server that loads the libraries once and forks a fresh process for every run, which it ends at its deadline.

    python -m gavelopt.bench.nursery        one JSON request a line in, one JSON record a line out

A fresh interpreter costs a second of imports; a fork of a process that has only imported costs milliseconds, and is as
fresh: nothing was solved in it before. One server does one run at a time; the runner has as many servers as jobs.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from typing import Any, BinaryIO

PRELOADED = (
    "gavelopt",
    "gavelopt.bench.worker",
    "scipy.optimize",
    "scipy.sparse",
    "cvxpy",
    "highspy",
    "clarabel",
    "numba",
)


def main() -> None:
    """Serve until standard input ends."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what solvers print goes to standard error; the protocol has the stream to itself
    for name in PRELOADED:
        importlib.import_module(name)
    with suppress(EOFError, KeyboardInterrupt):
        while line := sys.stdin.readline():
            reply.write(json.dumps(raised(json.loads(line))) + "\n")
            reply.flush()


def raised(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait at most ``deadline_s``, and return the record; a process that did not give one is a record too.

    Raises EOFError, with the process ended, where the runner has left.
    """
    reader, writer = os.pipe()
    start = time.perf_counter()
    with tempfile.TemporaryFile() as words:
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.dup2(words.fileno(), 2)
            _live(request, writer)
        os.setpgid(child, child)  # here as there: whoever is first
        os.close(writer)
        ended = False
        try:
            text, ended = _received(reader, start + request["deadline_s"])
        finally:
            os.close(reader)
            if not ended:
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        wall = time.perf_counter() - start
        if text.endswith(b"\n"):
            return {**json.loads(text), "wall_s": wall}
        return {**_silent(status, ended, request["deadline_s"], _last_words(words)), "wall_s": wall}


def _live(request: dict[str, Any], writer: int) -> None:
    """The forked process: run, write the record, leave without Python's own ending."""
    os.setpgid(0, 0)  # so that processes of its own end with it
    from gavelopt.bench.run import Run
    from gavelopt.bench.worker import record

    code = 1
    try:
        found = record(Run(**request["run"]), request.get("data"))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(found).encode() + b"\n")
        code = 0
    finally:
        if code:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


def _received(reader: int, deadline: float) -> tuple[bytes, bool]:
    """What came until the pipe was closed, and whether that was before the deadline."""
    text = b""
    while True:
        ready, _, _ = select.select([reader, sys.stdin], [], [], max(0.0, deadline - time.perf_counter()))
        if not ready:
            return text, False
        if reader not in ready:
            raise EOFError("the runner has left")  # it asks for one run at a time: only an end can have come
        part = os.read(reader, 1 << 16)
        if not part:
            return text, True
        text += part


def _last_words(words: BinaryIO) -> str:
    """The last line that the process wrote to standard error: what its exception said."""
    words.seek(0)
    lines = words.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _silent(status: int, ended: bool, deadline_s: float, said: str) -> dict[str, Any]:
    """The record of a process that ended without one."""
    empty = {"value": None, "bound": None, "gap": None}
    if not ended:
        return {**empty, "status": "time_limit", "reason": f"ended after {deadline_s:g} s without an answer"}
    how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an error"
    return {**empty, "status": "failed", "crashed": True, "reason": f"the process ended with {how}: {said}"}


if __name__ == "__main__":
    main()
