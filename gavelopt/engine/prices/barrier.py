"""The interior-point method on the market's structure: slower than prices per job, but no tie and no single job stalls it.

    maximise  F  over x, e, f >= 0:  sum_j x_ij + e_i = 1,  sum_i v_ij x_ij + f_j = 1,  y_i = sum_j A_ij x_ij,  v_ij = s_i / C_j

F is sum_i y_i, sum_i w_i phi(y_i + o_i), or t with y_i - g_i = n_i(t), g >= 0 (n_i(t) the throughput needed at level t). With
multipliers z of x, q of time, P of capacity and lam_i, the worth of throughput (1; w_i phi'; the multiplier of g_i), it is
Newton's method on

    z_ij = q_i + v_ij P_j - lam_i A_ij,     x z = q e = P f = lam g = mu -> 0,     sum_i lam_i n_i'(t) = 1

With  d lam = -H dy + kappa + eta dt  each job leaves two equations in (dy_i, dq_i), and these leave R (+ 1) equations in
(dP, dt): an iteration is linear in the number of jobs. Steps are predicted with mu = 0 and corrected (Mehrotra 1992).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

import numpy as np

from gavelopt.engine.prices.market import Market
from gavelopt.engine.prices.outcome import Outcome, proof_at, sum_of_utilities
from gavelopt.engine.prices.plan import Plan
from gavelopt.model.arrays import FloatArray

ITERATIONS = 100
LAGGING = 10.0
ROUNDING = 1e-6  # below this miss a sudden rise means that rounding has taken over
SHRINK = 0.7  # a throughput falls at most by this part in one step where its worth bends
KEPT = 0.1  # of a slack that rounding has eaten
INSIDE = 0.99  # part of the way to the boundary that a step may take


@dataclass(frozen=True, eq=False)
class Interior:
    """x (K, R) shares, price (R,) per accelerator, level, number of iterations."""

    x: FloatArray
    price: FloatArray
    level: float
    iterations: int


@dataclass(frozen=True, eq=False)
class _Vars:
    """All variables, or a step in all of them: x, z (n, R); q, e, lam, g (n,); P, f (R,); t."""

    x: FloatArray
    e: FloatArray
    f: FloatArray
    g: FloatArray
    t: float
    z: FloatArray
    q: FloatArray
    P: FloatArray
    lam: FloatArray

    PRIMAL = ("x", "e", "f", "g", "t")
    PAIRS = (("x", "z"), ("e", "q"), ("f", "P"), ("g", "lam"))


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # where rounding takes over, the search ends
def interior(market: Market, tolerance: float = 1e-11, deadline: float = np.inf) -> Interior:
    """Solve the market until complementarity is ``tolerance`` of the worth of its capacity, or no step helps."""
    frame = _Frame(market)
    now = best = frame.start()
    least, count = np.inf, 0
    while count < ITERATIONS and time.perf_counter() < deadline:
        count += 1
        mu = frame.mu(now)
        system = _System(frame, now)
        worth = float(now.P.sum()) + float(now.q.sum())
        miss = (mu * frame.pairs + system.residual()) / worth
        if not np.isfinite(miss) or (least < ROUNDING and miss > 100.0 * least):
            break
        if miss < least:
            least, best = miss, now
        if miss <= tolerance:
            break
        missed = system.residual() / frame.pairs
        if missed > LAGGING * mu:  # complementarity has run ahead of the equations: let it wait for them
            now = frame.moved(now, system.step(min(missed, LAGGING * mu), None), INSIDE)
            continue
        ahead = system.step(0.0, None)
        after = frame.mu(frame.moved(now, ahead, 1.0))
        trusted = min(frame.lengths(now, ahead, 1.0)) ** 2
        now = frame.moved(now, system.step(mu * min(1.0, max(after, 0.0) / mu) ** 3, ahead, trusted), INSIDE)
    x = np.zeros((market.jobs, market.types))
    x[frame.live] = np.where(frame.A > 0, best.x, 0.0)
    return Interior(x, best.P / market.capacity, best.t * frame.unit, count)


def outcome_of(market: Market, found: Interior) -> Outcome:
    """The interior point of a market with hulls as a plan, made feasible to the last bit, and the proof at its prices."""
    x = found.x / np.maximum(found.x.sum(axis=1, keepdims=True), 1.0)
    cut = np.maximum(market.use @ x / market.capacity, 1.0)
    reach = (market.table * market.gain[:, None] * x / cut).sum(axis=1)
    proof, everyone = proof_at(market, found.price, found.level)
    rows = np.arange(market.jobs)
    plan = Plan(everyone.a, everyone.b, everyone.share, rows, x, cut)
    return Outcome(plan, sum_of_utilities(market, rows, reach), proof, found.iterations, market.jobs)


class _Frame:
    """The market's live jobs in units of their own, and what the three kinds of F have different."""

    def __init__(self, market: Market) -> None:
        live = np.flatnonzero(market.gain > 0)
        self.power, self.live = market.power, live
        A = market.table[live] * market.gain[live, None]
        self.unit = float(np.exp(np.log(A.max(axis=1)).mean())) if market.power == -np.inf and len(live) else 1.0
        self.A = A / self.unit
        self.v = market.use[live, None] / market.capacity[None, :]
        self.w = market.weight[live] if len(market.weight) else np.ones(len(live))
        self.o = market.offset[live] / self.unit if len(market.offset) else np.zeros(len(live))
        self.b = market.bend[live] * self.unit if len(market.bend) else np.zeros(len(live))
        self.level = market.power == -np.inf
        self.shrink = min(SHRINK, 1.5 / (1.0 - self.power)) if self.power < 1.0 else SHRINK
        self.pairs = self.A.size + len(live) + market.types + (len(live) if self.level else 0)

    def need(self, t: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """n(t), n'(t), n''(t)."""
        rest = 1.0 - self.b * t
        first = (1.0 - self.b * self.o) / rest**2
        return (t - self.o) / rest, first, 2.0 * self.b * first / rest

    def worth(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """lam(y) and H(y) = -dlam/dy where they are functions of y."""
        if self.power == 1.0:
            return np.ones(len(y)), np.zeros(len(y))
        lam = self.w * (y + self.o) ** (self.power - 1.0)
        return lam, (1.0 - self.power) * lam / (y + self.o)

    def start(self) -> _Vars:
        """A point with all constraints kept and room on every side."""
        share = np.minimum(1.0 / (self.A.shape[1] + 1.0), 0.5 / np.maximum(self.v.sum(axis=0), 1e-300))
        x = np.broadcast_to(share, self.A.shape).copy()
        y = (self.A * x).sum(axis=1)
        t, g = 0.0, np.zeros(len(y))
        if self.level:
            t = 0.5 * float(((y + self.o) / (1.0 + self.b * y)).min())
            need, slope, _ = self.need(t)
            g = y - need
            lam = (1.0 / g) / float((slope / g).sum())
        else:
            lam, _ = self.worth(y)
        paid = lam[:, None] * self.A
        P = (paid * x).sum(axis=0) / np.maximum((self.v * x).sum(axis=0), 1e-300)
        best = (paid - self.v * P).max(axis=1)
        q = np.maximum(best, 0.0) + 0.1 * paid.max(axis=1)
        return _Vars(
            x, 1.0 - x.sum(axis=1), 1.0 - (self.v * x).sum(axis=0), g, t, q[:, None] + self.v * P - paid, q, P, lam
        )

    def mu(self, now: _Vars) -> float:
        return float(sum((getattr(now, a) * getattr(now, b)).sum() for a, b in _Vars.PAIRS)) / self.pairs

    def lengths(self, now: _Vars, step: _Vars, inside: float) -> tuple[float, float]:
        """How far x and the prices may go along ``step`` before something reaches 0; one length where F bends."""
        pairs = _Vars.PAIRS if self.level else _Vars.PAIRS[:3]
        primal, dual = (min([1.0, *(inside * _room(now, step, pair[side]) for pair in pairs)]) for side in (0, 1))
        if self.level or self.power == 1.0:
            return primal, dual
        y, dy = (self.A * now.x).sum(axis=1), (self.A * step.x).sum(axis=1)
        both = min(primal, dual, float(np.min(-self.shrink * y[dy < 0] / dy[dy < 0], initial=1.0)))
        return both, both

    def moved(self, now: _Vars, step: _Vars, inside: float) -> _Vars:
        """``now`` after as much of ``step`` as keeps everything positive, its slacks recomputed from x."""
        primal, dual = self.lengths(now, step, inside)
        new = {
            each.name: getattr(now, each.name)
            + (primal if each.name in _Vars.PRIMAL else dual) * getattr(step, each.name)
            for each in fields(_Vars)
        }
        x = new["x"]
        y = (self.A * x).sum(axis=1)
        new["e"] = np.maximum(1.0 - x.sum(axis=1), KEPT * new["e"])
        new["f"] = np.maximum(1.0 - (self.v * x).sum(axis=0), KEPT * new["f"])
        if self.level:
            new["g"] = np.maximum(y - self.need(new["t"])[0], KEPT * new["g"])
        else:
            new["lam"] = self.worth(y)[0]
        return _Vars(**new)


def _room(now: _Vars, step: _Vars, name: str) -> float:
    """The largest part of the step that keeps this variable >= 0."""
    at, by = getattr(now, name), getattr(step, name)
    falls = by < 0
    return float(np.min(-at[falls] / by[falls], initial=np.inf))


class _System:
    """The Newton equations at one point, reduced to (dP, dt); both steps of an iteration use them."""

    def __init__(self, frame: _Frame, now: _Vars) -> None:
        self.frame, self.now = frame, now
        A, v = frame.A, frame.v
        y = (A * now.x).sum(axis=1)
        self.theta = now.x / now.z
        self.B = v * self.theta
        self.sum = self.theta.sum(axis=1)
        self.mean = (self.theta * A).sum(axis=1) / self.sum
        self.off = A - self.mean[:, None]
        self.spare = now.e / now.q
        if frame.level:
            need, self.slope, curve = frame.need(now.t)
            self.short, self.H = need + now.g - y, now.lam / now.g
            self.bent = float(now.lam @ curve)
        else:
            self.slope, self.short, self.H, self.bent = np.zeros(len(y)), np.zeros(len(y)), frame.worth(y)[1], 0.0
        self.eta = self.H * self.slope
        self.stiff = 1.0 + self.H * (self.theta * self.off**2).sum(axis=1)
        self.det = self.stiff * (self.sum + self.spare) + self.mean**2 * self.H * self.sum * self.spare
        self.AB = A * self.B
        self.Y, self.Q = self._pair(-self.off * self.B, -self.B)
        spread = (self.theta * self.off * A).sum(axis=1)
        self.y_t, self.q_t = self._pair((spread * self.eta)[:, None], (self.sum * self.mean * self.eta)[:, None])
        self.dual_gap = now.z - (now.q[:, None] + v * now.P - now.lam[:, None] * A)
        self.idle_gap = 1.0 - now.x.sum(axis=1) - now.e
        self.free_gap = 1.0 - (v * now.x).sum(axis=0) - now.f
        self.matrix = self._matrix()

    def _pair(self, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(dy, dq) of every job. ``second`` is its time equation, ``first`` its throughput equation less mean A times it:

            stiff dy - mean spare dq = first,     sum mean H dy + (sum + spare) dq = second

        so that nothing large is subtracted from something large, however near a tie the job is.
        """
        mean, spare, total, det = (a[:, None] for a in (self.mean, self.spare, self.sum, self.det))
        dy = ((total + spare) * first + mean * spare * second) / det
        dq = (self.stiff[:, None] * second - total * mean * self.H[:, None] * first) / det
        return dy, dq

    def _matrix(self) -> FloatArray:
        now, H = self.now, self.H[:, None]
        types = len(now.P)
        matrix = np.zeros((types + 1, types + 1))
        matrix[:types, :types] = self.B.T @ self.Q + self.AB.T @ (H * self.Y)
        matrix[np.arange(types), np.arange(types)] += (self.B * self.frame.v).sum(axis=0) + now.f / now.P
        if not self.frame.level:
            matrix[types, types] = 1.0
            return matrix
        inner = self.AB.T @ (H * self.y_t - self.eta[:, None]) + self.B.T @ self.q_t
        matrix[:types, types] = inner[:, 0]
        matrix[types, :types] = -(self.slope * self.H) @ self.Y
        matrix[types, types] = float(self.slope @ (self.eta - self.H * self.y_t[:, 0])) + self.bent
        return matrix

    def residual(self) -> float:
        """What the equations miss, in units of worth."""
        now = self.now
        missed = float((np.abs(self.dual_gap) * now.x).sum()) + float(np.abs(self.idle_gap) @ now.q)
        return missed + float(np.abs(self.free_gap) @ now.P) + float(np.abs(self.short) @ now.lam)

    def step(self, mu: float, ahead: _Vars | None, trusted: float = 1.0) -> _Vars:
        """The Newton step to complementarity ``mu``, with the part ``trusted`` of the second-order terms of ``ahead``."""
        frame, now = self.frame, self.now
        A, v, types = frame.A, frame.v, len(now.P)
        bend = {a: 0.0 if ahead is None else trusted * getattr(ahead, a) * getattr(ahead, b) for a, b in _Vars.PAIRS}
        kappa = np.zeros(len(now.q))
        if frame.level:
            kappa = self.H * ((mu - bend["g"]) / now.lam - now.g + self.short)
        r = (mu - bend["x"]) / now.z - now.x + self.theta * (self.dual_gap + A * kappa[:, None])
        late = (mu - bend["e"]) / now.q - now.e
        rest = late - self.idle_gap
        y0, q0 = self._pair(((self.off * r).sum(axis=1) - self.mean * rest)[:, None], (r.sum(axis=1) + rest)[:, None])
        right = np.zeros(types + 1)
        right[:types] = (v * r).sum(axis=0) - self.B.T @ q0[:, 0] - self.AB.T @ (self.H * y0[:, 0])
        right[:types] += (mu - bend["f"]) / now.P - now.f - self.free_gap
        if frame.level:
            right[types] = 1.0 - float(now.lam @ self.slope) - float(self.slope @ (kappa - self.H * y0[:, 0]))
        scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(self.matrix)), 1e-300))
        whole = self.matrix * np.outer(scale, scale)
        whole[np.diag_indices(types + 1)] += 1e-15
        solved = (
            scale * np.linalg.solve(whole, scale * right) if np.isfinite(whole).all() else np.full(types + 1, np.nan)
        )
        dP, dt = solved[:types], float(solved[types]) if frame.level else 0.0
        dy = y0[:, 0] + self.Y @ dP + self.y_t[:, 0] * dt
        dq = q0[:, 0] + self.Q @ dP + self.q_t[:, 0] * dt
        dlam = -self.H * dy + kappa + self.eta * dt
        dz = dq[:, None] + v * dP - A * dlam[:, None] - self.dual_gap
        dx = (mu - bend["x"]) / now.z - now.x - self.theta * dz
        de = late - (now.e / now.q) * dq
        df = (mu - bend["f"]) / now.P - now.f - (now.f / now.P) * dP
        dg = dy - self.slope * dt - self.short if frame.level else np.zeros(len(dq))
        return _Vars(dx, de, df, dg, dt, dz, dq, dP, dlam)
