"""The explorer of report.html: its data against the rows, and the page in a browser."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.experiment import make_plan, open_results, run
from kvreplay.simulator.report import explorer, html
from kvreplay.simulator.report.workloads import workloads

from .rows import divided, grid, resized, row, save, served, stacked

HOSTILE = "</script><script>window.hurt=1</script>\"'><img src=x onerror=window.hurt=1>&amp;"


def named(*traces):
    """What `run` records of the traces of hand-made rows."""
    return [{"name": name, "content_hash": "c0ffee" * 5, "spec": {"generate": "zipf", "as": name}} for name in traces]


def data_of(results):
    return explorer.data(results, workloads(results.rows), "hit_ratio")


def embedded(page):
    """The data within a page, as a browser would read it."""
    (text,) = re.findall(r'<script type="application/json" id="explorer-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def value(column, cell):
    return column["of"][column["at"][cell]]


def test_points_are_means_over_seeds_with_their_cells_and_bounds(tmp_path):
    rows = [row("random", [20 + 10 * seed], capacity=c, seed=seed) for c in (100, 200) for seed in (0, 1)]
    rows += [row("lru", [30], capacity=200), row("belady", [70], capacity=200)]
    data = data_of(save(tmp_path, rows))
    (subject,) = data["subjects"]
    assert [size[:2] for size in subject["sizes"]] == [[100, "100 pages"], [200, "200 pages"]]
    random, lru, belady = subject["lines"]
    assert (random["name"], random["at"], random["cells"]) == ("random", [0, 1], [[0, 1], [2, 3]])
    assert (lru["at"], lru["online"], belady["online"]) == ([1], True, False)
    metric = subject["metrics"]["hit_ratio"]
    assert metric["values"] == [[[0.25, 0.2, 0.3], [0.25, 0.2, 0.3]], [[0.3]], [[0.7]]]
    assert metric["optimum"] == [[200, 0.7]]
    # (0.25 - 0.3) / (0.7 - 0.3) of the way from lru to the optimum.
    assert metric["ways"] == [[None, -0.125], [0.0], [1.0]]
    assert metric["infinite"] == 1 - 1000 / 100
    assert [value(data["cells"]["hits"], cell) for cell in range(6)] == [20, 30, 20, 30, 30, 70]
    assert not {"token_hit_ratio", "series_hits", "parts"} & data["cells"].keys()


def test_a_capacity_that_moves_is_a_point_at_its_mean(tmp_path):
    (subject,) = data_of(save(tmp_path, [row(), *resized()]))["subjects"]
    assert [line["name"] for line in subject["lines"][1:]] == [
        "lru sized by hit-ratio",
        "lru sized by hit-ratio:high=0.9:low=0.8",
    ]
    assert [subject["sizes"][line["at"][0]][0] for line in subject["lines"]] == [100, 150, 70]


def test_false_hits_stand_beside_hits_also_where_the_threshold_moves(tmp_path):
    moving = {"semantic_rule": "moving:false_hits=0.01:start=0.85", "semantic_threshold": 0.83}
    moving["stack"] = "exact capacity=5 > semantic threshold=0.85 embedder=e policy=lru false_hits=0.01"
    rows = [stacked(0.8, 40, 10), stacked(0.7, 60, 40), stacked(true=50, false=2, **moving)]
    (subject,) = data_of(save(tmp_path, rows))["subjects"]
    points = {line["name"]: line["points"] for line in subject["lines"]}
    assert points == {
        "set thresholds": [[0.2, 0.3, 0.6, 0.7], [0.05, 0.2, 0.8, 0.8]],
        "false_hits=0.01": [[0.01, 0.25, pytest.approx(50 / 52, rel=1e-6), 0.83]],
    }
    assert [line["cells"] for line in subject["lines"]] == [[[1], [0]], [[2]]]


def test_hits_that_nobody_can_judge_are_no_point(tmp_path):
    unjudged = {"semantic_precision": None, "semantic_true_hits": 0, "semantic_false_hits": 0}
    assert data_of(save(tmp_path, [stacked(**unjudged)]))["subjects"] == []


def test_the_experiment_of_a_cell_makes_that_cell_again(tmp_path):
    experiment = {
        "name": "two",
        "trace": [
            {"generate": "zipf", "requests": 300, "keys": 50, "seed": [0, 1]},
            {"generate": "questions", "source": str(tmp_path / "q.csv"), "requests": 40, "as": "asked: 'it'"},
        ],
        "policy": ["lru", {"name": "w-tinylfu", "window": [0.2]}],
        "capacity": ["20%"],
        "warmup": 0.1,
        "stack": [None, ["exact", {"semantic": {"embedder": "idf-seeded", "threshold": 0.8, "false_hits": 0.05}}]],
        "sizing": [None, {"name": "hit-ratio", "high": 0.9}],
        "exclude": [{"trace": "zipf", "stack": ["exact", "semantic"]}, {"policy": "w-tinylfu", "sizing": "hit-ratio"}],
    }
    (tmp_path / "q.csv").write_text("text,category\n" + "".join(f"what is {i}?,{i % 5}\n" for i in range(20)))
    results = run(experiment, tmp_path / "out")
    assert results.run["status"] == "complete"
    made = data_of(results)["yaml"]
    texts = ["".join(value(column, i) for column in made) for i in range(len(results.rows))]
    assert [make_plan(yaml.safe_load(text)).cells[0].key for text in texts] == results.rows["cell"].to_list()
    assert len(texts) == 2 * 3 + 2 * 3  # two traces, and one behind each stack: lru in two sizings, and w-tinylfu


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lru", "belady", HOSTILE]),
            st.sampled_from([50, 100, 200]),
            st.integers(0, 2),
            st.sampled_from(["independent", "prefix"]),
            st.sampled_from([None, 0.1, 1.0, float("nan")]),
        ),
        unique_by=lambda cell: cell[:4],
        max_size=12,
    )
)
def test_every_cell_is_in_one_point_and_its_columns_read_back(tmp_path_factory, cells):
    names = ("policy", "capacity", "seed", "reading", "token_hit_ratio")
    rows = [row(**dict(zip(names, cell, strict=True))) for cell in cells]
    data = data_of(save(tmp_path_factory.mktemp("any"), rows))
    found = [cell for subject in data["subjects"] for line in subject["lines"] for own in line["cells"] for cell in own]
    assert sorted(found) == list(range(len(rows)))
    for name in names[:4]:
        assert [value(data["cells"][name], i) for i in range(len(rows))] == [r[name] for r in rows]
    json.dumps(data, allow_nan=False)


def test_servers_stand_over_the_load_without_latencies_of_those_that_do_not_keep_up(tmp_path):
    subject, *_ = data_of(save(tmp_path, served(["lru", "none"])))["subjects"]
    assert (subject["kind"], subject["title"], subject["loaded"]) == ("servers", "web, modelled", True)
    names = [f"{policy}, {capacity} pages" for policy in ("lru", "no caching") for capacity in (100, 200)]
    assert [line["name"] for line in subject["lines"]] == names
    assert [line["x"] for line in subject["lines"]] == [[5, 10, 20]] * 4
    assert subject["lines"][1]["cells"] == [[3], [4], [5]]
    # Half of 1 and 2 seconds, and for the second policy of 1.1 and 2.1; at 20 requests a second none keeps up.
    latencies = subject["metrics"]["ttft_p50"]["values"]
    assert latencies == [[[0.5], [1], None]] * 2 + [[[0.55], [1.05], None]] * 2
    assert subject["metrics"]["requests_per_second"]["values"][3] == [[5], [10], [14]]
    assert not {"goodput", "slo_ratio"} & subject["metrics"].keys()


def test_the_experiment_of_a_server_makes_it_again(tmp_path):
    experiment = {
        "name": "servers",
        "trace": {"generate": "conversation", "sessions": 4},
        "policy": ["lru", None],
        "capacity": "device",
        "clock": "modelled",
        "serving": {"replicas": [1, 2], "rate": 2},
    }
    results = run(experiment, tmp_path, engine="threads")
    made = data_of(results)["yaml"]
    texts = ["".join(value(column, i) for column in made) for i in range(4)]
    assert [make_plan(yaml.safe_load(text)).cells[0].key for text in texts] == results.rows["cell"].to_list()


def test_a_run_that_did_not_record_how_its_traces_were_named_has_no_experiments(tmp_path):
    assert data_of(save(tmp_path, [row()]))["yaml"] == []


def test_hostile_names_come_back_as_they_were_and_end_no_element(tmp_path):
    page = html.page(save(tmp_path, grid([HOSTILE, "lru"], trace=HOSTILE), name=HOSTILE))
    (subject,) = embedded(page)["subjects"]
    assert [line["name"] for line in subject["lines"]] == [HOSTILE, "lru"]
    assert HOSTILE not in page
    assert page.count("</script>") == 4  # the data, and ours


def test_a_thousand_cells_stay_under_two_megabytes(tmp_path):
    policies = ["belady", "lru", "fifo", "lfu", "sieve", "s3-fifo", "random", "adaptive", "w-tinylfu", "arc"]
    rows = [r for i in range(20) for r in grid(policies, (100, 200, 300, 400, 500), trace=f"trace {i}")]
    rows = [r | {"tokens": r["pages"] * 16, "tokens_saved": r["hits"] * 16, "token_hit_ratio": 0.5} for r in rows]
    page = html.page(save(tmp_path, rows, traces=named(*(f"trace {i}" for i in range(20)))))
    assert len(rows) == 1000
    assert len(page.encode()) < 2_000_000
    assert "more are in plots/" in page
    assert len(embedded(page)["yaml"]) > 5


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Pages of two traces, a semantic cache, a budget that moves, and servers: in one report, opened at the first."""
    folder = tmp_path_factory.mktemp("report")
    rows = grid(["belady", "lru", "sieve"]) + grid(["lru", HOSTILE], (50, 5000), trace=HOSTILE)
    rows += [stacked(t, int(80 * (1 - t)), int(40 * (0.9 - t)), trace="asked") for t in (0.7, 0.8, 0.9)] + divided()
    rows += served(["lru", "none"], trace="chats")
    save(
        folder,
        rows,
        traces=named("web", HOSTILE, "asked", "chats"),
        servers={r["serving"]: {} for r in rows},
        stacks={r["stack"]: ["exact"] for r in rows},
    )
    (folder / "report.html").write_text(html.page(open_results(folder)))
    return f"{(folder / 'report.html').as_uri()}#show=web,+independent+pages"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_it_opens_without_errors_or_requests_and_nothing_overflows(tab, report, width, dark):
    tab.open(report, width, dark)
    assert tab.errors == []
    assert tab.requests == [report.partition("#")[0]]
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    # Open a cell: its words are the longest.
    tab.run("document.querySelector('#explorer svg').focus()")
    tab.press("End", "Enter")
    assert tab.run("document.querySelectorAll('.cell details').length") == 1
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert tab.run("window.hurt") is None
    background = tab.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 30)" if dark else "rgb(255, 255, 255)")


