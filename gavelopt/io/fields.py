"""Reading a parsed document field by field, so that every mistake is named by its path: ``jobs[3].weight``.

    fields = Fields(document)
    name = fields.text("name")                                  # required
    weight = fields.number("weight", 1.0, above=0)              # with a default; null counts as absent
    for session in fields.sections("sessions"):                 # a list of objects, each a Fields of its own
        rate = session.number("rate_rps", minimum=0)
        session.done()                                          # keys nobody asked for are errors, with a suggestion
    fields.done()

All methods raise InputError; ``Fields.where`` starts the path (the caller puts the file's name before it with ``.at``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

from gavelopt.errors import InputError, UnknownName, closest


class _Required:
    """Stands for a default that does not exist."""


REQUIRED: Final = _Required()


def name_of_type(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    if value is None:
        return "null"
    for kinds, name in (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a string"),
        ((list, tuple), "a list"),
        (Mapping, "an object"),
    ):
        if isinstance(value, kinds):
            return name
    return type(value).__name__


def shown(value: object, limit: int = 60) -> str:
    """A value as a message shows it: shortened, with its type where the text alone does not say it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({name_of_type(value)})"


def wrong_type(place: str, value: object, rule: str) -> InputError:
    """The error for a value of the wrong type at a path."""
    return InputError(f"{place or 'the document'} must be {rule}", seen=f"{shown(value)} ({name_of_type(value)})")


def finite_number(
    value: object,
    place: str,
    *,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    whole: bool = False,
) -> float:
    """``value`` as a finite float within its limits (``above`` is strict); a whole number where ``whole``.

    Raises:
        InputError: no number (true and false are none), out of range, not whole.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(place, value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    limits = [
        f">= {minimum:g}" if minimum is not None else "",
        f"> {above:g}" if above is not None else "",
        f"<= {maximum:g}" if maximum is not None else "",
    ]
    outside = (
        not math.isfinite(number)
        or (minimum is not None and number < minimum)
        or (above is not None and number <= above)
        or (maximum is not None and number > maximum)
    )
    if outside:
        rule = " ".join(["a finite number", " and ".join(filter(None, limits))]).strip()
        raise InputError(f"{place} out of range", seen=shown(value), rule=rule)
    if whole and number != round(number):
        raise InputError(f"{place} must be whole", seen=shown(value), rule="a whole number")
    return number


class Fields:
    """The fields of one JSON object, taken one by one; ``done`` refuses those that nobody took."""

    def __init__(self, document: object, where: str = "") -> None:
        if not isinstance(document, Mapping):
            raise wrong_type(where, document, "an object")
        self.document: Mapping[str, Any] = document
        self.where = where
        self._taken: dict[str, None] = {}

    def place(self, name: str) -> str:
        """The path of a field: ``jobs[3].weight``."""
        return f"{self.where}.{name}" if self.where else name

    def has(self, name: str) -> bool:
        """Whether the field is there and not null. Does not take it."""
        return self.document.get(name) is not None

    def take(self, name: str, default: Any = REQUIRED) -> Any:
        """The raw value; absent or null gives the default, or an error where there is none."""
        self._taken[name] = None
        value = self.document.get(name)
        if value is not None:
            return value
        if default is not REQUIRED:
            return default
        if name in self.document:
            raise InputError(f"{self.place(name)} must not be null", rule="this field is required")
        raise self.missing(name)

    def missing(self, name: str, rule: str = "this field is required") -> InputError:
        """The error for a field that is not there; a key that comes close to it is taken for a slip of the pen."""
        found = closest(name, [key for key in self.document if key not in self._taken])
        return InputError(
            f"{self.place(name)} is missing",
            where=self.where or "top level",
            rule=rule,
            fix=f"{found!r} is there: rename it to {name!r}" if found else f"add {name!r}",
        )

    def text(self, name: str, default: Any = REQUIRED, *, choices: Collection[str] = ()) -> Any:
        """A non-empty string; with ``choices``, one of them."""
        value = self.take(name, default)
        if value is default:
            return value
        if not isinstance(value, str):
            raise wrong_type(self.place(name), value, "a string")
        if not value:
            raise InputError(f"{self.place(name)} must not be empty", seen=repr(value), rule="a non-empty string")
        if choices and value not in choices:
            raise UnknownName.among(name, value, choices, where=self.place(name))
        return value

    def number(
        self,
        name: str,
        default: Any = REQUIRED,
        *,
        minimum: float | None = None,
        above: float | None = None,
        maximum: float | None = None,
        whole: bool = False,
    ) -> Any:
        """A finite number as a float; see ``finite_number``."""
        value = self.take(name, default)
        if value is default:
            return value
        return finite_number(value, self.place(name), minimum=minimum, above=above, maximum=maximum, whole=whole)

    def integer(self, name: str, default: Any = REQUIRED, *, minimum: int | None = None) -> Any:
        """A whole number as an int."""
        value = self.number(name, default, minimum=minimum, whole=True)
        return value if value is default else int(value)

    def flag(self, name: str, default: Any = REQUIRED) -> Any:
        """True or false."""
        value = self.take(name, default)
        if value is not default and not isinstance(value, bool):
            raise wrong_type(self.place(name), value, "true or false")
        return value

    def array(self, name: str, default: Any = REQUIRED) -> list[Any]:
        """A list, its items unread."""
        value = self.take(name, default)
        if value is not default and not isinstance(value, list):
            raise wrong_type(self.place(name), value, "a list")
        return value  # type: ignore[no-any-return]

    def numbers(self, name: str, default: Any = REQUIRED, **limits: Any) -> Any:
        """A list of finite numbers, each within the limits of ``finite_number``."""
        value = self.array(name, default)
        if value is default:
            return value
        return [finite_number(item, f"{self.place(name)}[{at}]", **limits) for at, item in enumerate(value)]

    def mapping(self, name: str, default: Any = REQUIRED) -> dict[str, Any]:
        """An object whose keys are names (of jobs, models, ...), its values unread."""
        value = self.take(name, default)
        if value is not default and not isinstance(value, Mapping):
            raise wrong_type(self.place(name), value, "an object")
        return value  # type: ignore[no-any-return]

    def section(self, name: str, default: Any = REQUIRED) -> Fields:
        """An object with fields of its own."""
        return Fields(self.mapping(name, default), self.place(name))

    def sections(self, name: str, default: Any = REQUIRED) -> list[Fields]:
        """A list of objects, each with fields of its own, named by position: ``jobs[3]``."""
        return [Fields(item, f"{self.place(name)}[{at}]") for at, item in enumerate(self.array(name, default))]

    def done(self) -> None:
        """Refuse the fields that nobody took, with the closest field that exists."""
        for name in self.document:
            if name not in self._taken:
                raise UnknownName.among("field", name, self._taken, where=self.place(name))
