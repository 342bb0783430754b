"""How do seconds and memory grow to a million jobs, and who else gets there?

Crowds of ``examples.crowd`` (no two jobs alike, load 3; makespan load 12, so that capacity and not the longest job decides),
1e3 to 1e6 jobs on 4, 8 and 16 types. Every run is a process of its own. One streaming pass, the physical unit, is the best
time in which a compiled loop on the same threads reads the J x R float64 table once, in the same process as our run.

    engine    method ``fast`` on a prepared problem: from arrays to an allocation in compact form and its proof
    call      the whole of go.solve: reading the policy, merging, engine, matrix, judging, prices
    kinds     with --kinds of at most 300: merging by row number and one program, in compact form
    rivals    the same normal form, unmerged, given to each solver by ``exact``; cvxpy: its own vectorised model to Clarabel;
              pop: 8 random parts, solved exactly one after the other

The gap is the judge's: value of the feasible answer against a bound recomputed from multipliers. "Seconds to gap" are those of
the first tolerance among 1e-2, 1e-4, 1e-6, 1e-9 that ends with at most that gap. ``cpu`` are seconds of processor time of the
engine on all threads: on a machine with other work they say more than seconds. Memory is the peak of the engine over what the
process held before, and that of the whole call, with the table itself counted once, in multiples of the table.

    python benchmarks/suites/scaling.py --quick
    python benchmarks/suites/scaling.py --jobs 1e3 1e4 1e5 1e6 --types 4 8 16 --rivals all

Writes results/scaling-DATE.jsonl (one record a line), prints the tables, and draws results/scaling-DATE.svg where matplotlib
is installed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import queue
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

RESULTS = Path(__file__).resolve().parents[1] / "results"
TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-9)
POLICIES: dict[str, tuple[str, dict[str, Any], float]] = {  # name, parameters, load
    "max_sum": ("max_sum", {}, 3.0),
    "max_min": ("max_min", {"normalize": None}, 3.0),
    "makespan": ("makespan", {}, 12.0),
    "log": ("power_mean", {"p": 0.0}, 3.0),
    "p=-1": ("power_mean", {"p": -1.0}, 3.0),
}
SOLVERS = ("highs-ipm", "highs-simplex", "glop", "pdlp", "clarabel")
RIVALS = (*SOLVERS, "cvxpy", "pop")
LINEAR = ("max_sum", "max_min", "makespan")
LARGEST = {"cvxpy": 100_000, "highs-ipm": 100_000, "pop": 100_000}  # jobs; 10,000 for the others
PARTS = 8
STYLES = {4: ":", 8: "-", 16: "--"}  # by number of types
COLOURS = {
    "fast": "#1f4e79",
    "highs-ipm": "#c0392b",
    "highs-simplex": "#e67e22",
    "glop": "#b7950b",
    "pdlp": "#7d3c98",
    "clarabel": "#229954",
    "cvxpy": "#17a2a2",
    "pop": "#7f8c8d",
}
LARGE = 10_000  # jobs, below which constant costs hide the growth


def instance_of(case: dict[str, Any]) -> Any:
    """The crowd of a case."""
    import gavelopt as go

    load = case["load"] or POLICIES[case["policy"]][2]
    return go.examples.crowd(case["jobs"], case["types"], load, case.get("kinds"), case["seed"], named=True)


def streaming_pass(table: np.ndarray, threads: int) -> float:
    """Seconds in which a compiled loop reads the table once, the best of 25."""
    from numba import njit

    @njit(fastmath=True, nogil=True)
    def read(values):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(len(values)):
            total += values[i]
        return total

    parts = np.array_split(table.ravel(), threads)
    with ThreadPoolExecutor(threads) as pool:
        return min(_timed(lambda: list(pool.map(read, parts)))[0] for _ in range(26))


def _timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
    """(seconds, processor seconds, what came out)."""
    begin, used = time.perf_counter(), time.process_time()
    found = run()
    return time.perf_counter() - begin, time.process_time() - used, found


def _status(field: str) -> int:
    """A line of /proc/self/status in bytes; 0 where there is none."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def peak_over(run: Callable[[], Any]) -> int:
    """Bytes that ``run`` held at most beyond what the process held before (Linux only, else 0)."""
    if not Path("/proc/self/clear_refs").exists():
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    kept = run()
    peak = _status("VmHWM") - before
    del kept
    return max(peak, 0)