def drawn(tab):
    """What the picture shows: the labels of its points."""
    return tab.run("[...document.querySelectorAll('.point')].map(point => point.getAttribute('aria-label'))")


def choose(tab, name, text):
    """Choose the option of a select that begins with `text`."""
    tab.run(
        f"(() => {{ const select = document.querySelector('select[name={name}]');"
        f"select.selectedIndex = [...select.options].findIndex(option => option.text.startsWith({json.dumps(text)}));"
        "select.dispatchEvent(new Event('change')); })()"
    )


def test_the_controls_change_the_picture_and_the_address_brings_it_back(tab, report):
    tab.open(report)
    assert len(drawn(tab)) == 9
    # 20 windows of 60, 61 or 62 hits in 100.
    first = "belady\n100 pages (10 %)\npage hit ratio 60.95\u00a0%\n100.0\u00a0% of the way from lru to the optimum"
    assert drawn(tab)[0] == first
    choose(tab, "metric", "request-mean")
    assert all("request-mean hit ratio" in label for label in drawn(tab))
    choose(tab, "from", "200 pages")
    assert len(drawn(tab)) == 6
    assert tab.run("document.querySelectorAll('.headroom').length") == 1
    tab.run("document.querySelector('.lines input[value=sieve]').click()")
    assert len(drawn(tab)) == 4
    tab.run("document.querySelector('#explorer svg').focus()")
    tab.press("ArrowDown", "Enter")
    assert tab.run("document.querySelector('.opened').textContent").startswith("belady, 200 pages")
    assert 'trace: {"generate": "zipf", "as": "web"}' in tab.run("document.querySelector('.cell pre').textContent")
    before, address = drawn(tab), tab.run("location.href")
    tab.open(address)
    assert drawn(tab) == before
    assert tab.run("document.querySelector('.opened').textContent").startswith("belady, 200 pages")
    tab.run("document.querySelector('button[name=none]').click()")
    assert drawn(tab) == []
    assert tab.run("document.querySelector('.plot svg').textContent") == "No line is chosen that has a value here."
    tab.run("document.querySelector('.lines input[value=lru]').click()")
    assert len(drawn(tab)) == 2
    tab.run("document.querySelector('button[name=all]').click()")
    assert len(drawn(tab)) == 6
    choose(tab, "subject", "asked, e")
    assert len(drawn(tab)) == 3
    assert all("precision" in label and "false hits" in label for label in drawn(tab))
    choose(tab, "subject", "chats, modelled")
    assert len(drawn(tab)) == 2 * 2 * 2
    assert drawn(tab)[0] == "lru, 100 pages\nrequests offered a second 5\nmedian seconds to the first token 0.5"
    choose(tab, "metric", "requests served")
    assert len(drawn(tab)) == 2 * 2 * 3
    choose(tab, "metric", "token hit ratio")
    assert drawn(tab)[0].endswith("token hit ratio 42.50\u00a0%")
    assert tab.errors == []


