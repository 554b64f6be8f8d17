"""What goes wrong with a trace: one exception, whose message is a single line a person can act on."""

from __future__ import annotations

from pathlib import Path


class TraceError(ValueError):
    """A trace, trace file or generator setting is unusable.

    The message reads ``where: what is wrong; how to mend it``, where *where* is ``file`` or ``file:line``.
    """

    def __init__(self, what: str, *, file: str | Path | None = None, line: int | None = None, mend: str = "") -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(f"{where}{what}" + (f"; {mend}" if mend else ""))
        self.file, self.line = file, line
