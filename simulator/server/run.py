"""Puts a server together from its settings, and runs it: until it is told to stop, or for as long as a test needs."""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from kvreplay.simulator.backends.model import (
    Decoder,
    Language,
    ModelError,
    PagedModel,
    RandomBytes,
    SmolLM2,
    SpeculativeDecoder,
)
from kvreplay.simulator.caches import ExactCache, HybridCache, SemanticCache, embedders, indexes

from .engine import Engine
from .errors import ServerError
from .question import Question
from .settings import Settings
from .tenants import Tenants


def build(settings: Settings) -> tuple[Engine, Any]:
    """The engine, running, and the application in front of it. Raises ServerError, ModelError, CacheError, PageError
    and PolicyError."""
    try:
        from .app import create_app
    except ImportError as error:
        raise ServerError(f"serve: {error.name} is not installed; pip install 'kvreplay[serve]'") from error
    tenants = Tenants() if settings.api_keys is None else Tenants.read(settings.api_keys)
    language = _language(settings.model)
    paged = PagedModel(language.llama, settings.pages, page_tokens=settings.page_tokens, policy=settings.policy)
    kind = partial(SpeculativeDecoder, length=settings.drafts) if settings.drafts else Decoder
    _compile(settings)
    engine = Engine(
        language,
        kind(paged, at_once=settings.at_once),
        _caches(settings),
        queue=settings.queue,
        timeout=settings.timeout,
    )
    return engine, create_app(engine, settings, tenants)


def serve(settings: Settings, ready: Callable[[str], object]) -> None:
    """Run a server until SIGINT or SIGTERM; it then finishes what runs, for up to `grace` seconds.

    `ready` is told what it serves, and where. Raises as `build` does, and ServerError where it cannot listen.
    """
    with _listen(settings) as listening:
        if settings.api_keys is None and not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
            warnings.warn("whoever reaches this address may use the server; give --api-keys", stacklevel=2)
        engine, app = build(settings)
        ready(f"{engine.language.name} on {_url(listening)}")
        with contextlib.suppress(KeyboardInterrupt):  # the signal, which uvicorn raises again in the end
            _server(app, settings).run([listening])


@contextlib.contextmanager
def running_server(**given: Any) -> Iterator[str]:
    """A server in threads of this process; its URL. In the end it finishes what runs.

    `given` are `Settings`; by default the model is the one of random weights, and the port any that is free.
    """
    settings = Settings.checked(**{"port": 0, "model": "random", **given})
    with _listen(settings) as listening:
        server = _server(build(settings)[1], settings)
        thread = threading.Thread(target=server.run, args=([listening],), name="kvreplay-http")
        thread.start()
        try:
            yield _url(listening)
        finally:
            server.should_exit = True
            thread.join()


def _listen(settings: Settings) -> socket.socket:
    where = (settings.host, settings.port)
    try:
        return socket.create_server(where, family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    except OSError as error:
        why = str(error.strerror).split(" (")[0]
        told = f"cannot listen on {settings.host} port {settings.port} ({why})"
        raise ServerError(f"serve: {told}; give another host or port") from None


def _url(listening: socket.socket) -> str:
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: Any, settings: Settings) -> Any:
    uvicorn = importlib.import_module("uvicorn")
    config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=settings.grace)
    return uvicorn.Server(config)


def _language(name: str) -> Language:
    if name == "random":
        return RandomBytes()
    try:
        return SmolLM2()
    except ModelError as error:
        if name == "smollm2":
            raise
        warnings.warn(f"{error}; until then a model of random weights answers, with noise", stacklevel=2)
        return RandomBytes()


def _compile(settings: Settings) -> None:
    """Have compiled what the first request would wait for: numba does so when it meets the first types."""
    prompt = np.zeros(settings.page_tokens, np.int64)
    paged = PagedModel(RandomBytes().llama, settings.pages, page_tokens=settings.page_tokens, policy=settings.policy)
    Decoder(paged).generate([prompt], 1)
    if settings.exact:
        ExactCache(2).insert(Question(prompt, "?", 1).request(0, 0.0))


def _caches(settings: Settings) -> HybridCache:
    tiers: list[Any] = [ExactCache(settings.exact)] if settings.exact else []
    if settings.semantic is not None:
        embedder = embedders.get(settings.embedder or embedders.default())
        capacity = settings.exact or 1000
        index = indexes.get("auto", embedder.dimensions, capacity)
        tiers.append(SemanticCache(embedder, index, capacity, threshold=settings.semantic, guarded=True))
    return HybridCache(*tiers)
