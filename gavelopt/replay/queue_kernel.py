"""The compiled event loop of queue disciplines: arrivals and completions, whole gangs, no time sharing.

A discipline orders the jobs by a key, smaller first, ties by arrival and then as listed. At every event types are handed
out in that order. The keys of waiting jobs never change, so they stand in a sorted row; only the running jobs, as many as
there are accelerators at most, are put in order again, and not even these where what is left over satisfies everybody who
comes before one of them. A pass ends as soon as no waiting gang can fit, so that the length of the queue does not enter the
cost of an event.

A job keeps the type it runs on while it can; a job that stops or moves after it has run pays ``restart`` seconds, in which
it holds its accelerators and makes no steps, when it runs again. A preemptive discipline lets later jobs use what an
earlier one cannot (that one may take it back at any time); of the others only those with ``backfill`` do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

ARRIVED, SHORTEST, REMAINING, PRIORITY, ATTAINED = range(5)
EPSILON = 1e-9  # seconds: completions closer than this are one event
ROUNDING = 1e-15  # of the time on the clock: what is closer may be no later moment in floating point
HAIR = 1e-6  # accelerator-seconds by which a job falls into its next queue early, so that every crossing counts
FIELDS = 6  # of a row of the log: job, type, start, end, steps, seconds of restart


class Trace(NamedTuple):
    """rates (J, R) steps/s of the gang, 0 where it cannot run; scale, steps, arrival, weight (J,); capacity (R,)."""

    rates: Any
    scale: Any
    steps: Any
    arrival: Any
    weight: Any
    capacity: Any


class Rule(NamedTuple):
    """key: one of the five above; restart: seconds; quantum, thresholds: accelerator-seconds, of ATTAINED."""

    key: int
    preemptive: bool
    backfill: bool
    restart: float
    quantum: float
    thresholds: Any


class State(NamedTuple):
    """(J,) arrays.

    left, of_segment: parts of the steps left, now and when the segment began; penalty, lost: seconds of restart still due,
    and paid in this segment; attained: accelerator-seconds; since: start of the segment; key: see ``put_key``; size, seconds:
    of all the work alone on the fastest type, and on the type held; held, wanted: types, -1 for none; finish, first start,
    stops (preemptions).
    """

    left: Any
    of_segment: Any
    penalty: Any
    lost: Any
    attained: Any
    since: Any
    key: Any
    size: Any
    seconds: Any
    held: Any
    wanted: Any
    finish: Any
    first: Any
    stops: Any


@numba.njit(cache=True)
def level_of(attained, rule):  # type: ignore[no-untyped-def]
    """The queue of a job that has had ``attained`` accelerator-seconds."""
    if len(rule.thresholds) > 0:
        return float(np.searchsorted(rule.thresholds, attained + HAIR, side="right"))
    return np.floor((attained + HAIR) / rule.quantum)


@numba.njit(cache=True)
def level_end(attained, rule):  # type: ignore[no-untyped-def]
    """Accelerator-seconds at which that job falls into the next queue."""
    level = level_of(attained, rule)
    if len(rule.thresholds) == 0:
        return (level + 1.0) * rule.quantum
    return rule.thresholds[int(level)] if level < len(rule.thresholds) else np.inf


@numba.njit(cache=True)
def put_key(job, trace, rule, state):  # type: ignore[no-untyped-def]
    """Write what the discipline orders ``job`` by; smaller is served first."""
    if rule.key == ARRIVED:
        state.key[job] = trace.arrival[job]
    elif rule.key == SHORTEST:
        state.key[job] = state.size[job]
    elif rule.key == REMAINING:
        state.key[job] = state.left[job] * state.size[job]
    elif rule.key == PRIORITY:
        state.key[job] = -trace.weight[job]
    else:
        state.key[job] = level_of(state.attained[job], rule)


@numba.njit(cache=True)
def before(a, b, key, arrival):  # type: ignore[no-untyped-def]
    """Whether job ``a`` is served before job ``b``."""
    if key[a] != key[b]:
        return key[a] < key[b]
    if arrival[a] != arrival[b]:
        return arrival[a] < arrival[b]
    return a < b


@numba.njit(cache=True)
def insert(queue, head, tail, job, key, arrival):  # type: ignore[no-untyped-def]
    """Put ``job`` into the sorted row ``queue[head:tail]``, moving the shorter side; returns (head, tail)."""
    low, high = head, tail
    while low < high:
        middle = (low + high) // 2
        if before(queue[middle], job, key, arrival):
            low = middle + 1
        else:
            high = middle
    if head > 0 and (low - head < tail - low or tail == len(queue)):
        for at in range(head, low):
            queue[at - 1] = queue[at]
        queue[low - 1] = job
        return head - 1, tail
    for at in range(tail, low, -1):
        queue[at] = queue[at - 1]
    queue[low] = job
    return head, tail + 1


@numba.njit(cache=True)
def take_out(queue, head, chosen, started):  # type: ignore[no-untyped-def]
    """Drop the ``started`` rising positions ``chosen`` from the row by moving what stands before them; the new head."""
    if started == 0:
        return head
    to, skip = chosen[started - 1], started - 1
    for at in range(chosen[started - 1], head - 1, -1):
        if skip >= 0 and at == chosen[skip]:
            skip -= 1
        else:
            queue[to] = queue[at]
            to -= 1
    return head + started


@numba.njit(cache=True)
def sort_running(running, count, key, arrival):  # type: ignore[no-untyped-def]
    """Insertion sort: the order of the last event is nearly right."""
    for i in range(1, count):
        job, k = running[i], i
        while k > 0 and before(job, running[k - 1], key, arrival):
            running[k] = running[k - 1]
            k -= 1
        running[k] = job


@numba.njit(cache=True)
def choose_type(job, free, trace, held):  # type: ignore[no-untyped-def]
    """The type held, if there is room; otherwise the fastest with room; -1 where there is none."""
    gang = trace.scale[job]
    if held[job] >= 0 and free[held[job]] >= gang:
        return held[job]
    best = -1
    for c in range(len(free)):
        fits = trace.rates[job, c] > 0.0 and free[c] >= gang
        if fits and (best < 0 or trace.rates[job, c] > trace.rates[job, best]):
            best = c
    return best


@numba.njit(cache=True)
def smallest_gang(waiting_of):  # type: ignore[no-untyped-def]
    """The smallest gang that waits; ``waiting_of`` (S,) counts waiting jobs by gang."""
    for gang in range(len(waiting_of)):
        if waiting_of[gang] > 0:
            return gang
    return len(waiting_of)


@numba.njit(cache=True)
def hand_out(running, ordered, queue, head, tail, free, least, trace, rule, state, chosen):  # type: ignore[no-untyped-def]
    """Types in the order of the keys over ``running[:ordered]`` and the waiting jobs, until nothing more can fit.

    Writes wanted for the jobs that get a type, and the positions of waiting jobs that start into ``chosen``; returns their
    number. ``least``: the smallest gang that waits.
    """
    passing = rule.backfill or rule.preemptive
    started, i, at, room = 0, 0, head, free.max()
    while room > 0 and (i < ordered or at < tail):
        if at < tail and room < least:
            at = tail  # no waiting gang fits
            continue
        from_running = i < ordered and (at >= tail or before(running[i], queue[at], state.key, trace.arrival))
        job = running[i] if from_running else queue[at]
        kind = choose_type(job, free, trace, state.held)
        if kind >= 0:
            free[kind] -= trace.scale[job]
            room = free.max()
            state.wanted[job] = kind
            if not from_running:
                chosen[started] = at
                started += 1
        elif not passing:
            break
        if from_running:
            i += 1
        else:
            at += 1
    return started


@numba.njit(cache=True)
def grown(log, used, more):  # type: ignore[no-untyped-def]
    """``log`` with room for ``more`` rows."""
    if used + more <= len(log):
        return log
    larger = np.empty((2 * len(log) + more, FIELDS))
    larger[:used] = log[:used]
    return larger


@numba.njit(cache=True)
def close_segment(log, used, job, now, made, state):  # type: ignore[no-untyped-def]
    """Log what ``job`` held since its segment began and the part of its steps it made; returns the rows used."""
    if now > state.since[job]:
        log[used, 0], log[used, 1], log[used, 2] = job, state.held[job], state.since[job]
        log[used, 3], log[used, 4], log[used, 5] = now, made, state.lost[job]
        used += 1
    state.of_segment[job], state.lost[job], state.since[job] = state.left[job], 0.0, now
    return used


@numba.njit(cache=True)
def next_event(now, running, count, trace, rule, state):  # type: ignore[no-untyped-def]
    """When the first running job completes or, under least attained service, falls into the next queue."""
    ahead = np.inf
    for i in range(count):
        job = running[i]
        ahead = min(ahead, now + state.penalty[job] + state.left[job] * state.seconds[job])
        if rule.key == ATTAINED:
            rest = level_end(state.attained[job], rule) - state.attained[job]
            ahead = min(ahead, now + max(rest / trace.scale[job], HAIR))
    return ahead


@numba.njit(cache=True)
def advance(passed, now, running, count, trace, state):  # type: ignore[no-untyped-def]
    """``passed`` seconds of work up to ``now``; returns how many running jobs are complete, moved to the front."""
    done, close = 0, EPSILON + ROUNDING * now
    for i in range(count):
        job = running[i]
        seconds = state.seconds[job]
        state.attained[job] += passed * trace.scale[job]
        idle = min(state.penalty[job], passed)
        state.penalty[job] -= idle
        state.lost[job] += idle
        state.left[job] -= (passed - idle) / seconds
        if max(state.left[job], 0.0) * seconds + state.penalty[job] <= close or state.left[job] <= 1e-13:
            for k in range(i, done, -1):
                running[k] = running[k - 1]
            running[done] = job
            done += 1
    return done


@numba.njit(cache=True)
def complete(running, count, done, now, log, used, trace, state):  # type: ignore[no-untyped-def]
    """Log the ``done`` jobs at the front as finished and drop them; returns the rows used."""
    for i in range(done):
        job = running[i]
        state.finish[job] = now
        made = state.of_segment[job] * trace.steps[job]
        used = close_segment(log, used, job, now, made, state)
        state.held[job] = -1
    running[: count - done] = running[done:count].copy()
    return used


@numba.njit(cache=True)
def change(running, count, now, log, used, restart, trace, state):  # type: ignore[no-untyped-def]
    """Running jobs whose type changes end their segment; those left without one move behind the others.

    Returns (rows used, jobs that go on running): ``running[that:count]`` are those that stop.
    """
    stopped, kept = np.empty(count, np.int64), 0
    for i in range(count):
        job = running[i]
        if state.wanted[job] != state.held[job]:
            made = (state.of_segment[job] - state.left[job]) * trace.steps[job]
            used = close_segment(log, used, job, now, made, state)
            state.stops[job] += 1
            state.penalty[job] = restart
            hold(job, trace, state)
        if state.held[job] < 0:
            stopped[i - kept] = job
        else:
            running[kept] = job
            kept += 1
    running[kept:count] = stopped[: count - kept]
    return used, kept


@numba.njit(cache=True)
def hold(job, trace, state):  # type: ignore[no-untyped-def]
    """Give ``job`` the type that it is wanted on, -1 for none."""
    kind = state.wanted[job]
    state.held[job] = kind
    if kind >= 0:
        state.seconds[job] = trace.steps[job] / trace.rates[job, kind]


@numba.njit(cache=True)
def left_over(running, count, trace, state):  # type: ignore[no-untyped-def]
    """(R,) accelerators that no running job holds; every running job is wanted where it is."""
    free = trace.capacity.copy()
    for i in range(count):
        job = running[i]
        state.wanted[job] = state.held[job]
        free[state.held[job]] -= trace.scale[job]
    return free


@numba.njit(cache=True)
def undisturbed(running, count, queue, head, tail, chosen, started, trace, rule, state):  # type: ignore[no-untyped-def]
    """Whether handing out what is left over comes to the same as asking everybody again.

    It does where all waiting jobs before the last of the running ones start, each on its fastest type.
    """
    for k in range(started):
        job = queue[chosen[k]]
        if trace.rates[job, state.wanted[job]] < trace.rates[job].max():
            return False
    first = head
    for k in range(started):
        if chosen[k] == first:
            first += 1
    if first == tail:
        return True
    for i in range(count):
        put_key(running[i], trace, rule, state)
        if before(queue[first], running[i], state.key, trace.arrival):
            return False
    return True


@numba.njit(cache=True)
def decide(running, count, queue, head, tail, least, trace, rule, state, chosen):  # type: ignore[no-untyped-def]
    """Write wanted for all jobs that are to run; returns how many waiting ones start, whose positions are in ``chosen``."""
    free = left_over(running, count, trace, state)
    started = hand_out(running, 0, queue, head, tail, free, least, trace, rule, state, chosen)
    if not rule.preemptive or undisturbed(running, count, queue, head, tail, chosen, started, trace, rule, state):
        return started
    for i in range(count):
        put_key(running[i], trace, rule, state)
        state.wanted[running[i]] = -1
    sort_running(running, count, state.key, trace.arrival)
    free = trace.capacity.copy()
    return hand_out(running, count, queue, head, tail, free, least, trace, rule, state, chosen)


@numba.njit(cache=True)
def run_queue(order, trace, rule, state):  # type: ignore[no-untyped-def]
    """Replay the jobs of ``order`` (by arrival; each can run somewhere and has steps) to the end; returns the log."""
    arrival, scale = trace.arrival, trace.scale
    slots = int(trace.capacity.sum()) + 1
    running, count, chosen = np.empty(slots, np.int64), 0, np.empty(slots, np.int64)
    queue, head, tail = np.empty(len(order) + 1, np.int64), 0, 0
    waiting_of = np.zeros(int(scale.max()) + 1, np.int64)
    log, used = np.empty((2 * len(order) + 16, FIELDS)), 0
    coming, now = 0, 0.0
    while coming < len(order) or count > 0:
        ahead = next_event(now, running, count, trace, rule, state)
        if coming < len(order):
            ahead = min(ahead, arrival[order[coming]])
        passed, now = max(ahead - now, 0.0), max(ahead, now)
        done = advance(passed, now, running, count, trace, state)
        log = grown(log, used, 2 * count + 2)
        used = complete(running, count, done, now, log, used, trace, state)
        count -= done
        while coming < len(order) and arrival[order[coming]] <= now + EPSILON:
            job = order[coming]
            coming += 1
            put_key(job, trace, rule, state)
            head, tail = insert(queue, head, tail, job, state.key, arrival)
            waiting_of[scale[job]] += 1
        if head == tail:
            continue  # nobody waits: whoever runs stays where it is
        least = smallest_gang(waiting_of)
        started = decide(running, count, queue, head, tail, least, trace, rule, state, chosen)
        starting = queue[chosen[:started]].copy()
        head = take_out(queue, head, chosen, started)
        used, kept = change(running, count, now, log, used, rule.restart, trace, state)
        for job in running[kept:count]:
            head, tail = insert(queue, head, tail, job, state.key, arrival)
            waiting_of[scale[job]] += 1
        count = kept
        for job in starting:
            waiting_of[scale[job]] -= 1
            hold(job, trace, state)
            state.since[job] = now
            if np.isnan(state.first[job]):
                state.first[job] = now
            running[count] = job
            count += 1
    return log[:used]
