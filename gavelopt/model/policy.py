"""A policy: who should get what, declared once in the words of a ``View``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gavelopt.errors import InputError, UnknownName
from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import Check, RateFloor
from gavelopt.model.instance import Instance
from gavelopt.model.options import Option
from gavelopt.model.space import AllocationSpace
from gavelopt.model.structure import Unstructured
from gavelopt.model.view import View


@dataclass(frozen=True)
class Method:
    """One way to solve a policy.

    run:       ``run(problem, **options) -> Answer``; it returns bare numbers, the judge grades them.
    guarantee: ``exact``, ``heuristic`` or ``rule`` (the policy itself is this closed form).
    options:   keyword options that ``run`` accepts, by name, and what each may be (``gavelopt.options``).
    affordable: whether "auto" may take it on an instance; None where it always may.
    pays:      why "auto" should try it on a problem before the exact method, or None where it should not.
    """

    name: str
    run: Callable[..., Any]
    guarantee: str
    summary: str
    options: Mapping[str, Option] = field(default_factory=dict)
    affordable: Callable[[Any], bool] | None = None
    pays: Callable[[Any], str | None] | None = None


@dataclass(frozen=True)
class Policy:
    """Base of every policy. A subclass is a frozen dataclass whose fields are the policy's parameters.

    Declare ``objective(view)`` in the words of View and the policy gets exact and heuristic methods, the judge, prices
    and the contract tests. ``sense`` says whether the reported value is to be made large or small.
    """

    name: ClassVar[str]
    sense: ClassVar[str] = "max"
    summary: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    methods: ClassVar[tuple[Method, ...]] = ()
    generic: ClassVar[bool] = True  # whether the methods that work from the normal form apply
    shareable: ClassVar[bool] = True  # whether two jobs may share accelerators (the option space_sharing)

    space_sharing: bool = field(default=False, kw_only=True)  # two jobs may share the accelerators of a gang

    def objective(self, view: View) -> Any:
        """The utility of an allocation, in the words of ``view``."""
        raise Unstructured(f"policy {self.name!r} declares no objective over rates")

    def value(self, view: View, proof: Any) -> float:
        """The reported value, read by the judge; a policy whose value is more than its rates takes it from the proof."""
        return float(self.objective(view))

    def constraints(self, view: View) -> Sequence[RateFloor]:
        """Constraints beyond capacity and time."""
        return ()

    def assumed_rates(self, instance: Instance) -> FloatArray | None:
        """(J, R) rates the policy believes in, or None for the measured ones (heterogeneity-agnostic variants differ)."""
        return None

    def rate_factor(self, instance: Instance) -> FloatArray | None:
        """(R,) factor on all rates of a type, alone and shared (a reciprocal price), or None."""
        return None

    def rule(self, instance: Instance) -> FloatArray | None:
        """(J, R) the allocation itself, where the policy is a closed form; None for an optimisation."""
        return None

    def prove(self, instance: Instance, space: AllocationSpace, proof: Any) -> float | None:
        """A bound on the reported value, recomputed from ``Answer.proof`` by the mathematics of this policy, or None.

        Called by the judge, for policies whose proof is not one of capacity prices.
        """
        return None

    def examine(self, instance: Instance, space: AllocationSpace, x: FloatArray, proof: Any) -> Sequence[Check]:
        """Further named checks of an answer that is within capacity and time: of the answer itself, or of its proof."""
        return ()

    def judged_levels(self, proof: Any, offered: FloatArray | None) -> FloatArray | None:
        """(J,) the levels that the answer is said to reach: where ``examine`` judges levels, those that it has judged."""
        return offered

    def unit(self, instance: Instance) -> str:
        """Unit of the reported value."""
        return ""

    def warnings(self, instance: Instance) -> Sequence[str]:
        """What a reader should know about this policy on this instance."""
        return ()

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Parameter names and their defaults."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    @classmethod
    def build(cls, options: Mapping[str, Any]) -> Policy:
        """The policy with the given parameters. Raises UnknownName for one it does not have."""
        for name in options:
            if name not in cls.parameters():
                raise UnknownName.among(f"option of policy {cls.name!r}", name, cls.parameters())
        return cls(**options)

    def check_sharing(self) -> None:
        """Raise InputError where ``space_sharing`` is no truth value, or is set for a policy that has none."""
        choice(self.name, "space_sharing", self.space_sharing, (True, False))
        if self.space_sharing and not self.shareable:
            raise InputError(
                f"policy {self.name!r} has no space sharing", rule="policies that maximise a utility of rates have it"
            )

    def describe(self) -> str:
        """The name with the parameters that differ from their defaults."""
        changed = {k: getattr(self, k) for k, d in self.parameters().items() if getattr(self, k) != d}
        return self.name + (f"({', '.join(f'{k}={v!r}' for k, v in changed.items())})" if changed else "")


def choice(owner: str, option: str, value: object, allowed: Sequence[object]) -> None:
    """Raise InputError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise InputError(
            f"option {option!r} of policy {owner!r} out of range",
            seen=repr(value),
            rule="one of: " + ", ".join(repr(a) for a in allowed),
        )
