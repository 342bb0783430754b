"""Where instances and published figures come from: entry-point groups, open to any package.

gavelopt.instances: functions that return an instance; ``seed`` is handed over where the function takes one.
gavelopt.figures:   functions that return one number, compared with a published one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from gavelopt.errors import InputError, UnknownName

INSTANCES, FIGURES = "gavelopt.instances", "gavelopt.figures"


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """The functions of a group by name."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def called(group: str, name: str, parameters: Mapping[str, Any], seed: int, data: str | None = None) -> Any:
    """What the function ``name`` returns; a parameter with a slash in it is a file of the folder ``data``.

    Raises:
        UnknownName: a function or a parameter that does not exist. InputError: a file that is absent.
    """
    points = registered(group)
    if name not in points:
        raise UnknownName.among("family" if group == INSTANCES else "figure", name, points)
    function: Callable[..., Any] = points[name].load()
    accepted = inspect.signature(function).parameters
    for parameter in parameters:
        if parameter not in accepted:
            raise UnknownName.among(f"parameter of {name!r}", parameter, accepted)
    given = {parameter: _path(value, data) for parameter, value in parameters.items()}
    return function(**given, **({"seed": seed} if "seed" in accepted and "seed" not in parameters else {}))


def build(source: Mapping[str, Any], seed: int, data: str | None = None) -> Any:
    """The instance of a run. ``data``: the folder of files; raises InputError where a file is absent."""
    parameters = source.get("with", {})
    if "family" in source:
        return called(INSTANCES, source["family"], parameters, seed, data)
    from gavelopt.io.read import read

    return read(_file(source["file"], data), **{name: _path(value, data) for name, value in parameters.items()})


def _path(value: Any, data: str | None) -> Any:
    """A parameter that names a file of the data folder, as a path."""
    return _file(value, data) if isinstance(value, str) and "/" in value else value


def _file(name: str, data: str | None) -> Path:
    path = Path(name) if Path(name).is_absolute() or data is None else Path(data) / name
    if not path.is_file():
        raise InputError("data file absent", where=str(path), fix="--data FOLDER names the folder of data files")
    return path
