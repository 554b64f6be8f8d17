"""What goes wrong with an experiment: one exception that carries every mistake found, a line each."""

from __future__ import annotations

from collections.abc import Iterable


class ExperimentError(ValueError):
    """An experiment, its result folder or its baseline is unusable.

    The message has one line for each mistake: ``where: what is wrong; how to mend it``, where *where* is
    ``file:line:column`` for what stands in a YAML file.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))
