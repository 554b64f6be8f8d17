"""The bodies of OpenAI's API as far as they are served: unknown fields, and values that mean what is not, are refused.

Field names and defaults are those of OpenAI's API reference (Completions, Chat), but `temperature`, which is 0 here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval, Len
from pydantic import BaseModel, ConfigDict, Field

Zero = Annotated[float, Interval(ge=0, le=0)]
Tokens = Annotated[list[Annotated[int, Ge(0)]], Len(1)]
Stops = Annotated[list[Annotated[str, Len(1)]], Len(0, 4)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StreamOptions(Body):
    include_usage: bool = False


class Asked(Body):
    """What completions and chats have in common."""

    model: str | None = Field(None, description="as /v1/models tells; the one there is, if left out")
    max_tokens: Annotated[int, Ge(1)] | None = None
    temperature: Annotated[float, Interval(ge=0, le=2)] | None = Field(None, description="0, the default: greedy")
    top_p: Annotated[float, Interval(gt=0, le=1)] | None = None
    seed: Annotated[int, Interval(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Annotated[str, Len(1)] | Stops | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, description="of no effect; tenants are told by their keys")
    ignore_eos: bool = Field(False, description="go on to max_tokens, for load tests; as in vLLM")
    n: Annotated[int, Interval(ge=1, le=1)] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None

    @property
    def way(self) -> dict[str, Any]:
        """How a `Question` is to be answered."""
        return {
            "temperature": self.temperature or 0.0,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "seed": self.seed,
            "stop": (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            "ignore_eos": self.ignore_eos,
        }


class CompletionRequest(Asked):
    prompt: Annotated[str, Len(1)] | Tokens = Field(description="text, or the model's own tokens")
    echo: bool | None = None
    best_of: Annotated[int, Interval(ge=1, le=1)] | None = None


class TextPart(Body):
    type: Literal["text"]
    text: str


class Message(Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Len(1)]
    name: str | None = Field(None, description="of no effect")

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(Asked):
    messages: Annotated[list[Message], Len(1)]
    max_completion_tokens: Annotated[int, Ge(1)] | None = None


class PromptTokensDetails(BaseModel):
    cached_tokens: int


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class CompletionChoice(BaseModel):
    index: int = 0
    text: str
    logprobs: None = None
    finish_reason: Literal["stop", "length"] | None


class Completion(BaseModel):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


class ChatAnswer(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    index: int = 0
    message: ChatAnswer
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "kvreplay"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    error: ErrorDetail


def usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> dict[str, Any]:
    """A `Usage`."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }
