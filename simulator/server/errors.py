"""What a server refuses, with the HTTP status and the body that OpenAI's clients expect."""

from __future__ import annotations

from typing import Any


class ServerError(ValueError):
    """A question that is not answered. The message is one line; `param` names the field at fault, if one is."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.code, self.param, self.headers = status, type, code, param, headers

    @property
    def body(self) -> dict[str, Any]:
        """As in OpenAI's API reference, "Errors"."""
        return {"error": {"message": str(self), "type": self.type, "param": self.param, "code": self.code}}


def busy(seconds: int) -> ServerError:
    """The queue is full."""
    return ServerError(
        f"the queue is full; try again in {seconds} s",
        status=429,
        type="rate_limit_error",
        code="queue_full",
        headers={"Retry-After": str(seconds)},
    )


def timed_out(seconds: float) -> ServerError:
    return ServerError(
        f"not answered within {seconds:g} s; ask for fewer tokens", status=504, type="timeout_error", code="timeout"
    )


def unavailable(why: str) -> ServerError:
    return ServerError(why, status=503, type="server_error", code="unavailable", headers={"Retry-After": "5"})
