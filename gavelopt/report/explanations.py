"""Explanations as text: prose, and a small table of what each type is worth to the job against its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.engine.explain import IMPOSSIBLE, TIED, Explanation, Offer
from gavelopt.report import words
from gavelopt.report.layout import plain, sheet

VERDICTS = {
    "used": "has it",
    "dearer": "costs more than it is worth",
    "tie": "as good as what it has",
    "less": "worth it, but its time is worth more elsewhere",
    "gang": "its gang does not fit",
    "unknown": "throughput unknown",
    "cannot": "cannot run there",
    "worthless": "more throughput is worth nothing",
    "open": "no prices to compare",
}
ABOVE = 1e-6  # relative distance from the worst-off job at which a job stands above it
NAMED = 3  # jobs that a sentence names


def explanation_text(explanation: Explanation) -> str:
    """The explanation as plain text, as wide as the terminal."""
    return plain(explanation_view(explanation))


def explanation_view(explanation: Explanation) -> RenderableType:
    """The sentences, then one row for each way in which the job could run."""
    said = Text(words.printable(" ".join(sentences(explanation))), overflow="fold")
    table = sheet()
    table.add_column("accelerator", no_wrap=True)
    for head in ("time", "throughput"):
        table.add_column(head, justify="right", no_wrap=True)
    priced = any(offer.worth is not None for offer in explanation.offers)
    for head in ("worth", "price", "margin") if priced else ():
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for offer in explanation.offers:
        figures = (offer.worth, offer.price, offer.margin) if priced else ()
        cells = ["" if figure is None else f"{figure:.4g}" for figure in figures]
        rate = "" if offer.verdict == "unknown" else words.number(offer.rate)
        table.add_row(Text(_place(offer)), words.share(offer.time), rate, *cells, Text(VERDICTS[offer.verdict]))
    parts: list[RenderableType] = [said, "", table]
    if priced:
        unit = f", in {explanation.unit}" if explanation.unit else ""
        about = f"worth, price and margin of all its time on the type{unit}; {explanation.policy}"
        parts.append(Text(about, style="dim"))
    return Group(*parts)


def sentences(explanation: Explanation) -> list[str]:
    """What it got, what more would be worth, what holds it back, and why it is not on faster types."""
    return [_what(explanation), *_marginal(explanation), *_why(explanation), *_elsewhere(explanation)]


def _what(e: Explanation) -> str:
    places = [
        f"{100 * offer.time:.3g} % of its time on {offer.accelerator}"
        + (f" with {offer.partner}" if offer.partner else "")
        for offer in e.offers
        if offer.verdict == "used"
    ]
    if not places:
        return f"{e.job} gets nothing."
    beside = (
        f", {e.rate / e.fair_rate:.3g} times what an equal slice of the cluster would give" if e.fair_rate > 0 else ""
    )
    return f"{e.job} gets {_listed(places)}: {e.rate:.4g} {e.rate_unit}{beside}."


def _marginal(e: Explanation) -> Iterator[str]:
    if e.worth_of_rate is None or e.binding in IMPOSSIBLE:
        return
    if e.believes:
        yield "The policy believes in other rates than those measured; worth is by its beliefs."
    if e.worth_of_floor:
        yield f"A floor holds its throughput up: each {e.rate_unit} less of it would be worth {e.worth_of_floor:.4g} {e.unit}."
    if e.worth_of_rate > 0:
        yield f"One {e.rate_unit} more of it is worth {e.worth_of_rate:.4g} {e.unit}".rstrip() + "."


def _why(e: Explanation) -> Iterator[str]:
    if e.binding == "price" and not any(offer.verdict == "used" for offer in e.offers):
        yield "Every type costs more than it is worth to this job."
    elif e.binding == "price" and e.status == "optimal":
        yield "It stops because one more accelerator costs what it is worth to this job."
    elif e.binding == "time":
        yield "It runs all the time, so only a faster type could give it more."
        if e.worth_of_time:
            yield f"One more unit of its time would be worth {e.worth_of_time:.4g}."
    elif e.binding == "enough":
        yield _enough(e)
    elif e.binding != "price":
        yield _fixed(e)
    if e.status != "optimal" and e.worth_of_rate is not None:
        yield from _not_optimal(e)


def _enough(e: Explanation) -> str:
    others = [name for name in e.deciders if name != e.job]
    if not others:
        return "The policy gains nothing from its running faster."
    named = _listed(others[:NAMED]) + (f" and {len(others) - NAMED} more" if len(others) > NAMED else "")
    above = e.times_worst is not None and e.times_worst > 1.0 + ABOVE
    stands = (
        f"It stands at {e.times_worst:.4g} times the worst-off job"
        if above
        else "It stands where the worst-off job does"
    )
    return f"{stands}, and the value is decided by {named}: its running faster changes nothing."


def _fixed(e: Explanation) -> str:
    places = ", ".join(offer.accelerator for offer in e.offers if offer.verdict == e.binding)
    return {
        "gang": f"Its gang of {e.gang} is larger than the count of every type it could use ({places}).",
        "unknown": f"Its throughput is not known on {places}, and it can run nowhere else.",
        "cannot": "Its throughput is 0 on every type.",
        "rule": f"The policy {e.policy} is a closed form: it follows from the cluster and the jobs without a choice.",
        "not priced": f"The method {e.method!r} offers no prices, so there is no margin to compare.",
    }[e.binding]


def _not_optimal(e: Explanation) -> Iterator[str]:
    dear = [offer for offer in e.offers if offer.verdict == "used" and offer.margin is not None and _loses(offer)]
    yield "The answer is not proved optimal; the prices are those that prove the bound."
    if dear:
        yield f"At these prices {_listed([offer.accelerator for offer in dear])} cost more than the job gains there."


def _loses(offer: Offer) -> bool:
    assert offer.margin is not None
    assert offer.price is not None
    return offer.margin < -TIED * abs(offer.price)


def _elsewhere(e: Explanation) -> Iterator[str]:
    """Faster types that it does not have, and why."""
    fastest = max((offer.rate for offer in e.offers if offer.verdict == "used"), default=0.0)
    if e.binding in IMPOSSIBLE or not fastest:
        return
    for offer in sorted(e.offers, key=lambda o: -o.rate):
        if offer.rate <= fastest or offer.verdict not in ("dearer", "gang", "less"):
            continue
        if offer.verdict == "gang":
            yield f"It would be faster on {offer.accelerator}, but its gang of {e.gang} does not fit there."
            continue
        word = "costs more than it is worth" if offer.verdict == "dearer" else "leaves a smaller margin"
        yield (
            f"It would be faster on {offer.accelerator}, but that {word}: "
            f"price {offer.price:.4g}, worth {offer.worth:.4g}."
        )


def _place(offer: Offer) -> str:
    name = words.printable(offer.accelerator)
    return name if offer.partner is None else f"{name} with {words.printable(offer.partner)}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
