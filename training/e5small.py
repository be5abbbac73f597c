"""The file `e5-small-q4.bin`, read and written anew as a sentence-transformers folder.

    bytes ─ read_source ▶ Source ─┬─ write_weights ─▶ model.safetensors (float32)
                                  └─ build_tokenizer ▶ tokenizer.json

Its layout is described only by the package's own reader, `e5.c`; all numbers are little-endian.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.charsmap import charsmap

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 512  # the model has no more positions
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # the first four are ids 0 to 3
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights in 18 bytes
STRIDE = 65_536 * BLOCK.itemsize  # bytes unpacked at a time (to 8 MB), so memory stays flat

SIZES = [
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("vocab_size", "max_position_embeddings", "type_vocab_size"),
]
EMBEDDINGS = {  # the package's names, and BertModel's
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER = {  # l3.fo.w is encoder.layer.3.output.dense.weight
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight matrix or vector, named as in BertModel; `data` is float32 unless `packed`."""

    name: str
    shape: tuple[int, ...]
    data: memoryview
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What the package's file holds; `table` gives the normal form of a character."""

    config: dict[str, Any]
    pieces: list[tuple[str, float]]
    table: dict[str, str]
    tensors: list[Tensor]


def read_source(data: memoryview) -> Source:
    """Reads the package's file, copying no weights.

    Raises:
        ValueError, KeyError: another magic, version or tensor than we know, or a file cut short.
    """
    at = 0

    def take(size: int) -> memoryview:
        nonlocal at
        at += size
        if at > len(data):
            raise ValueError(f"{len(data)} bytes, but {at} expected")
        return data[at - size : at]

    def read(layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", take(struct.calcsize(f"<{layout}")))

    magic, version, *sizes, epsilon, block = read("4sI7ifi")
    n_pieces, bos, eos, pad, unk, text_bytes = read("5iQ")
    if (magic, version, block, bos, pad, eos, unk) != (b"E5S1", 1, 32, 0, 1, 2, 3):
        raise ValueError(f"unknown format {magic!r}, version {version}")
    config = dict(zip(SIZES, sizes, strict=True)) | {"layer_norm_eps": epsilon, "pad_token_id": pad}
    config |= {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu"}
    hidden, inner = config["hidden_size"], config["intermediate_size"]

    starts = np.frombuffer(take(4 * (n_pieces + 1)), "<u4").tolist()
    scores = np.frombuffer(take(4 * n_pieces), "<f4").tolist()
    text = bytes(take(text_bytes))
    spans = zip(starts[:-1], starts[1:], scores, strict=True)
    pieces = [(text[start:end].decode(), score) for start, end, score in spans]

    table = {}
    for _ in range(read("iI")[0]):
        code_point, length = read("IB")
        table[chr(code_point)] = "".join(map(chr, read(f"{length}I")))

    tensors = []
    for _ in range(read("i")[0]):
        name = str(take(*read("H")), "ascii")
        packed, count, start, size = read("BIQQ")
        if size != (count // 32 * 18 if packed else 4 * count) or start + size > len(data):
            raise ValueError(f"{name}: {count} weights in {size} bytes at {start}")
        width = inner if name.endswith(".fo.w") else hidden
        shape = (count // width, width) if packed or name in ("emb.pos", "emb.type") else (count,)
        tensors.append(Tensor(_bert_name(name), shape, data[start : start + size], bool(packed)))
    # E5 does without BERT's pooler, and the file has none; but loading warns where it is missing
    zeros = memoryview(bytes(4 * hidden * hidden))
    tensors.append(Tensor("pooler.dense.weight", (hidden, hidden), zeros))
    tensors.append(Tensor("pooler.dense.bias", (hidden,), zeros[: 4 * hidden]))
    return Source(config, pieces, table, tensors)


def _bert_name(name: str) -> str:
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    kind = {"w": "weight", "b": "bias"}[kind]
    return f"encoder.layer.{layer[1:]}.{LAYER[part]}.{kind}"


def write_model(source: Source, folder: Path) -> None:
    """Writes a sentence-transformers folder: BERT, mean pooling, vectors of length 1.

    Raises:
        OSError: the folder cannot be written.
    """
    write_weights(folder / "model.safetensors", source.tensors)
    kinds = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    settings: dict[str, Any] = {
        "config.json": source.config,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            "model_input_names": ["input_ids", "attention_mask"],
            **{"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"},
            **{"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"},
        },
        "modules.json": [
            {"idx": i, "name": str(i), "path": part, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, part) in enumerate(kinds)
        ],
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": source.config["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
        "config_sentence_transformers.json": {
            # `encode_document` looks for "document" first, and without it puts no prefix
            "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
            "similarity_fn_name": "cosine",
        },
    }
    contents = {name: json.dumps(value, indent=2) for name, value in settings.items()}
    contents["tokenizer.json"] = build_tokenizer(source).to_str()
    for name, text in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def dequantise(packed: bytes | memoryview) -> NDArray[np.float32]:
    """Weights of whole 18-byte blocks: (32 * n_blocks,) float32, each (nibble - 8) * scale.

    Byte j of a block's sixteen holds weight j in its low four bits, weight j + 16 in its high four.
    """
    blocks = np.frombuffer(packed, BLOCK)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    scale = blocks["scale"].astype(np.float32)[:, None]
    return ((nibbles.astype(np.float32) - 8) * scale).reshape(-1)


def write_weights(path: Path, tensors: list[Tensor]) -> None:
    """Writes float32 safetensors: u64 length of the header, header in JSON, tensors in its order.

    By hand, because the library wants all 470 MB in memory at once.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + 4 * math.prod(tensor.shape)
        header[tensor.name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of 8
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            for at in range(0, len(tensor.data), STRIDE):
                part = tensor.data[at : at + STRIDE]
                file.write(dequantise(part).astype("<f4").tobytes() if tensor.packed else part)


def build_tokenizer(source: Source) -> Tokenizer:
    """The model's tokenizer: normal form, ▁ before each word, unigram pieces, `<s> … </s>`."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, processors
    from tokenizers.normalizers import NFC, Precompiled, Replace, Sequence
    from tokenizers.pre_tokenizers import Metaspace

    tokenizer = Tokenizer(models.Unigram(source.pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = Sequence(
        [
            Precompiled(charsmap(source.table)),
            NFC(),  # か + U+3099, as a Mac writes file names; the original's rules compose it too
            Replace(Regex(" +"), " "),
            Replace(Regex("^ | $"), ""),
        ]
    )
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    tokenizer.add_special_tokens(special)
    return tokenizer
