"""Suites: small TOML files that say what is run.

    title = "Gavel: fractions of time"
    system = "Gavel"
    time_limit_s = 60
    seeds = [0, 1, 2]

    [quick]                          # what --quick changes; also within a case, where ``quick = false`` leaves it out
    seeds = [0]

    [[case]]
    instance = "gavel"               # a family (entry-point group gavelopt.instances), or: file = "PATH"
    with = { jobs = [24, 96] }       # its parameters; a list stands for one instance each
    warm_up = { jobs = 4 }
    policy = ["max_min", { name = "power_mean", p = -1.0 }]
    method = ["exact", "greedy"]     # every policy by every method on every instance and seed

Instead of policy and method a case may have ``replay = [schedulers]``, or ``figure = "NAME"`` (entry-point group
gavelopt.figures). ``published`` (value, tolerance, source, differs; at_least = true where more is only better) belongs to a
case of a single run.
"""

from __future__ import annotations

import itertools
import math
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavelopt.bench.run import Run
from gavelopt.errors import InputError, UnknownName

HOME = Path("benchmarks") / "suites"
INSTALLED = "share/gavelopt/suites"  # see tool.setuptools.data-files in pyproject.toml
TOP = {"title", "question", "system", "time_limit_s", "threads", "seeds", "quick", "case"}
CASE = {
    *("instance", "file", "with", "warm_up", "policy", "method", "replay", "figure", "published", "quick", "title"),
    *("system", "time_limit_s", "threads", "seeds"),
}
PUBLISHED = {"value", "tolerance", "source", "differs", "at_least"}


@dataclass(frozen=True)
class Suite:
    """A suite that was read: its name, what it asks, and its runs in order."""

    name: str
    title: str
    question: str
    runs: tuple[Run, ...]


def read_suite(path: Path, *, quick: bool = False) -> Suite:
    """Read a suite. Raises InputError with the file and the case for whatever is wrong in it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError("not a TOML file", where=str(path), seen=str(error)) from error
    _known(document, TOP, str(path))
    top = {**document, **(document.get("quick", {}) if quick else {})}
    runs: list[Run] = []
    for number, case in enumerate(document.get("case", []), 1):
        where = f"{path}, case {number}"
        _known(case, CASE, where)
        if quick and case.get("quick") is False:
            continue
        changed = case.get("quick", {}) if quick else {}
        try:
            runs += _runs(path.stem, {**top, **case, **changed})
        except InputError as error:
            raise error.at(where) from None
    return Suite(path.stem, document.get("title", path.stem), document.get("question", ""), tuple(runs))


def _runs(suite: str, case: Mapping[str, Any]) -> Iterator[Run]:
    """Every instance, policy, method and seed of one case."""
    common: dict[str, Any] = {
        "suite": suite,
        "system": str(case.get("system", suite)),
        "time_limit_s": _positive(case, "time_limit_s", 60.0),
        "threads": int(_positive(case, "threads", 1)),
        "warm_up": case.get("warm_up", {}),
        "published": _published(case),
        "title": case.get("title", ""),
    }
    asked = _asked(case)
    instances = _instances(case)
    seeds = case.get("seeds", [0])
    if common["published"] is not None and len(asked) * len(instances) * len(seeds) != 1:
        raise InputError("published figures belong to a case of one run", rule="one instance, policy, method and seed")
    for instance, seed, (kind, policy, method) in itertools.product(instances, seeds, asked):
        yield Run(kind=kind, instance=instance, policy=policy, method=method, seed=int(seed), **common)


def _asked(case: Mapping[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(kind, policy, method) of a case."""
    given = [name for name in ("policy", "replay", "figure") if name in case]
    if len(given) != 1:
        raise InputError(
            "a case asks one kind of question", seen=", ".join(given) or "none", rule="policy, replay or figure"
        )
    if given == ["policy"]:
        methods = [_named(method) for method in _listed(case.get("method", "auto"))]
        return [("solve", _named(policy), method) for policy in _listed(case["policy"]) for method in methods]
    return [(_kind(given[0]), _named(name), {"name": ""}) for name in _listed(case[given[0]])]


def _kind(word: str) -> str:
    return "replay" if word == "replay" else "figure"


def _instances(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One dictionary an instance: the product of all parameters that are lists."""
    parameters = case.get("with", {})
    grid = [[(name, value) for value in _listed(values)] for name, values in parameters.items()]
    combined = [dict(chosen) for chosen in itertools.product(*grid)]
    if "file" in case:
        return [{"file": file, "with": found} for file in _listed(case["file"]) for found in combined]
    if "instance" in case:
        return [{"family": case["instance"], "with": found} for found in combined]
    if "figure" in case:
        return [{"with": found} for found in combined]
    raise InputError("a case needs instances", rule="instance = a family, or file = a path")


def _published(case: Mapping[str, Any]) -> dict[str, Any] | None:
    found = case.get("published")
    if found is None:
        return None
    _known(found, PUBLISHED, "published")
    if not {"value", "tolerance", "source"} <= set(found):
        raise InputError(
            "a published figure lacks something", seen=", ".join(found), rule="value, tolerance and source"
        )
    return dict(found)


def _named(item: Any) -> dict[str, Any]:
    """A name, or a table with a name, as a table."""
    found = {"name": item} if isinstance(item, str) else item
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise InputError("not a name", seen=repr(item), rule='"max_min", or { name = "power_mean", p = -1.0 }')
    return {key: _number(value) for key, value in found.items()}


def _number(value: Any) -> Any:
    """TOML writes infinities as floats; JSON has none, so they travel as text."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _positive(case: Mapping[str, Any], name: str, default: float) -> float:
    value = case.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise InputError(f"{name} out of range", seen=repr(value), rule="a number > 0")
    return float(value)


def _known(table: Mapping[str, Any], names: set[str], where: str) -> None:
    for name in table:
        if name not in names:
            raise UnknownName.among("key of a suite", name, sorted(names), where=where)


def find_suites(names: list[str]) -> list[Path]:
    """The files of suites given by name or path; all that there are for an empty list.

    Names are looked up in benchmarks/suites here, beside the package (where gavelopt runs from its repository), and among
    the data files that were installed with it.
    """
    installed = Path(sysconfig.get_path("data")) / INSTALLED
    homes = [home for home in (Path.cwd() / HOME, Path(__file__).parents[2] / HOME, installed) if home.is_dir()]
    known = {path.stem: path for home in reversed(homes) for path in sorted(home.glob("*.toml"))}
    if not names:
        if not known:
            raise InputError("no suites here", where=str(Path.cwd()), rule=f"a folder {HOME}", fix="name a .toml file")
        return list(known.values())
    return [_find(name, known) for name in names]


def _find(name: str, known: Mapping[str, Path]) -> Path:
    if name in known:
        return known[name]
    if Path(name).suffix == ".toml":
        if not Path(name).is_file():
            raise InputError("no such suite", where=name)
        return Path(name)
    raise UnknownName.among("suite", name, known)
