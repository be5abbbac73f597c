"""Encoder and reader as ONNX graphs whose weights are the very bytes of model.safetensors.

    ids ─ Gather ▶ + position, type ─ LayerNorm ─▶ layers × (attention, feed-forward) ─┬▶ encoder:
    float8 ─ decoded, rounded to int8 when a session opens ──┘                         │  mean, of
                                                                                       │  length 1
                                                                                       └▶ reader:
                                                                                          heads

The weights stand in the file once, in 8-bit floats, which sentence-transformers reads as they are.
The graph names their places in it as external data. Decoding them and rounding them to int8 are
nodes with nothing but constants before them: ONNX Runtime works them out when it opens a session,
and keeps the result alone. So two engines run from one file of 38 MB.

Activations are quantised as they come (DynamicQuantizeMatMul), by one scale for a whole batch.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = "model.safetensors"
WORDS = "embeddings.word_embeddings.weight"
OPSET = 19  # the first with 8-bit floats
MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators, for the fused steps
TYPES = {
    "F32": TensorProto.FLOAT,
    "F8_E4M3": TensorProto.FLOAT8E4M3FN,
}
# Of a quantised weight, to either side. With 7 bits two products of a byte and a weight fit into 16
# bits; with all 8 they overflow on processors without VNNI, and the vectors would differ there.
LEVELS = 63
# What goes into these two has outliers, which leave the rest few steps of a byte. In float32 they
# raise the mean cosine to the unquantised vectors from 0.9953 to 0.9973, others by under 0.001.
IN_FLOAT = frozenset({"encoder.layer.4.output.dense.", "encoder.layer.5.output.dense."})


def build_encoder(folder: Path) -> onnx.ModelProto:
    """The encoder's graph for a folder with config.json and model.safetensors.

    Inputs: input_ids and attention_mask, int64 (texts, tokens). Output: sentence_embedding, float32
    (texts, hidden), each of length 1.
    """
    graph = _Graph(folder)
    graph.pool(graph.layers())
    return graph.model("encoder", {"sentence_embedding": ["texts", graph.config["hidden_size"]]})


def build_reader(folder: Path, encoder: Path) -> onnx.ModelProto:
    """The reader's graph, its word embeddings the encoder's, which a session is given.

    Inputs as the encoder's. Outputs: spans, float32 (texts, tokens, 2), how much speaks for each
    token as the answer's first and last; answers (texts, 1), what speaks for any, spans apart.
    """
    graph = _Graph(folder, encoder)
    x = graph.layers()
    first = graph.node("Gather", x, graph.constant(np.array(0)), axis=1)
    graph.head("heads.span.", x, "spans")
    graph.head("heads.answers.", first, "answers")
    return graph.model("reader", {"spans": ["texts", "tokens", 2], "answers": ["texts", 1]})


class _Graph:
    def __init__(self, folder: Path, embeddings: Path | None = None) -> None:
        """Begin; embeddings: the folder that has the word embeddings, where it is another."""
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self.data = memoryview((folder / WEIGHTS).read_bytes())
        self.weights = places(folder / WEIGHTS)
        if embeddings:
            self.weights[WORDS] = places(embeddings / WEIGHTS)[WORDS]

    def model(self, name: str, outputs: dict[str, list[str | int]]) -> onnx.ModelProto:
        dynamic = ["texts", "tokens"]
        graph = helper.make_graph(
            self.nodes,
            name,
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, dynamic),
                helper.make_tensor_value_info("attention_mask", TensorProto.INT64, dynamic),
            ],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
                for output, shape in outputs.items()
            ],
            initializer=self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=10, producer_name="kikigaki"
        )

    def layers(self) -> str:
        x = self.embeddings()
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(f"encoder.layer.{number}.", x)
        return x

    def embeddings(self) -> str:
        # no operator gathers 8-bit floats, so their bytes are, and each byte's value after that
        bytes_ = self.node("Gather", self.raw(WORDS, bytes_=True),
                           "input_ids", axis=0)  # fmt: skip
        words = self.node("Gather", self.constant(byte_values()),
                          self.node("Cast", bytes_, to=TensorProto.INT32), axis=0)  # fmt: skip
        length = self.node("Shape", "input_ids", start=1, end=2)
        positions = self.node("Slice", self.weight("embeddings.position_embeddings.weight"),
                              self.constant(np.array([0])), length)  # fmt: skip
        kind = self.node("Gather", self.weight("embeddings.token_type_embeddings.weight"),
                         self.constant(np.array(0)), axis=0)  # fmt: skip
        together = self.node("Add", self.node("Add", words, positions), kind)
        return self.layer_norm("embeddings.LayerNorm.", together)

    def layer(self, name: str, x: str) -> str:
        attention = name + "attention."
        parts = [f"{attention}self.{part}." for part in ("query", "key", "value")]
        together = self.linear(parts, x)
        query, key, value = self.split(together, 3)
        mask = self.node("Cast", "attention_mask", to=TensorProto.INT32)
        context = self.node(
            "MultiHeadAttention", query, key, value, "", mask,
            domain=MICROSOFT, num_heads=self.config["num_attention_heads"],
        )  # fmt: skip
        x = self.add_norm(attention + "output.", x, context)
        inner = self.node("Gelu", self.linear([name + "intermediate.dense."], x), domain=MICROSOFT)
        return self.add_norm(name + "output.", x, inner)

    def add_norm(self, name: str, x: str, y: str) -> str:
        """LayerNorm(x + linear(y))."""
        return self.node(
            "SkipLayerNormalization", self.linear([name + "dense."], y), x,
            self.weight(name + "LayerNorm.weight"), self.weight(name + "LayerNorm.bias"),
            domain=MICROSOFT, epsilon=self.config["layer_norm_eps"],
        )  # fmt: skip

    def linear(self, names: list[str], x: str) -> str:
        """X by some weight matrices beside one another, in int8 but for a few, and their biases."""
        weight, bias = (
            self.joined([self.weight(name + part) for name in names]) for part in ("weight", "bias")
        )
        if set(names) & IN_FLOAT:
            product = self.node("MatMul", x, self.node("Transpose", weight, perm=[1, 0]))
            return self.node("Add", product, bias)
        scales = np.concatenate([self.scales(name + "weight") for name in names])
        scale, zero = self.constant(scales), self.constant(np.zeros(scales.size, np.int8))
        levels = self.node("QuantizeLinear", weight, scale, zero, axis=0)
        levels = self.node("Transpose", levels, perm=[1, 0])
        return self.node("DynamicQuantizeMatMul", x, levels, scale, "", bias, domain=MICROSOFT)

    def scales(self, name: str) -> NDArray[np.float32]:
        """(rows,) of a weight matrix: what one step of an int8 stands for."""
        largest = np.abs(self.values(name)).max(axis=1)
        scales: NDArray[np.float32] = np.maximum(largest / LEVELS, np.finfo(np.float32).tiny)
        return scales

    def values(self, name: str) -> NDArray[np.float32]:
        """A tensor of the file, decoded."""
        kind, shape, start, end = self.weights[name]
        data = self.data[start:end]
        if kind == "F8_E4M3":
            values = byte_values()[np.frombuffer(data, np.uint8)]
        else:
            values = np.frombuffer(data, "<f4")
        return values.reshape(shape)

    def head(self, name: str, x: str, output: str) -> None:
        """A linear layer in float32."""
        weight = self.node("Transpose", self.weight(name + "weight"), perm=[1, 0])
        self.node("Add", self.node("MatMul", x, weight), self.weight(name + "bias"), output=output)

    def pool(self, x: str) -> None:
        """The mean of the tokens that are there, of length 1."""
        there = self.node("Unsqueeze", self.node("Cast", "attention_mask", to=TensorProto.FLOAT),
                          self.constant(np.array([2])))  # fmt: skip
        total = self.node("ReduceSum", self.node("Mul", x, there), self.constant(np.array([1])),
                          keepdims=0)  # fmt: skip
        self.node("LpNormalization", total, axis=1, p=2, output="sentence_embedding")

    def layer_norm(self, name: str, x: str) -> str:
        weight, bias = self.weight(name + "weight"), self.weight(name + "bias")
        epsilon = self.config["layer_norm_eps"]
        return self.node("LayerNormalization", x, weight, bias, epsilon=epsilon)

    def split(self, x: str, parts: int) -> list[str]:
        names = [f"{x}.{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, axis=2, num_outputs=parts))
        return names

    def joined(self, names: list[str]) -> str:
        return self.node("Concat", *names, axis=0) if len(names) > 1 else names[0]

    def weight(self, name: str) -> str:
        """A tensor of the file, as float32."""
        return self.floats(self.raw(name)) if self.weights[name][0] != "F32" else self.raw(name)

    def floats(self, x: str) -> str:
        return self.node("Cast", x, to=TensorProto.FLOAT)

    def raw(self, name: str, *, bytes_: bool = False) -> str:
        """A tensor of the file, in its own type, or as bytes."""
        kind, shape, start, end = self.weights[name]
        tensor = TensorProto(
            name=name, data_type=TensorProto.UINT8 if bytes_ else TYPES[kind], dims=shape
        )
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": WEIGHTS, "offset": start, "length": end - start}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        if all(name != constant.name for constant in self.constants):
            self.constants.append(tensor)
        return name

    def constant(self, value: ArrayLike) -> str:
        name = f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:  # noqa: ANN401 - as onnx
        output = output or f"{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def byte_values() -> NDArray[np.float32]:
    """(256,) the 8-bit float (E4M3, finite) that each byte stands for; NaN for 0x7F and 0xFF."""
    byte = np.arange(256)
    sign, exponent, mantissa = byte >> 7, byte >> 3 & 15, byte & 7
    small = mantissa / 8 * 2.0**-6  # subnormal
    value = np.where(exponent > 0, (1 + mantissa / 8) * 2.0 ** (exponent - 7), small)
    value[byte & 127 == 127] = np.nan
    return np.where(sign, -value, value).astype(np.float32)


def places(path: Path) -> dict[str, tuple[str, list[int], int, int]]:
    """Each tensor's type, shape, first byte and the byte after its last, from a file's header."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    first = 8 + length
    return {
        name: (
            entry["dtype"],
            entry["shape"],
            first + entry["data_offsets"][0],
            first + entry["data_offsets"][1],
        )
        for name, entry in header.items()
    }
