"""Plots: the same bytes each time, and every label readable whatever the rows."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from kvreplay.simulator.report import ReportError, plot, write_plots
from kvreplay.simulator.report.figure import spread, to_png, to_svg
from kvreplay.simulator.report.plots import FIGURES
from kvreplay.simulator.report.style import looks

from .rows import divided, grid, resized, row, save, served, shared, stacks

MANY = ["belady", "lru", "fifo", "lfu", "sieve", "s3-fifo", "random", "adaptive", "w-tinylfu", "w-tinylfu-80-20"]
MANY += [
    "./mine.py",
    "w-tinylfu:window=0.1",
    "w-tinylfu:window=0.01",
    "lfu:decay=0.5",
    "a:very=long:list=of:parameters=1",
]


def texts(figure: Figure):
    """(text, bounding box in pixels) of everything written in the figure."""
    figure.draw_without_rendering()
    found = []
    for axes in figure.axes:
        for axis in [axes.xaxis, axes.yaxis, *(other.xaxis for other in axes.child_axes)]:
            low, high = sorted(axis.get_view_interval())
            # Matplotlib keeps ticks beyond the axes, and does not draw them.
            found += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
            found += [
                tick.label2
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label2.get_visible()
            ]
            found.append(axis.label)
        found += axes.texts
    found += figure.texts
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("policies", [MANY[:1], MANY[:4], MANY])
def test_no_text_is_cut_off_or_covers_another(tmp_path, kind, policies):
    rows = grid(policies) + grid(policies, trace="a_trace_with_quite_a_long_name_2024", reading="prefix")
    rows += grid(policies, (5000,), trace="single", footprint=20000, peak_bytes=2**33) + resized(policies)
    rows += stacks(policies) + served(policies) + shared(policies)
    figure = plot(save(tmp_path, rows), kind)
    written = texts(figure)
    assert len(written) >= 8
    for text, box in written:
        assert figure.bbox.x0 <= box.x0, text
        assert box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0, text
        assert box.y1 <= figure.bbox.y1, text
    for (text, box), (other, neighbour) in itertools.combinations(written, 2):
        across = min(box.x1, neighbour.x1) - max(box.x0, neighbour.x0)
        along = min(box.y1, neighbour.y1) - max(box.y0, neighbour.y0)
        # Boxes include the room for descenders, which may touch.
        assert across <= 1 or along <= 4, (text, other)


@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind not in ("size", "places")])
def test_every_policy_is_named_in_every_panel(tmp_path, kind):
    rows = grid(MANY[:6]) + grid(MANY[:6], trace="logs") + stacks(MANY[:6])
    rows += [] if kind in ("capacity", "time", "memory", "heat-map") else served(MANY[:6])
    rows += shared(MANY[:6]) if kind == "replicas" else []
    figure = plot(save(tmp_path, rows), kind)
    written = [text for text, _ in texts(figure)]
    times = {"heat-map": 1, "latency": 3, "ttft": 1, "replicas": 1}.get(kind, 2)
    # The heat map is relative to these two.
    names = [name for name in MANY[:6] if kind != "heat-map" or name not in ("lru", "belady")]
    assert [written.count(name) for name in names] == [times] * len(names)


def test_curves_show_the_rows(tmp_path):
    rows = [
        row("lru", [20, 40], capacity=100),
        row("lru", [60, 80], capacity=200),
        row("belady", [90, 90], capacity=100),
    ]
    (axes,) = plot(save(tmp_path, rows)).axes
    drawn = [line.get_xydata().tolist() for line in axes.lines]
    assert [[100, 0.3], [200, 0.7]] in drawn
    assert [[100, 0.9]] in drawn
    assert any(np.allclose(xy, [[0, -4], [1, -4]]) for xy in drawn), "the infinite cache: 1 - 1000 / 200"
    assert axes.get_xscale() == "log"


def test_a_band_shows_the_range_over_seeds(tmp_path):
    rows = [row("random", [30 + 5 * seed + c // 100], capacity=c, seed=seed) for c in (100, 200) for seed in (0, 1)]
    (axes,) = plot(save(tmp_path, rows)).axes
    (band,) = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    assert (low, high) == (pytest.approx(0.31), pytest.approx(0.37))


def test_headroom_is_shaded_only_where_the_optimum_is_known(tmp_path):
    policies = ("belady", "lru")
    assert len(plot(save(tmp_path / "a", grid(policies))).axes[0].collections) == 1
    assert len(plot(save(tmp_path / "b", grid(policies, capacity_unit="bytes"))).axes[0].collections) == 0
    assert len(plot(save(tmp_path / "c", grid(["lru", "belady"]))).axes[0].collections) == 0, "lru got more"


def test_leaders_of_curves_that_end_at_one_height_do_not_cross(tmp_path):
    (axes,) = plot(save(tmp_path, [row("lru", [20]), row("sieve", [60]), row("fifo", [40])]), "memory").axes
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["lru"] > heights["fifo"] > heights["sieve"]


def test_heat_map_shows_the_share_of_the_way(tmp_path):
    rows = [
        row(policy, [hits], capacity=capacity)
        for policy, ratios in {"lru": (10, 50), "sieve": (20, 56), "belady": (40, 60), "fifo": (9, 39)}.items()
        for capacity, hits in zip((100, 200), ratios, strict=True)
    ]
    rows_of_another = [r | {"trace": "logs", "trace_hash": "e"} for r in rows]
    written = [text for text, _ in texts(plot(save(tmp_path, rows + rows_of_another), "heat-map"))]
    # sieve (10 + 6) / (30 + 10), fifo (-1 - 11) / 40, on either trace.
    assert written.count("40 %") == 2
    assert written.count("-30 %") == 2


def test_capacities_that_move_are_drawn_below_the_hit_ratio(tmp_path):
    above, below = plot(save(tmp_path, [row("lru", [20, 40, 60]), *resized()]), "size").axes
    drawn = [line.get_xydata().tolist() for line in above.lines]
    assert any(np.allclose(xy, [[100 / 6, 0.4], [50, 0.5], [500 / 6, 0.6]]) for xy in drawn if len(xy) == 3)
    steps = [line.get_ydata().tolist() for line in below.lines]
    assert [100, 150, 200] in steps
    assert [100, 60, 50] in steps
    assert [100, 100, 100] in steps, "the fixed one"


def test_a_division_that_changes_has_a_line_for_each_tenant(tmp_path):
    told = {"tenant 0": {"accesses": [50] * 3, "hits": [40, 30, 20], "capacity": [50, 60, 70]}}
    told["tenant 1"] = {"accesses": [50] * 3, "hits": [5, 10, 15], "capacity": [50, 40, 30]}
    changes = {"sizing": "marginal-shares", "parts": json.dumps(told), "resizes": 4}
    still = row("lru", [9, 9, 9], **changes | {"sizing": "shares", "resizes": 0})
    above, below = plot(save(tmp_path, [row("lru", [45, 40, 35], **changes), still]), "size").axes
    assert [text.get_text() for text in above.texts] == ["tenant 1", "tenant 0"]
    assert any(np.allclose(line.get_ydata(), [0.8, 0.6, 0.4]) for line in above.lines if len(line.get_ydata()) == 3)
    assert [50, 40, 30] in [line.get_ydata().tolist() for line in below.lines]


def test_tiers_of_a_budget_are_told_by_the_tokens_that_they_spare(tmp_path):
    above, below = plot(save(tmp_path, divided()), "size").axes
    assert above.get_ylabel() == "tokens spared"
    assert sorted(text.get_text() for text in above.texts) == ["exact", "pages"]
    assert any(np.allclose(line.get_ydata(), [0.5, 0.2, 0.1]) for line in above.lines if len(line.get_ydata()) == 3)
    assert [1536, 1536, 2304] in [line.get_ydata().tolist() for line in below.lines]


def test_bars_are_as_long_as_shares_of_tokens(tmp_path):
    (axes,) = plot(save(tmp_path, shared(["lru"])), "places").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["replicas 1", "replicas 2"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["hit", "host", "peer"]
    spans = [(bar.get_x(), bar.get_width()) for own in axes.containers for bar in own]
    assert np.allclose(spans, [(0, 0.3)] * 2 + [(0.3, 0.15)] * 2 + [(0.45, 0.1)] * 2)


def test_gains_are_those_over_the_fewest_replicas(tmp_path):
    (axes,) = plot(save(tmp_path, shared(["lru", "arc"])), "replicas").axes
    drawn = [line.get_xydata().tolist() for line in axes.lines]
    assert [[1, 1], [2, 2]] in drawn
    assert any(np.allclose(xy, [[1, 1], [2, 201 / 101]]) for xy in drawn if len(xy) == 2)


@pytest.mark.parametrize("kind", FIGURES)
def test_same_rows_same_bytes(tmp_path, kind):
    results = save(tmp_path, grid(MANY[:5]) + resized() + stacks(MANY[:5]) + served(MANY[:5]) + shared(MANY[:5]))
    assert to_svg(plot(results, kind)) == to_svg(plot(results, kind))
    assert to_png(plot(results, kind)) == to_png(plot(results, kind))


def test_svg_keeps_text_as_text_and_no_date(tmp_path):
    svg = to_svg(plot(save(tmp_path, grid(["lru", "<b>&$x_1$</b>"]))))
    root = ET.fromstring(svg)
    written = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "lru" in written
    assert "<b>&$x_1$</b>" in written
    assert "dc:date" not in svg


def test_names_are_no_formulas(tmp_path):
    for kind in FIGURES:
        rows = grid(["a$b^$", "$\\frac"], trace="$\\sum") + resized(["$x_1$"], trace="$\\sum") + stacks(["$x_1$", "$"])
        rows += served(["$x_1$", "$"], trace="$\\sum") + shared(["$x_1$", "$"], trace="$s")
        to_png(plot(save(tmp_path, rows), kind))


def test_plots_of_one_trace_and_metric(tmp_path):
    results = save(tmp_path, grid(["lru", "fifo"]) + grid(["lru", "fifo"], trace="logs"))
    assert len(plot(results, trace="logs").axes) == 1
    assert plot(results, metric="requests_hit_ratio").axes[0].get_ylabel() == "share of requests fully hit"
    for arguments, message in (
        ({"kind": "capacty"}, "figure 'capacty' is unknown, did you mean 'capacity'"),
        ({"metric": "ratio"}, "metric 'ratio' is unknown"),
        ({"trace": "log"}, "did you mean 'logs'"),
        ({"metric": "byte_hit_ratio"}, "no row has a byte hit ratio"),
    ):
        with pytest.raises(ReportError, match=message):
            plot(results, **arguments)


def test_write_plots_names_the_metric_and_leaves_nothing_half_written(tmp_path):
    results = save(tmp_path, grid(["lru", "fifo"]))
    written = write_plots(results, tmp_path / "plots", "prefix_hit_ratio")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(path.name for path in written)
    assert {"capacity-prefix_hit_ratio.svg", "time.svg"} < {path.name for path in written}


def test_looks_are_fixed_and_told_apart():
    many = [f"mine:x={i}" for i in range(40)] + MANY
    chosen = looks(many)
    assert len(set(chosen.values())) == len(set(many))
    assert looks(["lru"])["lru"] == chosen["lru"]
    assert looks(reversed(many)) == chosen


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15), st.floats(0, 0.0714))
def test_spread_keeps_order_gap_and_bounds(wanted, gap):
    placed = spread(sorted(wanted), gap)
    assert all(later - earlier >= gap - 1e-9 for earlier, later in itertools.pairwise(placed))
    assert placed[0] >= -1e-9
    assert placed[-1] <= 1 + 1e-9


@given(st.lists(st.integers(0, 20), min_size=2, max_size=4))
def test_spread_is_the_nearest_such_placement(wanted):
    wanted = sorted(value / 20 for value in wanted)
    placed = spread(wanted, 0.25)

    def distance(places):
        return sum((a - b) ** 2 for a, b in zip(places, wanted, strict=True))

    steps = [i / 20 for i in range(21)]
    others = (
        places
        for places in itertools.combinations(steps, len(wanted))
        if all(b - a >= 0.25 for a, b in itertools.pairwise(places))
    )
    assert distance(placed) <= min(map(distance, others)) + 1e-9


def test_heat_map_breaks_names_between_words(tmp_path):
    rows = [row(policy, trace=trace) for trace in ("drifting popularity", "other") for policy in ("lru", "fifo")]
    assert "drifting\npopularity" in [text for text, _ in texts(plot(save(tmp_path, rows), "heat-map"))]