def ours(case: dict[str, Any]) -> dict[str, Any]:
    """Our figures for one case."""
    import gavelopt as go
    from gavelopt.engine.grading import grade
    from gavelopt.engine.prices.build import build, multipliers
    from gavelopt.engine.prices.method import HANDFUL, solve_market
    from gavelopt.engine.problem import Answer, Problem
    from gavelopt.engine.registry import resolve

    name, options, _ = POLICIES[case["policy"]]
    policy, threads, types = resolve(name, options)[0], case["threads"], case["types"]
    for jobs in (1_000, 45_000):  # compiled before anything is measured
        go.solve(go.examples.crowd(jobs, types, 3.0), policy, method="fast", threads=threads)
    instance = instance_of(case)

    def problem_at(tolerance: float) -> Problem:
        problem = Problem(instance, policy, tolerance, case["seed"])
        assert problem.utility is not None
        return problem

    def engine(problem: Problem) -> Any:
        built = build(problem.space, problem.utility, threads)  # type: ignore[arg-type]
        found, how = solve_market(built, problem)
        assert found is not None
        return built, found, how, multipliers(built, problem.utility, found.proof)  # type: ignore[arg-type]

    record: dict[str, Any] = {"method": "fast"}
    table = np.ascontiguousarray(problem_at(1e-6).space.plain.table)  # type: ignore[union-attr]
    record["stream_s"] = streaming_pass(table, threads)
    call, call_cpu, solution = min((_timed(lambda: go.solve(instance, policy, method="fast", threads=threads))
                                    for _ in range(case["repeat"])), key=lambda each: each[0])  # fmt: skip
    record.update(call_s=call, call_cpu_s=call_cpu, status=solution.status, gap=solution.gap, value=solution.value,
                  bound=solution.bound, detail=solution.attempts[-1].detail)  # fmt: skip
    if case.get("kinds") and case["kinds"] <= HANDFUL:
        return {**record, "to_gap": few_kinds(problem_at(1e-6), case["repeat"])}
    to_gap: dict[str, Any] = {}
    for tolerance in TOLERANCES:
        problem = problem_at(tolerance)
        runs = [_timed(lambda problem=problem: engine(problem)) for _ in range(case["repeat"])]
        seconds, cpu = min(each[0] for each in runs), min(each[1] for each in runs)
        built, found, how, proof = runs[-1][2]
        x = found.plan.dense(problem.space.time, types, threads=threads)
        gap = grade(problem, Answer(x, proof)).gap
        to_gap[f"{tolerance:g}"] = {"seconds": seconds, "cpu_s": cpu, "gap": gap, "engine": how, "rounds": found.rounds}
        del runs, x
    record["to_gap"] = to_gap
    del built, found, proof
    problem = problem_at(1e-6)
    record["memory_x"] = (peak_over(lambda: engine(problem)) + table.nbytes) / table.nbytes
    call_peak = peak_over(lambda: go.solve(instance, policy, method="fast", threads=threads))
    record["call_memory_x"] = (call_peak + table.nbytes) / table.nbytes
    return record


def few_kinds(problem: Any, repeat: int) -> dict[str, Any]:
    """Seconds from a table by kind to the optimum of the classes and its proof, before it is written out job by job."""
    from gavelopt.engine.aggregate import merge
    from gavelopt.engine.exact import solve_classes, task_of
    from gavelopt.engine.grading import grade
    from gavelopt.engine.problem import Answer

    def compact() -> Any:
        merged = merge(problem.space, problem.utility, row=problem.row)
        return merged, solve_classes(task_of(problem, problem.utility), merged)

    compact()
    runs = [_timed(compact) for _ in range(repeat)]
    merged, found = runs[-1][2]
    gap = grade(problem, Answer(merged.expand(found.x), merged.expand_multipliers(found.multipliers))).gap
    best = {"seconds": min(each[0] for each in runs), "cpu_s": min(each[1] for each in runs), "gap": gap}
    return {"1e-06": best}


