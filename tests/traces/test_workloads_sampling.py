"""What workloads draw from: popularity, arrival processes, lengths. Expected values come from theory."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.traces import store, workloads
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace
from kvreplay.traces.workloads.arrivals import Arrival
from kvreplay.traces.workloads.lengths import Length
from kvreplay.traces.workloads.popularity import Popularity, drifted


def _rng(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


@pytest.fixture
def recorded(tmp_path):
    """The path of a stored trace of three requests."""
    trace = Trace(
        "recorded",
        np.arange(3, dtype=np.uint32),
        3,
        arrival=np.array([0.0, 1.0, 3.0]),
        output_tokens=np.array([7, 7, 900], np.int32),
    )
    folder = tmp_path / f"recorded{store.SUFFIX}"
    store.save(trace, folder)
    return str(folder)


@pytest.mark.parametrize("skew", [0.0, 0.6, 1.0, 1.7])
@pytest.mark.parametrize("n", [1, 2, 1000])
def test_ranks_follow_zipfs_law(n, skew):
    draws = 200_000
    weights = [k**-skew for k in range(1, n + 1)]
    top = min(n, 50)
    expected = [draws * weight / sum(weights) for weight in weights[:top]]
    found = np.bincount(Popularity(n, skew).sample(_rng(), draws), minlength=n)[:top]
    chi_square = sum((f - e) ** 2 / e for f, e in zip(found, expected, strict=True))
    assert chi_square < top + 5 * math.sqrt(2 * top)  # mean and deviation of chi-square are top, sqrt(2 top)


@given(n=st.integers(1, 300), skew=st.floats(0, 20), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_ranks_invert_the_distribution_function(n, skew, seed):
    cdf = np.cumsum([k**-skew for k in range(1, n + 1)])
    uniforms = _rng(seed).random(500)
    expected = np.searchsorted(cdf / cdf[-1], uniforms, side="right")
    assert Popularity(n, skew).sample(_rng(seed), 500).tolist() == expected.tolist()


def test_drift_lifts_the_coldest_item_to_the_top():
    hottest = np.zeros(8, np.uint32)
    assert drifted(hottest, n=4, first=0, total=8, drift=1).tolist() == [0, 0, 3, 3, 2, 2, 1, 1]
    second = np.ones(4, np.uint32)
    assert drifted(second, n=4, first=4, total=8, drift=1).tolist() == [3, 3, 2, 2]
    assert drifted(second, n=4, first=0, total=4, drift=0).tolist() == [1, 1, 1, 1]


def test_poisson_gaps_are_exponential_at_the_rate():
    gaps = np.diff(Arrival(process="poisson", rate=4).sample(_rng(), 40_000).seconds)
    assert gaps.mean() == pytest.approx(1 / 4, rel=5 / 200)
    for times_mean in (0.5, 1, 2):
        share = math.exp(-times_mean)
        within = 5 * math.sqrt(share * (1 - share) / len(gaps))
        assert np.mean(gaps > times_mean / 4) == pytest.approx(share, abs=within)


@pytest.mark.parametrize("burstiness", [0.5, 1.0, 2.5])
def test_burstiness_is_the_coefficient_of_variation_of_gamma_gaps(burstiness):
    gaps = np.diff(Arrival(process="gamma", rate=10, burstiness=burstiness).sample(_rng(), 200_000).seconds)
    assert gaps.mean() == pytest.approx(0.1, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(burstiness, rel=0.03)


def test_uniform_arrivals_are_evenly_spaced():
    assert Arrival(process="uniform", rate=4).sample(_rng(), 5).seconds.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_a_client_of_a_closed_loop_waits_for_its_answer():
    loop = Arrival(process="closed", clients=5, think=3, service=2)
    seconds, client = loop.sample(_rng(), 20_000)
    assert sorted(set(client.tolist())) == [0, 1, 2, 3, 4]
    for one in range(5):
        assert np.diff(seconds[client == one]).min() >= 2 - 1e-5
    assert 20_000 / seconds[-1] == pytest.approx(5 / (3 + 2), rel=0.03)  # clients / mean cycle


def test_clients_that_do_not_think_ask_in_lock_step():
    seconds, client = Arrival(process="closed", clients=3, think=0, service=2).sample(_rng(), 7)
    assert seconds.tolist() == [0, 0, 0, 2, 2, 2, 4]
    assert client.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_arrivals_of_a_trace_go_round_with_an_average_gap_between(recorded):
    seconds = Arrival(process="trace", trace=recorded).sample(_rng(), 6).seconds
    assert seconds.tolist() == [0, 1, 3, 4.5, 5.5, 7.5]
    faster = Arrival(process="trace", trace=recorded, rate=2).sample(_rng(), 6).seconds
    assert faster == pytest.approx(seconds / 3, abs=1e-6)  # recorded: 2 gaps in 3 s


@pytest.mark.parametrize(("mean", "cv"), [(200, 1.0), (50, 0.3), (1000, 0.0)])
def test_lognormal_lengths_have_their_mean_and_variation(mean, cv):
    lengths = Length(distribution="lognormal", mean=mean, cv=cv).sample(_rng(), 100_000)
    assert lengths.dtype == np.int32
    assert lengths.mean() == pytest.approx(mean, rel=0.02)
    assert lengths.std() / lengths.mean() == pytest.approx(cv, rel=0.05, abs=1e-3)


def test_lengths_are_positive_and_capped():
    lengths = Length(mean=1, cv=5, max=3).sample(_rng(), 10_000)
    assert set(lengths.tolist()) == {1, 2, 3}
    assert Length(distribution="fixed", mean=17).sample(_rng(), 3).tolist() == [17, 17, 17]


def test_lengths_of_a_trace_are_drawn_from_it(recorded):
    lengths = Length(distribution="trace", trace=recorded).sample(_rng(), 9_000)
    assert set(lengths.tolist()) == {7, 900}
    assert np.mean(lengths == 900) == pytest.approx(1 / 3, abs=5 * math.sqrt(2 / 9 / 9_000))


def test_a_trace_without_the_column_is_refused(recorded):
    with pytest.raises(TraceError, match="has no column prompt_tokens; take a trace that records it"):
        Length(distribution="trace", trace=recorded, column="prompt_tokens").sample(_rng(), 2)


@pytest.mark.parametrize(
    ("arrival", "message"),
    [
        ({"process": "uniform", "burstiness": 2}, "uniform arrivals take no burstiness, only rate"),
        ({"process": "trace"}, "arrivals from a trace need its path or name"),
        ({"process": "gama"}, "'arrival.process' is 'gama': input should be 'poisson', 'gamma'"),
        ({"rate": 0}, "'arrival.rate' is 0: input should be greater than or equal to"),
        ({"rte": 1}, "'arrival.rte'"),
        ({"rate": float("nan")}, "'arrival.rate' is nan"),
    ],
)
def test_wrong_arrivals_are_refused_in_one_line(arrival, message):
    with pytest.raises(ValueError, match="zipf: ") as error:
        workloads.generate("zipf", requests=10, arrival=arrival)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_length_names_a_trace_exactly_when_it_draws_from_one():
    for wrong in ({"distribution": "trace"}, {"trace": "recorded"}):
        with pytest.raises(ValueError, match="go together"):
            workloads.generate("conversation", turns=wrong)
