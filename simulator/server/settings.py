"""Everything about a server that can be set: checked in one place, and the arguments of `kvreplay serve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

from annotated_types import Ge, Gt, Interval
from typing_extensions import Doc

from kvreplay.parameters import check

Count = Annotated[int, Ge(1)]
Pages = Annotated[int, Ge(2)]
Most = Annotated[int, Ge(0)]
Seconds = Annotated[float, Gt(0)]
Port = Annotated[int, Interval(ge=0, le=65535)]
Cosine = Annotated[float, Interval(gt=0, le=1)]
Model = Literal["auto", "smollm2", "random"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a server. `checked` makes them of what a person gave."""

    host: Annotated[str, Doc("address to listen on; one of this machine's own is reached from elsewhere")] = "127.0.0.1"
    port: Annotated[Port, Doc("0: any that is free")] = 8000
    api_keys: Annotated[str | None, Doc("file with a key a line: each is a tenant, and others are refused")] = None
    model: Annotated[Model, Doc("smollm2, random (weights: it says noise), or auto: smollm2 if installed")] = "auto"
    pages: Annotated[Pages, Doc("pages of K/V in memory")] = 1024
    page_tokens: Annotated[Count, Doc("tokens of a page")] = 16
    policy: Annotated[str, Doc("which cached pages leave: any that decides by page")] = "lru"
    exact: Annotated[Most, Doc("answers that the exact cache holds; 0: none")] = 1000
    semantic: Annotated[Cosine | None, Doc("cosine from which a similar question's answer is given, be it wrong")] = (
        None
    )
    embedder: Annotated[str | None, Doc("of the semantic cache; default: wordllama where it is installed")] = None
    at_once: Annotated[Count, Doc("requests decoded together")] = 8
    queue: Annotated[Most, Doc("requests that may wait; more get status 429")] = 64
    drafts: Annotated[Most, Doc("tokens drafted a step, and verified; 0: none")] = 7
    max_prompt_tokens: Annotated[Count, Doc("longest prompt")] = 4096
    max_tokens: Annotated[Count, Doc("longest answer, and how long one to a chat may be that names no limit")] = 512
    max_body_bytes: Annotated[Count, Doc("largest request body")] = 1 << 20
    timeout: Annotated[Seconds, Doc("seconds that a request may take, waiting included")] = 120.0
    grace: Annotated[Seconds, Doc("seconds that requests have to finish when the server is told to stop")] = 60.0

    @classmethod
    def checked(cls, **given: Any) -> Settings:
        """Raises ParameterError, naming every mistake."""
        return cls(**check(cls, "serve", given))

    @classmethod
    def described(cls) -> dict[str, str]:
        """What each setting is, and its default."""
        hints = get_type_hints(cls, include_extras=True)
        docs = {name: hint.__metadata__[-1].documentation for name, hint in hints.items()}
        defaults = {name: getattr(cls, name) for name in docs}
        return {
            name: what if defaults[name] is None else f"{what} (default: {defaults[name]})"
            for name, what in docs.items()
        }