def rival(case: dict[str, Any]) -> dict[str, Any]:
    """One rival on one case: seconds of building and solving, and how good its answer is."""
    import gavelopt as go

    name, options, _ = POLICIES[case["policy"]]
    method, instance = case["method"], instance_of(case)
    if method == "cvxpy":
        return in_cvxpy(case, instance)
    more = (
        {"method": "pop", "parts": PARTS}
        if method == "pop"
        else {"method": "exact", "solver": method, "aggregate": False}
    )
    tiny = go.examples.crowd(50, case["types"], 3.0)
    go.solve(tiny, name, **options, **(more if method != "pop" else {"method": "exact"}))  # solvers loaded
    seconds, cpu, found = _timed(lambda: go.solve(instance, name, time_limit=case["limit"], **options, **more))
    return {"call_s": seconds, "call_cpu_s": cpu, "status": found.status, "gap": found.gap, "value": found.value}


def in_cvxpy(case: dict[str, Any], instance: Any) -> dict[str, Any]:
    """The policy as a user of cvxpy would write it, vectorised, with constants, rates divided by their mean."""
    import cvxpy as cp

    T, s, C = instance.rates, instance.jobs.scale_factor.astype(float), instance.cluster.count
    if case["policy"] == "makespan":
        T = T / instance.jobs.steps[:, None]
    unit = float(np.exp(np.log(T.max(axis=1)).mean()))
    begin = time.perf_counter()
    X = cp.Variable(T.shape, nonneg=True)
    rate = cp.sum(cp.multiply(T / unit, X), axis=1)
    objective = {
        "max_sum": lambda: cp.sum(rate),
        "log": lambda: cp.sum(cp.log(rate)),
        "p=-1": lambda: -cp.sum(cp.inv_pos(rate)),
    }.get(case["policy"], lambda: cp.min(rate))()
    program = cp.Problem(cp.Maximize(objective), [cp.sum(X, axis=1) <= 1, s @ X <= C])
    try:
        program.solve(solver="CLARABEL", time_limit=case["limit"])
        status = str(program.status)
    except cp.error.SolverError:
        status = "failed"
    return {"call_s": time.perf_counter() - begin, "status": status, "gap": None}


def _work(case: dict[str, Any], answers: Any) -> None:
    """What a process of its own does."""
    answers.put((ours if case["method"] == "fast" else rival)(case))


def in_a_process(case: dict[str, Any]) -> dict[str, Any]:
    """A case run in a fresh process, which is ended after the limit."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_work, args=(case, answers), daemon=True)
    process.start()
    end = time.perf_counter() + 2.0 * case["limit"] + 60.0
    while time.perf_counter() < end:
        try:
            return {**case, **answers.get(timeout=0.5)}
        except queue.Empty:
            if not process.is_alive() and answers.empty():
                return {**case, "status": f"ended with {process.exitcode}"}
    process.terminate()
    return {**case, "status": "time_limit", "call_s": None}


def cases(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All runs, ours first."""
    rivals = RIVALS if "all" in arguments.rivals else tuple(arguments.rivals)
    base = {"limit": arguments.limit, "seed": arguments.seed, "threads": arguments.threads, "load": arguments.load,
            "repeat": arguments.repeat, "kinds": arguments.kinds}  # fmt: skip
    runs = []
    for policy in arguments.policies:
        for types in arguments.types:
            for jobs in sorted(int(float(size)) for size in arguments.jobs):
                case = {**base, "policy": policy, "types": types, "jobs": jobs}
                runs.append({**case, "method": "fast"})
                runs += [{**case, "method": name} for name in rivals if _asked(name, policy, jobs)]
    return runs


def _asked(name: str, policy: str, jobs: int) -> bool:
    suits = policy in LINEAR or name in ("cvxpy", "clarabel", "pop")
    return suits and jobs <= LARGEST.get(name, 10_000)


