"""Policies by name, through the entry-point group ``gavelopt.policies``: ours and anyone's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gavelopt.engine.exact import SOLVERS, exact
from gavelopt.engine.heuristics import equal_share, greedy
from gavelopt.engine.partition import BACKENDS, pop
from gavelopt.engine.prices import fast, pays
from gavelopt.errors import GavelOptError, InputError, UnknownName
from gavelopt.model import options
from gavelopt.model.policy import Method, Policy

GROUP = "gavelopt.policies"

EXACT_OPTIONS = {"solver": options.one_of(SOLVERS), "aggregate": options.flag()}
FAST_OPTIONS = {"threads": options.whole(0), "aggregate": options.flag()}
POP_OPTIONS = {"parts": options.whole(), "backend": options.one_of(BACKENDS), "workers": options.CORES}
GENERIC = (
    Method("exact", exact, "exact", "the normal form given to HiGHS or Clarabel", EXACT_OPTIONS),
    Method("fast", fast, "exact", "capacity prices, for very many jobs", FAST_OPTIONS, pays=pays),
    Method("equal_share", equal_share, "heuristic", "equal shares with redistribution"),
    Method("greedy", greedy, "heuristic", "best gain per accelerator first", {"parcels": options.whole()}),
    Method("pop", pop, "heuristic", "random parts solved exactly (POP)", POP_OPTIONS),
)


@dataclass(frozen=True)
class Alias:
    """Another name for a policy with some of its parameters set, for example Gavel's own names."""

    name: str
    policy: type[Policy]
    options: Mapping[str, Any]
    summary: str = ""

    def build(self, options: Mapping[str, Any]) -> Policy:
        """The policy, with ``options`` over the alias's own."""
        return self.policy.build({**self.options, **options})


@cache
def found() -> dict[str, EntryPoint]:
    """Every registered name and where it comes from."""
    points: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        if point.name in points and points[point.name].value != point.value:
            raise GavelOptError(
                f"two packages register the policy {point.name!r}: {points[point.name].value} and {point.value}"
            )
        points[point.name] = point
    return points


def lookup(name: str) -> type[Policy] | Alias:
    """The policy class or alias behind a name. Raises UnknownName with the closest one."""
    if not isinstance(name, str):
        raise InputError("a policy is a name or a Policy object", seen=repr(name), fix="for example 'max_min'")
    if name not in found():
        raise UnknownName.among("policy", name, found())
    target = found()[name].load()
    if isinstance(target, Alias) or (isinstance(target, type) and issubclass(target, Policy)):
        return target
    raise GavelOptError(f"entry point {name!r} is neither a Policy class nor an Alias: {target!r}")


def resolve(policy: str | Policy, given: Mapping[str, Any]) -> tuple[Policy, dict[str, Any]]:
    """The policy object, and the options that are not its own (they belong to the method)."""
    if isinstance(policy, Policy):
        if mine := [name for name in given if name in policy.parameters()]:
            kind = type(policy).__name__
            raise InputError(
                f"{mine[0]!r} is a parameter of the policy, and the policy is given as an object",
                seen=f"{kind}(...) and {mine[0]}={given[mine[0]]!r}",
                fix=f"{kind}({mine[0]}={given[mine[0]]!r})",
            )
        policy.check_sharing()
        return policy, dict(given)
    target = lookup(policy)
    owner = target.policy if isinstance(target, Alias) else target
    own = {name: value for name, value in given.items() if name in owner.parameters()}
    built = target.build(own)
    built.check_sharing()
    return built, {name: value for name, value in given.items() if name not in own}


def methods_of(policy: Policy | type[Policy]) -> dict[str, Method]:
    """The methods of a policy by name: its own first, then the generic ones it does not replace."""
    methods = {method.name: method for method in policy.methods}
    if policy.generic:
        for method in GENERIC:
            methods.setdefault(method.name, method)
    return methods


def policies() -> list[dict[str, Any]]:
    """Every registered policy: name, what it is, methods with their guarantees, reference, alias or not."""
    rows = []
    for name in found():
        target = lookup(name)
        owner = target.policy if isinstance(target, Alias) else target
        rows.append(
            {
                "name": name,
                "alias_of": owner.name if isinstance(target, Alias) else None,
                "kind": getattr(owner, "kind", "training"),
                "summary": target.summary or owner.summary,
                "methods": {method.name: method.guarantee for method in methods_of(owner).values()},
                "parameters": {**owner.parameters(), **(dict(target.options) if isinstance(target, Alias) else {})},
                "reference": owner.reference,
            }
        )
    return rows


Runner = Callable[..., Any]
