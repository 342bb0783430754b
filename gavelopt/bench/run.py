"""One run of a suite, as plain data: what is asked of which method, and for how long."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

KINDS = ("solve", "replay", "figure")
GRACE_S = 60.0  # beyond the time limit: for building the instance, the judge, and compiling on a first run


@dataclass(frozen=True)
class Run:
    """A cell of a suite.

    kind:      solve (a policy by a method), replay (a trace under a scheduler) or figure (a function of a published figure).
    instance:  {"family": name, "with": parameters}, or {"file": path, further arguments of ``go.read``}; {} for a figure.
    warm_up:   parameters of a small instance of the same family that is solved first, so that seconds leave out what
               happens once in a process (compiled code being loaded, a solver being imported); {} for none.
    policy:    {"name": ..., parameters}; for a replay the scheduler; for a figure its function.
    method:    {"name": ..., options}; {"name": ""} for a replay and a figure.
    seed:      of the instance and of every random choice.
    published: the figure of a paper that this run reproduces (value, tolerance, source, differs), or None.
    """

    suite: str
    kind: str
    system: str
    instance: Mapping[str, Any]
    policy: Mapping[str, Any]
    method: Mapping[str, Any]
    seed: int
    time_limit_s: float
    threads: int = 1
    warm_up: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] | None = None
    title: str = ""

    @cached_property
    def key(self) -> str:
        """Twelve characters that are the same for the same question, however often it is asked."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def deadline_s(self) -> float:
        """Seconds after which the process of this run is ended."""
        return self.time_limit_s + GRACE_S

    @property
    def question(self) -> str:
        """The policy with its parameters, as text."""
        return described(self.policy)

    @property
    def by(self) -> str:
        """The method with its options, as text."""
        return described(self.method)

    @property
    def drawn_from(self) -> str:
        """The family with its parameters, or the file."""
        if "file" in self.instance:
            return str(self.instance["file"])
        return described({"name": self.instance.get("family", ""), **self.instance.get("with", {})})

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON."""
        return asdict(self)


def described(named: Mapping[str, Any]) -> str:
    """``name`` or ``name(option=value, ...)``."""
    options = ", ".join(f"{key}={value}" for key, value in named.items() if key != "name")
    return f"{named.get('name', '')}({options})" if options else str(named.get("name", ""))
