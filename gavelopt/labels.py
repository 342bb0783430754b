"""Strict label axes: ordered, unique, matched exactly. Numbered axes hold a million names without storing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from gavelopt.errors import InputError, UnknownName


class Labels(Sequence[str]):
    """An immutable ordered axis of unique names.

    ``Labels(["k80", "v100"], "accelerator")`` stores the names given;
    ``Labels.numbered("j", 1_000_000, "job")`` is j0, j1, ... and stores nothing.
    """

    def __init__(self, names: Iterable[str], noun: str = "label", *, where: str | None = None) -> None:
        self.noun = noun
        self._prefix: str | None = None
        self._names: tuple[str, ...] = tuple(names)
        self._length = len(self._names)
        self._check(where)

    def _check(self, where: str | None) -> None:
        for position, name in enumerate(self._names):
            if not isinstance(name, str) or not name:
                raise InputError(
                    f"{self.noun} name must be a non-empty string",
                    where=f"{where + ', ' if where else ''}{self.noun} number {position + 1}",
                    seen=repr(name),
                    fix="give it a name",
                )
        if len(self._position) < self._length:
            first: dict[str, int] = {}
            for position, name in enumerate(self._names):
                if name in first:
                    raise InputError(
                        f"duplicate {self.noun} {name!r}",
                        where=f"{where + ', ' if where else ''}{self.noun} numbers {first[name] + 1} and {position + 1}",
                        rule=f"every {self.noun} has a name of its own",
                        fix="rename or remove one of them",
                    )
                first[name] = position

    @classmethod
    def numbered(cls, prefix: str, length: int, noun: str = "label") -> Labels:
        """The axis prefix0, prefix1, ... without storing its names."""
        axis = cls((), noun)
        axis._prefix, axis._length = prefix, int(length)
        return axis

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self._names)}

    @classmethod
    def unchecked(cls, names: Iterable[str], noun: str = "label") -> Labels:
        """The axis of names that are known to be unique, non-empty strings: no pass over them in Python."""
        axis = cls((), noun)
        axis._names = tuple(names)
        axis._length = len(axis._names)
        axis.__dict__.pop("_position", None)
        return axis

    def index(self, name: str, *_: object) -> int:
        """Position of ``name``. Raises UnknownName, with the closest label, if it is not on the axis."""
        if self._prefix is None:
            found = self._position.get(name)
        else:
            digits = name[len(self._prefix) :] if isinstance(name, str) and name.startswith(self._prefix) else ""
            plain = digits.isascii() and digits.isdigit() and str(int(digits)) == digits
            found = int(digits) if plain and int(digits) < self._length else None
        if found is None:
            raise UnknownName.among(self.noun, name, self if self._length <= 2000 else ())
        return found

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position):  # type: ignore[no-untyped-def]
        if isinstance(position, slice):
            return [self[p] for p in range(*position.indices(self._length))]
        if self._prefix is None:
            return self._names[position]
        wrapped = position + self._length if position < 0 else position
        if not 0 <= wrapped < self._length:
            raise IndexError(position)
        return f"{self._prefix}{wrapped}"

    def __iter__(self) -> Iterator[str]:
        if self._prefix is None:
            return iter(self._names)
        return (f"{self._prefix}{position}" for position in range(self._length))

    def __contains__(self, name: object) -> bool:
        try:
            self.index(name)  # type: ignore[arg-type]
        except UnknownName:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Labels):
            return NotImplemented
        if self is other:
            return True
        if self._prefix == other._prefix:
            return self._length == other._length and self._names == other._names
        return self._length == other._length and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self._length, self[0] if self._length else None))

    def __repr__(self) -> str:
        shown = ", ".join(self[:4]) + (", ..." if self._length > 4 else "")
        return f"Labels({self._length} {self.noun}s: {shown})"