def test_headroom_lies_between_the_best_policy_shown_and_the_optimum(tab, report):
    tab.open(report)
    paths = "(name) => document.querySelector(name).getAttribute('d')"
    lines = "[...document.querySelectorAll('.plot .own:not(.point) path')].map(path => path.getAttribute('d'))"
    belady, lru, sieve = tab.run(lines)
    assert tab.run(f"({paths})('.headroom')").startswith(lru)
    tab.run("document.querySelector('.lines input[value=lru]').click()")
    belady, sieve = tab.run(lines)
    area = tab.run(f"({paths})('.headroom')")
    assert area.startswith(sieve)
    # Back along the optimum.
    assert area.removeprefix(sieve).split("L")[1:] == belady.lstrip("M").split("L")[::-1]


def test_lines_are_lighter_in_the_dark(tab, report):
    colours = []
    for dark in (False, True):
        tab.open(report, dark=dark)
        stroke = "[...document.querySelectorAll('.plot .own path')].map(path => getComputedStyle(path).stroke)"
        colours.append(tab.run(stroke))
    assert not set(colours[0]) & set(colours[1])


def test_every_control_can_be_reached_by_the_keyboard_and_shows_it(tab, report):
    tab.open(report)
    seen = []
    for _ in range(12):
        tab.press("Tab")
        seen.append(
            tab.run("document.activeElement.name || document.activeElement.value || document.activeElement.tagName")
        )
        assert tab.run("getComputedStyle(document.activeElement).outlineWidth") == "3px", seen
    assert seen[:7] == ["light dark", "subject", "metric", "from", "to", "svg", "all"]
    tab.run("document.querySelector('#explorer svg').focus()")
    tab.press("Home", "ArrowRight")
    assert tab.run("document.querySelector('.tip').textContent").startswith("belady\n200 pages")
    tab.press("ArrowUp", "ArrowDown")
    assert tab.run("document.querySelector('.tip').textContent").startswith("lru\n200 pages")


