"""Options that several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gavelopt.errors import InputError

File = Annotated[Path | None, typer.Argument(help="Instance to read; without it the embedded example.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="v100:36,p100:36, or 36:36:36 for v100, p100, k80; replaces the file's."),
]
Jobs = Annotated[Path | None, typer.Option(metavar="TRACE", help="Job list in one of Gavel's trace dialects.")]
Throughputs = Annotated[Path | None, typer.Option(metavar="FILE", help="Gavel's throughput JSON, or a table.")]
Missing = Annotated[
    str, typer.Option(metavar="error|drop|scale", help="What to do with a job whose throughput was never measured.")
]
Policy = Annotated[str, typer.Option("--policy", "-p", help="Name of the policy; see: gavelopt policies.")]
Method = Annotated[str, typer.Option("--method", "-m", help="One of the policy's methods, or auto.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Parameter of the policy or option of the method; may be repeated."
    ),
]
TimeLimit = Annotated[float | None, typer.Option(metavar="SECONDS", help="Stop after this long.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Tolerance = Annotated[float, typer.Option(help="Certified relative gap at which an answer is called optimal.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, and nothing else there.")]

TAKEN = {"policy", "method", "methods", "time_limit", "seed", "tolerance", "instance"}
WORDS = {"True": True, "False": False, "None": None, "inf": float("inf"), "-inf": float("-inf")}


def settings(assignments: list[str] | None) -> dict[str, Any]:
    """``["agnostic=true", "p=-1"]`` as keywords. A value is JSON, or one of WORDS; anything else is text."""
    chosen: dict[str, Any] = {}
    for assignment in assignments or ():
        name, equals, value = (part.strip() for part in assignment.partition("="))
        if not equals or not name.isidentifier():
            raise InputError(
                "cannot read --set", seen=repr(assignment), rule="NAME=VALUE", fix="for example --set p=-1"
            )
        if name in TAKEN:
            raise InputError(f"--set {name} is not a parameter of the policy", fix=f"use --{name.replace('_', '-')}")
        if name in chosen:
            raise InputError(f"--set {name} is given twice", seen=repr(assignment))
        chosen[name] = _value(value)
    return chosen


def _value(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def names(listing: str | None, noun: str) -> list[str] | None:
    """``"a,b"`` as ["a", "b"]; None where nothing was given."""
    if listing is None:
        return None
    found = [name.strip() for name in listing.split(",") if name.strip()]
    if not found:
        raise InputError(f"no {noun} named", seen=repr(listing), rule="names with commas between them")
    return found
