"""The HTTP side: routes, their OpenAPI document, and errors as OpenAI's clients expect them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from kvreplay.simulator.backends.metrics import CONTENT_TYPE, exposition
from kvreplay.simulator.backends.model import Language

from .answering import Wording, answer
from .bodies import BodyLimit
from .engine import Engine
from .errors import ServerError
from .metrics import of_engine
from .protocol import (
    Asked,
    ChatCompletion,
    ChatRequest,
    Completion,
    CompletionRequest,
    ErrorBody,
    ModelCard,
    ModelList,
)
from .question import Question
from .settings import Settings
from .tenants import Tenants

_COMPLETION_TOKENS = 16  # OpenAI's default of completions
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "A field is unknown, not served, or out of range; or the prompt is too long."},
    401: {"description": "The bearer token is nobody's."},
    404: {"description": "There is no such model."},
    408: {"description": "The body did not come in time."},
    413: {"description": "The body is too large."},
    429: {"description": "The queue is full; Retry-After tells when to come again."},
    503: {"description": "The server is shutting down, or broken."},
    504: {"description": "The answer took too long."},
}
_bearer = HTTPBearer(auto_error=False, description="A key of the server's, where it has any.")


def _refusals(*statuses: int | str) -> dict[int | str, dict[str, Any]]:
    return {status: {**_REFUSALS[status], "model": ErrorBody} for status in statuses}


def _text(kind: str) -> dict[str, Any]:
    return {kind: {"schema": {"type": "string"}}}


def _answers(body: type) -> dict[int | str, dict[str, Any]]:
    headers = {
        "x-kvreplay-answered-by": {"description": "exact, semantic, prefix or model", "schema": {"type": "string"}},
        "x-kvreplay-similarity": {"description": "cosine, of semantic answers", "schema": {"type": "string"}},
    }
    told = {"model": body, "content": _text("text/event-stream"), "headers": headers}
    return {200: told, **_refusals(*_REFUSALS)}


class _Server(NamedTuple):
    """What the routes need."""

    engine: Engine
    settings: Settings
    tenants: Tenants
    created: int


def _server(request: Request) -> _Server:
    return request.app.state.server


async def _tenant(request: Request, key: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    return _server(request).tenants.of(None if key is None else key.credentials)


Tenant = Annotated[str, Depends(_tenant)]
_routes = APIRouter()


def create_app(engine: Engine, settings: Settings, tenants: Tenants) -> FastAPI:
    """The application, which closes `engine` when it is shut down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(engine.close)

    # No pages of documentation: they would fetch their scripts from elsewhere.
    app = FastAPI(title="kvreplay", version=version("kvreplay"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.server = _Server(engine, settings, tenants, int(time.time()))
    app.add_middleware(BodyLimit, most=settings.max_body_bytes)
    app.add_exception_handler(ServerError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    app.include_router(_routes)
    return app


@_routes.post("/v1/completions", responses=_answers(Completion))
async def completions(request: Request, asked: CompletionRequest, tenant: Tenant) -> Response:
    """What follows a prompt."""
    language = _server(request).engine.language
    if isinstance(asked.prompt, str):
        prompt, text = await anyio.to_thread.run_sync(language.encode, asked.prompt), asked.prompt
    else:
        prompt = _tokens(language, asked.prompt)
        text = b"".join(map(language.bytes_of, asked.prompt)).decode(errors="replace")
    most = asked.max_tokens or min(_COMPLETION_TOKENS, _server(request).settings.max_tokens)
    question = Question(prompt, text, most, tenant, **asked.way)
    return await _answer(request, asked, question, text if asked.echo else "")


@_routes.post("/v1/chat/completions", responses=_answers(ChatCompletion))
async def chat_completions(request: Request, asked: ChatRequest, tenant: Tenant) -> Response:
    """What an assistant answers."""
    turns = [("system" if said.role == "developer" else said.role, said.text) for said in asked.messages]
    prompt = await anyio.to_thread.run_sync(_server(request).engine.language.conversation, turns)
    most = asked.max_completion_tokens or asked.max_tokens or _server(request).settings.max_tokens
    before = repr((turns[:-1], turns[-1][0]))
    return await _answer(request, asked, Question(prompt, turns[-1][1], most, tenant, before, **asked.way))


@_routes.get("/v1/models", responses=_refusals(401))
async def models(request: Request, tenant: Tenant) -> ModelList:
    """The model there is."""
    engine, *_, created = _server(request)
    return ModelList(data=[ModelCard(id=engine.language.name, created=created)])


@_routes.get("/metrics", responses={200: {"content": _text("text/plain")}, **_refusals(401)})
async def metrics(request: Request, tenant: Tenant) -> Response:
    """Figures for Prometheus."""
    return PlainTextResponse(exposition(of_engine(_server(request).engine)), media_type=CONTENT_TYPE)


@_routes.get("/health", responses=_refusals(503))
async def health(request: Request) -> dict[str, str]:
    """Whether questions are taken."""
    _server(request).engine.check_open()
    return {"status": "ok"}


async def _answer(request: Request, asked: Asked, question: Question, echo: str = "") -> Response:
    engine, settings, *_ = _server(request)
    model = engine.language.name
    if asked.model not in (None, model):
        told = f"model {asked.model!r}: there is none; use {model!r}"
        raise ServerError(told, status=404, code="model_not_found", param="model")
    if len(question.prompt) > settings.max_prompt_tokens:
        told = f"the prompt has {len(question.prompt)} tokens; give up to {settings.max_prompt_tokens}"
        raise ServerError(told, code="context_length_exceeded", param="prompt")
    if question.most > settings.max_tokens:
        raise ServerError(f"max_tokens is {question.most}; give up to {settings.max_tokens}", param="max_tokens")
    wording = Wording(isinstance(asked, ChatRequest), model, echo)
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    return await answer(request, engine, question, wording, stream=bool(asked.stream), with_usage=with_usage)


def _tokens(language: Language, given: list[int]) -> np.ndarray:
    most = language.llama.shape.vocabulary - 1
    if max(given) > most:
        raise ServerError(f"prompt: token {max(given)} is none of the model's; give 0 to {most}", param="prompt")
    return np.array(given, np.int64)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServerError)
    return JSONResponse(error.body, error.status, error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    """The first mistake in a body, by the name of its field."""
    assert isinstance(error, RequestValidationError)
    mistake = error.errors()[0]
    _, *path = mistake["loc"]
    if not path or isinstance(path[0], int):  # the place where the JSON ends
        return _refused(request, ServerError("the body is no JSON object; send one, as application/json"))
    members = [
        part for part in path[1:] if isinstance(part, int) or (part.isidentifier() and part != "str")
    ]  # no types
    where = ".".join(map(str, [path[0], *members]))
    if mistake["type"] == "extra_forbidden":
        told = f"{where} is not served; leave it out"
    else:
        told = f"{where}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
    return _refused(request, ServerError(told, param=path[0]))


def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses: paths and methods that there are not."""
    assert isinstance(error, HTTPException)
    told = ServerError(error.detail, status=error.status_code, headers=dict(error.headers or {}))
    return _refused(request, told)


def _broken(request: Request, error: Exception) -> Response:
    """A mistake of ours, which the log tells, and not the client."""
    return _refused(request, ServerError("internal error", status=500, type="server_error"))
