"""What reports say of caches in front of the pages, from rows made by hand."""

from __future__ import annotations

from kvreplay.simulator.report import answers, html, plot, plots, summary
from kvreplay.simulator.report.workloads import about_pages, workloads

from .rows import row, save, stacked


def test_no_hits_stand_without_those_that_are_false():
    table = answers.table([stacked()])
    (line,) = table.rows
    assert line[:8] == [line[0], "35.00", "85.71", "10.00", "0.00", "20.00", "5.00", "80.00"]
    for at, name in enumerate(table.header):
        if name.endswith(": true"):
            assert table.header[at + 1] == "false"
    assert table.header[7] == "precision"
    assert answers.table([row()]) is None


def test_hits_that_nobody_can_judge_are_neither_true_nor_false():
    some = stacked(0.9, exact_hits=24, semantic_unjudged=6)
    none = row(stack="exact", asked=200, answered=20, exact_hits=20, exact_true_hits=0, exact_false_hits=0)
    table = answers.table([stacked(), some, none])
    at = table.header.index("unjudged")
    assert [line[at] for line in table.rows] == ["0.00", "5.00", "10.00"]  # % of 200: 0, 4 + 6, 20


def test_cells_that_differ_in_the_pages_alone_are_one_line():
    assert len(answers.table([stacked(), stacked(policy="fifo"), stacked(0.9)]).rows) == 2
    cold, warm = answers.table([stacked(), stacked(warmup=0.5)]).rows
    assert warm[0] == f"{cold[0]}, after a warm-up of 50 %"


def test_the_costs_of_the_guard_are_shown_where_it_ran():
    table = answers.table([stacked(semantic_guard_lost=4, semantic_guard_avoided=1)])
    at = table.header.index("guard: true lost")
    assert table.header[at + 1] == "false avoided"
    assert table.rows[0][at : at + 2] == ["2.00", "0.50"]
    assert "guard: true lost" not in answers.table([stacked()]).header


def test_the_best_stack_is_the_one_most_often_right_among_those_right_often_enough():
    rows = [stacked(0.7, 90, 20), stacked(0.8, 60, 4), stacked(0.9, 30, 0)]
    ((_, text),) = answers.answer(rows)
    assert "threshold=0.8 embedder=e" in text
    assert "answers 40.00 % of the requests rightly and 2.00 % wrongly: precision 95.24 %" in text
    assert "Of 3 stacks it has the most true hits at a precision of 95 % or more." in text
    ((_, text),) = answers.answer(rows[:1])
    assert text.endswith("It does not reach a precision of 95 %.")
    ((_, text),) = answers.answer([stacked(answered_precision=None)])
    assert "no answer could be judged" in text


def test_a_calibrated_threshold_is_told_with_what_it_is_sure_of():
    found = answers.table([stacked(0.75, semantic_precision_limit=0.9512), stacked()])
    assert found is not None
    column = found.header.index("threshold")
    assert [cells[column] for cells in found.rows] == ["0.75 (precision at least 95.12 %)", "0.80"]


def test_the_picture_has_a_panel_per_embedder(tmp_path):
    rows = [stacked(t, int(60 * t), 5, embedder) for t in (0.7, 0.8, 0.9) for embedder in ("a", "b")]
    # What found its threshold has no place on the axis of thresholds that were set.
    rows.append(
        stacked(0.75, embedder="a", semantic_rule="calibrated", stack="semantic threshold=calibrated embedder=a")
    )
    rows.append(stacked(embedder="a", semantic_rule="learned", semantic_threshold=None, stack="semantic learned"))
    panels = plots.panels("answers", workloads(save(tmp_path, rows).rows), "hit_ratio")
    assert [panel.title for panel in panels] == ["a", "b"]
    assert plots.panels("answers", workloads(save(tmp_path, [stacked()]).rows), "hit_ratio") == []


def test_stacks_that_say_nothing_of_pages_are_no_workloads(tmp_path):
    alone, compared = [stacked(0.7), stacked(0.8)], [stacked(0.9), stacked(0.9, policy="fifo")]
    found = workloads(save(tmp_path, [*alone, *compared, row()]).rows)
    assert len(found) == 4
    assert [w.rows[0]["semantic_threshold"] for w in about_pages(found)] == [0.9, None]
    results = save(tmp_path, alone)
    for page in (html.page(results), summary.page(results)):
        assert "page hit ratio in %" not in page
        assert "Answered in front of the pages" in page
    assert [w.name for w in found] == [f"web behind exact > semantic threshold={t}" for t in (0.7, 0.8, 0.9)] + ["web"]
    with_pages = html.page(save(tmp_path, [*compared, row()]))
    assert with_pages.count("page hit ratio in %") == 2


def test_a_threshold_that_moves_is_a_point_beside_the_line_of_set_ones(tmp_path):
    moving = {"semantic_rule": "moving:hits=0.5:start=0.85", "semantic_threshold": 0.71}
    moving["stack"] = "exact capacity=5 > semantic threshold=0.85 embedder=e policy=lru hits=0.5"
    rows = [stacked(0.8, 40, 10), stacked(0.7, 60, 40), stacked(true=50, false=2, **moving)]
    (axes,) = plot(save(tmp_path, rows), "false-hits").axes
    drawn = [line.get_xydata().tolist() for line in axes.lines]
    assert [[0.2, 0.3], [0.05, 0.2]] in drawn
    assert [[0.01, 0.25]] in drawn
    assert {text.get_text() for text in axes.texts} == {"set thresholds", "hits=0.5"}
