"""What the numbers say, in words: the best policy per workload and size, and whether it is better than LRU for sure."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from kvreplay.policies import find as find_policy
from kvreplay.policies import names
from kvreplay.simulator.headroom import BASELINE

from . import numbers
from .comparison import BETTER, IDENTICAL, NOISE, Difference, difference
from .workloads import METRICS, Workload, policies


class Finding(NamedTuple):
    """The best online policy of one workload at one capacity."""

    workload: Workload
    capacity: int
    share: float
    policy: str
    value: float
    others: int  # online policies that also ran
    as_good: list[str]  # those of them whose difference to the best is identical or within noise
    over_baseline: Difference | None  # None where the best is LRU, or LRU did not run
    closed: float | None  # share of the way from LRU to the offline optimum; None without either, or without a gap

    @property
    def where(self) -> str:
        return f"{numbers.size(self.capacity, self.workload.unit)} ({numbers.share(self.share)} of the footprint)"


def is_online(policy: str) -> bool:
    """Whether `policy` could run in a server: those that need the future could not."""
    return policy.partition(":")[0] not in _offline()


@functools.cache
def _offline() -> frozenset[str]:
    return frozenset(name for name in names() if "future" in find_policy(name).needs)


def find(workload: Workload, metric: str) -> list[Finding]:
    """One finding per capacity at which an online policy has a value of `metric`."""
    found = []
    for capacity, share in workload.capacities:
        online = {name: value for name, value in workload.at(metric, capacity).items() if is_online(name)}
        if not online:
            continue
        # Among equals LRU: whoever runs it already need not change.
        best = max(online, key=lambda name: (online[name], name == BASELINE))
        versus = {
            name: difference(workload.cells(name, capacity), workload.cells(best, capacity), metric)
            for name in online
            if name != best
        }
        as_good = [name for name, d in versus.items() if d is not None and d.verdict in (NOISE, IDENTICAL)]
        closed = workload.way(metric, capacity).get(best)
        found.append(
            Finding(workload, capacity, share, best, online[best], len(versus), as_good, versus.get(BASELINE), closed)
        )
    return found


def answer(workloads: Sequence[Workload], metric: str) -> list[tuple[str, str]]:
    """The findings in words, as (of what, text): one over all of them, then one per workload.

    What became of capacities that moved is told by `sizes.answer`.
    """
    found = {workload.title: find(workload, metric) for workload in workloads}
    everything = [finding for findings in found.values() for finding in findings]
    if not everything and any(workload.resized for workload in workloads):
        return []
    if not everything:
        return [("Nothing to compare", f"no online policy has a {METRICS[metric]}.")]
    words = [(title, _of_workload(findings, metric)) for title, findings in found.items() if findings]
    return [("In all", _overall(everything, metric)), *words] if len(everything) > 1 else words


def _overall(everything: list[Finding], metric: str) -> str:
    good = Counter(name for finding in everything for name in (finding.policy, *finding.as_good))
    top = max(good.values())
    names = [name for name in good if good[name] == top]
    ran = policies(finding.workload for finding in everything)
    workloads = len({finding.workload.title for finding in everything})
    cases = "sizes" if workloads == 1 else f"cases ({workloads} workloads, each at its sizes)"
    text = f"{numbers.listed(names)} {'has' if len(names) == 1 else 'have'} the highest {METRICS[metric]}, or one "
    text += f"within its noise, in {top} of {len(everything)} {cases}"
    if BASELINE in ran and BASELINE not in names:
        text += f"; {BASELINE} in {good[BASELINE]}"
    return text + "."


def _of_workload(findings: list[Finding], metric: str) -> str:
    middle = findings[len(findings) // 2]
    value = numbers.percent(middle.value)
    if len(middle.as_good) == middle.others > 0:
        text = f"with {middle.where}, all {middle.others + 1} online policies have the same {METRICS[metric]}, "
        text += f"{value}, but for noise."
    else:
        text = f"with {middle.where}, {middle.policy} has the highest {METRICS[metric]}, {value}{_gain(middle)}."
        if middle.as_good:
            text += f" Within its noise: {numbers.listed(middle.as_good)}."
    if len(findings) == 1 or BASELINE not in policies([middle.workload]):
        return text
    wins = [(f.over_baseline.difference, f) for f in findings if f.over_baseline and f.over_baseline.verdict == BETTER]
    if not wins:
        return f"{text} At no size is a policy better than {BASELINE} beyond the noise."
    _, most = max(wins, key=lambda win: win[0])
    text += f" {BASELINE} is beaten beyond the noise at {len(wins)} of {len(findings)} sizes"
    if most is not middle:
        text += f", most with {most.where}: {most.policy} has {numbers.percent(most.value)}{_gain(most)}"
    return f"{text}."


def _gain(finding: Finding) -> str:
    gain = finding.over_baseline
    if gain is None:
        return ""
    if gain.verdict == IDENTICAL:
        return f", the same as {BASELINE}"
    text = f", {100 * gain.difference:.2f} points more than {BASELINE}"
    if gain.half_width is None:
        return f"{text} (no confidence interval)"
    text += f" ({interval(gain)})"
    if gain.verdict != BETTER:
        return f"{text}: not a difference to rely on"
    if finding.closed is not None:
        text += f", {numbers.percent(finding.closed, 0)} of the way from {BASELINE} to the offline optimum"
    return text


def interval(gain: Difference) -> str:
    """'95 % interval +0.51 to +1.33', in percentage points."""
    half = gain.half_width or 0.0
    return f"95 % interval {numbers.points(gain.difference - half)} to {numbers.points(gain.difference + half)}"
