"""Who hears what: one JSON document or the tables on standard output, everything else on standard error.

Exit codes: 0 solved, 1 not solved, 2 bad input.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from gavelopt.errors import GavelOptError, InputError
from gavelopt.io.results import plain_json
from gavelopt.report.layout import USUAL, plain

NOT_SOLVED, BAD_INPUT = 1, 2


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, USUAL where there is none; names are shown as they are, not as markup."""
    width = shutil.get_terminal_size((USUAL, 24)).columns
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """A remark for people, on standard error, in lines as they are."""
    console(stderr=True).print(text, soft_wrap=True)


def show(view: Any, *, as_json: bool) -> None:
    """A table for people, plain where nobody watches: on standard output, or on standard error where that carries JSON."""
    listener = console(stderr=as_json)
    listener.print(view if listener.is_terminal else plain(view), soft_wrap=not listener.is_terminal)


def document(content: Any) -> None:
    """One JSON document on standard output; numbers that JSON has not (NaN, infinity) are null."""
    print(json.dumps(plain_json(content), indent=2, allow_nan=False))


@contextmanager
def guarded(as_json: bool) -> Iterator[None]:
    """A user's mistake becomes its message and exit code 2, a failure of ours to solve exit code 1; no traceback.

    With ``as_json`` the document on standard output is the error.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has left: main ends in silence
    except InputError as error:
        fields = {name: getattr(error, name) for name in ("where", "seen", "rule", "fix")}
        _refuse(str(error), {"what": error.what, **{k: str(v) for k, v in fields.items() if v is not None}}, as_json)
        raise typer.Exit(BAD_INPUT) from None
    except GavelOptError as error:
        _refuse(str(error), {"what": str(error)}, as_json)
        raise typer.Exit(NOT_SOLVED) from None
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename}"
        _refuse(what, {"what": what}, as_json)
        raise typer.Exit(BAD_INPUT) from None


def _refuse(text: str, content: dict[str, str], as_json: bool) -> None:
    if as_json:
        document({"error": {name: _as_options(words) for name, words in content.items()}})
    say(f"error: {_as_options(text)}")


def _as_options(text: str) -> str:
    """A fix that names a keyword of Python, ``missing='drop'``, named as the option that it is here."""
    return re.sub(r"\b(cluster|jobs|throughputs|missing|method)=(?=')", r"--\1 ", text)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A moving sign on standard error while something takes long; nothing where that is no terminal."""
    with console(stderr=True).status(f"{what} ..."):
        yield


def prepare() -> None:
    """Warnings of libraries become one line; a terminal that cannot show a character of a label shows ``?`` instead."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
