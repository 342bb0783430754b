"""What ``doctor`` finds: versions, whether the solvers work and work together, and what the machine has.

highspy 1.15 and ortools 9.15 cannot be loaded in one process, in either order; the loser fails with "undefined symbol".
The solvers are therefore tried in fresh processes, in both orders, and alone where that fails.
"""

from __future__ import annotations

import importlib.metadata as metadata
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

CLASHING = ("highspy", "ortools")
ORDERS = {"highspy first": ("highspy", "ortools", "cvxpy"), "ortools first": ("ortools", "highspy", "cvxpy")}
PATIENCE_S = 120.0
GIB = 2**30


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and the command that mends it."""

    what: str
    fix: str


@dataclass
class Diagnosis:
    """What doctor found. ``troubles`` is empty on a healthy machine."""

    packages: list[dict[str, Any]] = field(default_factory=list)
    solvers: dict[str, dict[str, str]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    policies: int = 0
    troubles: list[Trouble] = field(default_factory=list)


def diagnose() -> Diagnosis:
    """Look at everything; takes some seconds, most of them loading solvers."""
    from gavelopt.engine.registry import found as registered

    result = Diagnosis(packages(), machine=machine(), policies=len(registered()))
    for order, names in ORDERS.items():
        result.solvers[order] = probe(names)
    lacking = [p["name"] for p in result.packages if p["installed"] is None and p["extra"] is None]
    if lacking:
        result.troubles.append(Trouble(f"not installed: {', '.join(lacking)}", f"pip install {' '.join(lacking)}"))
    if not result.policies:
        result.troubles.append(Trouble("no policy is registered: this folder was never installed", "pip install -e ."))
    failed = {name: text for outcome in result.solvers.values() for name, text in outcome.items() if text != "ok"}
    if failed and not lacking:
        result.troubles.append(explain(failed, result.packages))
    return result


def packages() -> list[dict[str, Any]]:
    """One row a requirement of gavelopt: name, version installed (None if not), versions wanted, the extra it belongs to."""
    rows = [{"name": "python", "installed": platform.python_version(), "wanted": None, "extra": None}]
    for requirement in metadata.requires("gavelopt") or ():
        name, wanted, extra = parsed(requirement)
        if extra in (None, "plot", "parquet", "ray") and "python_version" not in requirement:
            rows.append({"name": name, "installed": _installed(name), "wanted": wanted or None, "extra": extra})
    return rows


def parsed(requirement: str) -> tuple[str, str, str | None]:
    """``highspy!=1.14.0,<1.15,>=1.12; extra == "x"`` as (name, versions, extra)."""
    needed, _, marker = requirement.partition(";")
    split = re.fullmatch(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(.*)", needed.strip())
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
    assert split is not None, requirement
    return split[1], split[2].strip("() "), extra[1] if extra else None


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def probe(names: tuple[str, ...]) -> dict[str, str]:
    """{solver: "ok" or what went wrong} from a fresh process that loads the named packages in this order."""
    command = [sys.executable, "-m", "gavelopt.cli.probe", *names]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return {" + ".join(names): f"no answer in {PATIENCE_S:g} s"}
    lines = run.stdout.strip().splitlines()
    if run.returncode != 0 or not lines:
        last = (run.stderr.strip().splitlines() or ["no words"])[-1]
        return {" + ".join(names): f"the process ended with code {run.returncode}: {last}"}
    outcome: dict[str, str] = json.loads(lines[-1])
    return outcome


def explain(failed: dict[str, str], rows: list[dict[str, Any]]) -> Trouble:
    """Whether two solvers clash (each works alone) or one of them is broken by itself, with the command that mends it."""
    alone = {name: probe((name,)) for name in CLASHING}
    broken = [name for name, outcome in alone.items() if any(text != "ok" for text in outcome.values())]
    version = {row["name"]: row["installed"] for row in rows}
    pinned = {row["name"]: f"'{row['name']}{row['wanted'] or ''}'" for row in rows}
    if broken:
        names = ", ".join(f"{name} {version[name]}" for name in broken)
        command = " ".join(["pip install --force-reinstall", *(pinned[name] for name in broken)])
        return Trouble(f"{names} does not work, even alone", command)
    names = " and ".join(f"{name} {version[name]}" for name in CLASHING)
    command = " ".join(["pip install", *(pinned[name] for name in CLASHING)])
    return Trouble(f"{names} work alone but not in one process; what fails there: {', '.join(failed)}", command)


def machine() -> dict[str, Any]:
    """Cores (all, and those this process may use), memory in GiB where the system tells, thread settings."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "memory_gib": _pages("SC_PHYS_PAGES"),
        "free_memory_gib": _pages("SC_AVPHYS_PAGES"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def _pages(name: str) -> float | None:
    if name not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf(name) * os.sysconf("SC_PAGE_SIZE") / GIB, 1)
