"""The network of all-MiniLM-L6-v2 as an ONNX graph, in float32 or with its products in 8 bits.

It is a BERT (Devlin et al., NAACL 2019) of 6 layers, 12 heads and 384 dimensions. The graph takes the tokens of one
text, (n,) int64, and gives the mean, (384,) float32, of what the last layer makes of them. One text at a time: 8-bit
products are scaled by the largest of all values given to them, so that a text's vector would hang on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_LAYERS = 6
_HEADS = 12
_EPSILON = 1e-12  # of layer normalization, as trained
_OPSET = 20
_IR_VERSION = 9  # of the format; that of the opset

# 8-bit weights use 7 bits: where x86 has no VNNI, two products of 8 bits each overflow the 16-bit sum, silently.
_LARGEST_WEIGHT = 63


def build(weights: Mapping[str, np.ndarray], quantized: bool) -> bytes:
    """The model, serialized. `quantized`: activations to 8 bits as they come, weights with a scale per output."""
    graph = _Graph(weights, quantized)
    hidden = graph.embed("tokens")
    for layer in range(_LAYERS):
        hidden = graph.layer(hidden, f"encoder.layer.{layer}.")
    return graph.finish(graph.node("ReduceMean", hidden, graph.constant(np.array([0])), keepdims=0))


class _Graph:
    """Nodes in the order in which they run, known by the names of their outputs."""

    def __init__(self, weights: Mapping[str, np.ndarray], quantized: bool) -> None:
        import onnx

        self._onnx = onnx
        self._weights = weights
        self._quantized = quantized
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def nodes(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        names = [f"{kind}{len(self._nodes)}.{i}" for i in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, names, **attributes))
        return names

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes(kind, *inputs, outputs=1, **attributes)[0]

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def embed(self, tokens: str) -> str:
        """(n, 384): the sum of what a token and its position are, normalized."""
        words, places, kinds = (
            self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        known = self.node("Gather", self.constant(words), tokens)
        length = self.node("Shape", tokens)
        first = self.node("Slice", self.constant(places + kinds[0]), self.constant(np.array([0])), length)
        return self._normalized(self.node("Add", known, first), "embeddings.LayerNorm")

    def layer(self, hidden: str, name: str) -> str:
        """(n, 384): attention and a two-layer perceptron, each added to what it was given and normalized."""
        attended = self._dense(self._attention(hidden, f"{name}attention.self."), [f"{name}attention.output.dense"])
        hidden = self._normalized(self.node("Add", hidden, attended), f"{name}attention.output.LayerNorm")
        wide = self.node("Gelu", self._dense(hidden, [f"{name}intermediate.dense"]))
        narrow = self._dense(wide, [f"{name}output.dense"])
        return self._normalized(self.node("Add", hidden, narrow), f"{name}output.LayerNorm")

    def _attention(self, hidden: str, name: str) -> str:
        projected = self._dense(hidden, [f"{name}query", f"{name}key", f"{name}value"])
        dimensions = len(self._weights[f"{name}query.bias"])
        by_head = self.node("Reshape", projected, self.constant(np.array([0, 3, _HEADS, dimensions // _HEADS])))
        # (3, heads, n, d), with the keys as (heads, d, n)
        query, key, value = self.nodes(
            "Split", self.node("Transpose", by_head, perm=[1, 2, 0, 3]), outputs=3, num_outputs=3
        )
        products = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        scale = self.constant(np.array((dimensions // _HEADS) ** -0.5, np.float32))
        shares = self.node("Softmax", self.node("Mul", products, scale))
        mixed = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])  # (1, n, heads, d)
        return self.node("Reshape", mixed, self.constant(np.array([-1, dimensions])))

    def _dense(self, hidden: str, names: list[str]) -> str:
        """The linear maps `names` of `hidden`, side by side."""
        weight = np.concatenate([self._weights[f"{name}.weight"] for name in names]).T  # (in, out)
        bias = self.constant(np.concatenate([self._weights[f"{name}.bias"] for name in names]))
        if not self._quantized:
            return self.node("Add", self.node("MatMul", hidden, self.constant(weight)), bias)
        scale = np.abs(weight).max(axis=0) / _LARGEST_WEIGHT
        rounded = np.rint(weight / scale).astype(np.int8)
        small, step, zero = self.nodes("DynamicQuantizeLinear", hidden, outputs=3)
        product = self.node("MatMulInteger", small, self.constant(rounded), zero)
        scales = self.node("Mul", step, self.constant(scale))
        exact = self.node("Cast", product, to=self._onnx.TensorProto.FLOAT)
        return self.node("Add", self.node("Mul", exact, scales), bias)

    def _normalized(self, hidden: str, name: str) -> str:
        scale, bias = (self.constant(self._weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("LayerNormalization", hidden, scale, bias, epsilon=_EPSILON)

    def finish(self, output: str) -> bytes:
        helper, types = self._onnx.helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            "minilm",
            [helper.make_tensor_value_info("tokens", types.INT64, ["n"])],
            [helper.make_tensor_value_info(output, types.FLOAT, None)],
            self._constants,
        )
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION).SerializeToString()