def our_table(records: list[dict[str, Any]]) -> Table:
    """Our runs."""
    shown = Table(title="method fast: milliseconds and streaming passes to a certified gap")
    for column in ("policy", "jobs", "types", "threads", "stream ms", *(f"to {t:g}" for t in TOLERANCES), "cpu to 1e-06", "gap",
                   "call ms", "memory"):  # fmt: skip
        shown.add_column(column, justify="left" if column == "policy" else "right")
    for each in records:
        if each["method"] != "fast" or "stream_s" not in each:
            continue
        stream, reached = each["stream_s"], each.get("to_gap", {})
        last = reached.get("1e-06", {})
        shown.add_row(
            each["policy"], f"{each['jobs']:.0e}", str(each["types"]), str(each["threads"]), f"{1e3 * stream:.2f}",
            *(_to_gap(reached, tolerance, stream) for tolerance in TOLERANCES),
            f"{1e3 * last['cpu_s']:.0f} ({last['cpu_s'] / stream:.0f})" if last else "-",
            f"{last['gap']:.0e}" if last else f"{each['gap']:.0e}",
            f"{1e3 * each['call_s']:.0f}",
            f"{each['memory_x']:.1f} x, {each['call_memory_x']:.1f} x" if "call_memory_x" in each else "-",
        )  # fmt: skip
    return shown


def _seconds_to(reached: dict[str, Any], tolerance: float) -> float | None:
    """Seconds of the first run whose certified gap is small enough, also one that was asked for more."""
    fitting = [each["seconds"] for each in reached.values() if each["gap"] is not None and each["gap"] <= tolerance]
    return min(fitting, default=None)


def _to_gap(reached: dict[str, Any], tolerance: float, stream: float) -> str:
    seconds = _seconds_to(reached, tolerance)
    return f"{1e3 * seconds:.0f} ({seconds / stream:.0f})" if seconds else "-"


def rival_table(records: list[dict[str, Any]]) -> Table:
    """Everyone on the same cases, as multiples of our engine's time to 1e-6 and of our whole call."""
    shown = Table(title="rivals: seconds, and how many times those of the engine (of the whole call)")
    for column in ("policy", "jobs", "types", "method", "seconds", "x engine", "x call", "status", "gap"):
        shown.add_column(column, justify="left" if column in ("policy", "method", "status") else "right")
    mine = {_place(each): each for each in records if each["method"] == "fast" and "to_gap" in each}
    for each in records:
        own = mine.get(_place(each))
        if each["method"] == "fast" or own is None:
            continue
        seconds = each.get("call_s")
        engine = _seconds_to(own["to_gap"], 1e-6)
        shown.add_row(
            each["policy"], f"{each['jobs']:.0e}", str(each["types"]), each["method"],
            f"{seconds:.2f}" if seconds else f"> {each['limit']:.0f}",
            f"{seconds / engine:.0f}" if seconds and engine else "-", f"{seconds / own['call_s']:.0f}" if seconds else "-",
            each["status"], "-" if each.get("gap") is None else f"{each['gap']:.0e}",
        )  # fmt: skip
    return shown


def _place(each: dict[str, Any]) -> tuple[Any, ...]:
    return each["policy"], each["types"], each["jobs"]


def growth(records: list[dict[str, Any]]) -> Table:
    """Exponents b of  processor seconds ~ jobs^b  by least squares in logarithms, from 1e4 jobs, two sizes or more."""
    shown = Table(title="growth from 1e4 jobs: processor seconds ~ jobs ^ b")
    for column in ("policy", "types", "method", "sizes", "b"):
        shown.add_column(column, justify="right" if column in ("types", "sizes", "b") else "left")
    for (policy, types, method), (jobs, seconds) in lines_of(records).items():
        large = [(size, spent) for size, spent in zip(jobs, seconds, strict=True) if size >= LARGE]
        if len(large) > 1:
            slope = float(np.polyfit(*np.log(large).T, 1)[0])
            shown.add_row(policy, str(types), method, str(len(large)), f"{slope:.2f}")
    return shown


