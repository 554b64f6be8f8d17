"""One thread of torch, so that what is generated does not depend on the machine; and servers of the tiny model."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx
import pytest
import torch

from kvreplay.simulator.server import running_server


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def client():
    """Of a server that all tests share: what it has cached depends on the others."""
    with serving() as client:
        yield client


@contextlib.contextmanager
def serving(**settings) -> Iterator[httpx.Client]:
    """A client of a server of its own."""
    with running_server(**settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def figures(client: httpx.Client, **headers: str) -> dict[str, float]:
    """What /metrics tells, by name and labels."""
    lines = client.get("/metrics", headers=headers).text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def settled(client: httpx.Client, still: int = 0, **headers: str) -> dict[str, float]:
    """The figures once `still` requests are open."""
    for _ in range(1_000):
        told = figures(client, **headers)
        if told["kvreplay_requests_open"] == still:
            return told
        time.sleep(0.02)
    raise AssertionError(f"{told['kvreplay_requests_open']} requests are open")


def only_cached_pages_are_used(told: dict[str, float]) -> bool:
    used, shared = told['kvreplay_pool_pages{state="used"}'], told["kvreplay_pool_shared_pages"]
    return used == told["kvreplay_prefix_cached_pages"] and shared == told["kvreplay_prefix_pinned_pages"] == 0
