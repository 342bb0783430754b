"""Many independent pieces of work at once, results as they end: joblib on this machine, Ray beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from gavelopt.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_joblib(
    one: Callable[[Item], Result], items: Sequence[Item], workers: int, backend: str = "loky"
) -> Iterator[Result]:
    """``one(item)`` of every item, by a backend of joblib; in this process for a single worker."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend, n_jobs=workers) if workers > 1 else nullcontext():
        yield from Parallel(return_as="generator_unordered")(delayed(one)(item) for item in items)


def on_ray(
    one: Callable[[Item], Result], items: Sequence[Item], workers: int, backend: str = "ray"
) -> Iterator[Result]:
    """The same on a Ray cluster, ``workers`` at a time. (joblib's Ray backend returns nothing before the end.)"""
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"backend {backend!r} needs Ray", seen=str(error), fix="pip install 'gavelopt[ray]'"
        ) from error

    def task(item: Item) -> Result:
        return one(item)

    remote, waiting = ray.remote(task), list(reversed(items))
    running: list[Any] = []
    while waiting or running:
        while waiting and len(running) < workers:
            running.append(remote.remote(waiting.pop()))
        ended, running = ray.wait(running)
        yield from ray.get(ended)