def lines_of(records: list[dict[str, Any]]) -> dict[tuple[str, int, str], tuple[list[int], list[float]]]:
    """Sizes and processor seconds by policy, types and method: ours to 1e-6, rivals that came to an end."""
    lines: dict[tuple[str, int, str], tuple[list[int], list[float]]] = {}
    for each in sorted(records, key=lambda record: int(record["jobs"])):
        own = [run["cpu_s"] for run in each.get("to_gap", {}).values() if run["gap"] is not None and run["gap"] <= 1e-6]
        seconds = min(own, default=each.get("call_cpu_s", each.get("call_s")))
        if seconds and each["status"] != "time_limit":
            jobs, found = lines.setdefault((each["policy"], each["types"], each["method"]), ([], []))
            jobs.append(each["jobs"])
            found.append(seconds)
    return lines


def plot(records: list[dict[str, Any]], path: Path) -> bool:
    """Processor seconds over jobs, both logarithmic, one panel a policy; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    names = list(dict.fromkeys(each["policy"] for each in records))
    across = min(3, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(3.6 * across, 3.2 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    shown: dict[str, Any] = {}
    for panel, name in zip(panels, names, strict=False):
        for (policy, types, method), (jobs, seconds) in lines_of(records).items():
            if policy != name:
                continue
            width = 2.0 if method == "fast" else 1.0
            [line] = panel.loglog(jobs, seconds, marker="o", ms=3 + width, lw=width, ls=STYLES.get(types, "-."),
                                  color=COLOURS[method])  # fmt: skip
            shown.setdefault(f"{method}, {types} types", line)
        panel.set_title(name, fontsize=10)
        panel.grid(color="#e3e7ec", lw=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    for at, panel in enumerate(panels[: len(names)]):
        if at + across >= len(names):
            panel.set_xlabel("jobs")
            panel.tick_params(labelbottom=True)
    figure.supylabel("processor seconds (fast: to a certified gap of 1e-6)", fontsize=10)
    order = sorted(shown, key=lambda text: (not text.startswith("fast"), text))
    figure.legend([shown[text] for text in order], order, loc="outside right upper", fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)
    return True


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", default=["1e3", "1e4", "1e5", "1e6"])
    parser.add_argument("--types", nargs="+", type=int, default=[4, 8, 16])
    parser.add_argument("--policies", nargs="+", choices=[*POLICIES], default=[*POLICIES])
    parser.add_argument("--rivals", nargs="*", choices=[*RIVALS, "all"], default=[])
    parser.add_argument("--load", type=float, help="instead of each policy's own")
    parser.add_argument("--kinds", type=int, help="draw all jobs from so many rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5, help="runs of ours, of which the fastest counts")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for each rival")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--show", type=Path, nargs="+", help="no runs: tables and plot of these records")
    parser.add_argument("--quick", action="store_true", help="1e3 and 1e4 jobs, 4 types, all rivals for 20 seconds")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.jobs, arguments.types, arguments.rivals = ["1e3", "1e4"], [4], ["all"]
        arguments.limit, arguments.repeat = 20.0, 3
    return arguments


def recorded(arguments: argparse.Namespace, path: Path) -> list[dict[str, Any]]:
    """Run everything that is asked for, a line in ``path`` as each ends."""
    from gavelopt.bench.machine import machine

    stamp = {"date": datetime.datetime.now(tz=datetime.UTC).replace(microsecond=0).isoformat(), "machine": machine()}
    records = []
    for case in track(cases(arguments), "solving", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        records.append({**in_a_process(case), **stamp})
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(records[-1]) + "\n")
    return records


def main() -> int:
    arguments, console = parsed(), Console(width=None if sys.stdout.isatty() else 130)
    if arguments.show:
        path = arguments.show[0]
        lines = [line for each in arguments.show for line in each.read_text(encoding="utf-8").splitlines()]
        records = [json.loads(line) for line in lines]
    else:
        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / f"scaling-{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d-%H%M}.jsonl"
        records = recorded(arguments, path)
    console.print(our_table(records))
    if any(each["method"] != "fast" for each in records):
        console.print(rival_table(records))
    console.print(growth(records))
    drawn = plot(records, path.with_suffix(".svg"))
    console.print(f"records in {path}" + (f", plot in {path.with_suffix('.svg').name}" if drawn else ""))
    return int(any(each["method"] == "fast" and each["status"] != "optimal" for each in records))


if __name__ == "__main__":
    sys.exit(main())