def test_the_pointer_finds_the_nearest_point(tab, report):
    tab.open(report)
    place = tab.run(
        "(() => { document.querySelector('#explorer').scrollIntoView();"
        "const box = document.querySelectorAll('.point')[4].getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    where = {"x": place[0] + 3, "y": place[1] - 3}
    tab.send("Input.dispatchMouseEvent", type="mouseMoved", **where)
    assert tab.run("document.querySelector('.tip').textContent") == drawn(tab)[4]
    for kind in ("mousePressed", "mouseReleased"):
        tab.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)
    assert tab.run("document.querySelectorAll('.point')[4].getAttribute('aria-selected')") == "true"


def test_the_switch_of_colours_holds(tab, report):
    tab.open(report)
    tab.run("document.querySelector('.theme select').focus()")
    tab.press("End")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    tab.open(report)
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    tab.run("localStorage.clear()")


def test_without_scripts_the_static_pictures_are_there(tab, report):
    tab.open(report, scripts=False)
    tab.send("Emulation.setScriptExecutionDisabled", value=False)
    assert tab.run("document.querySelector('#explorer').hidden")
    assert tab.run("document.querySelectorAll('figure svg').length") >= 3


def test_it_prints(tab, report):
    tab.open(report, dark=True)
    tab.run("document.querySelector('.lines input[value=sieve]').click()")
    assert tab.paper().startswith(b"%PDF")
    tab.send("Emulation.setEmulatedMedia", media="print")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    legend = "[...document.querySelectorAll('.lines label')].filter(label => label.checkVisibility())"
    assert tab.run(f"{legend}.map(label => label.textContent)") == ["belady", "lru"]
    tab.send("Emulation.setEmulatedMedia", media="")
