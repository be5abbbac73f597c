"""The default encoder: our own small model, run in int8 by ONNX Runtime, without torch.

    texts ─ prompt, tokenizer ▶ ids, sorted by length ─ batches of like length ▶ graph ▶ vectors

The folder is an ordinary sentence-transformers one with a graph beside its weights; training/ makes
it. Not importing sentence-transformers saves 400 MB and most of the seconds of a cold start.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ModelUnavailable
from index.stamp import sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MANIFEST = "kikigaki.json"
TOKENS_A_BATCH = 512  # more makes no batch faster, and memory grows with it
PADDING = 0.1  # of a batch, at most: texts much shorter than its longest go into another


class OnnxEncoder:
    """A model folder from `training.pack`."""

    def __init__(self, folder: Path) -> None:
        """Open it, its files as the manifest says; half a second.

        Raises:
            ModelUnavailable: a file is missing, damaged or unreadable.
        """
        self.name = folder.name
        self.fingerprint = fingerprint(folder)
        try:
            _must_be_whole(folder)
            settings = json.loads((folder / "config_sentence_transformers.json").read_bytes())
            limits = json.loads((folder / "sentence_bert_config.json").read_bytes())
            self.dim = int(json.loads((folder / "config.json").read_bytes())["hidden_size"])
            self._prompts: dict[str, str] = settings["prompts"]
            self._tokenizer = _open_tokenizer(folder, int(limits["max_seq_length"]))
            self._session = _open_session(folder)
        except Exception as error:  # the libraries raise whatever their parts do
            raise unusable(folder, error) from error

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1."""
        return self._encode([self._prompts["passage"] + text for text in texts])

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1."""
        return self._encode([self._prompts["query"] + text for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        vectors = np.empty((len(rows), self.dim), np.float32)
        for batch in batches([len(row) for row in rows]):
            ids = np.zeros((len(batch), len(rows[batch[-1]])), np.int64)
            mask = np.zeros_like(ids)
            for at, number in enumerate(batch):
                ids[at, : len(rows[number])] = rows[number]
                mask[at, : len(rows[number])] = 1
            inputs = {"input_ids": ids, "attention_mask": mask}
            vectors[batch] = self._session.run(None, inputs)[0]
        if len(rows) > 1:
            _give_back_memory()
        return vectors


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts to run together, shortest first, each batch with little padding."""
    batch: list[int] = []
    tokens = 0
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batch) + 1) * lengths[number]
        waste = padded - tokens - lengths[number]
        if batch and (padded > TOKENS_A_BATCH or waste > PADDING * padded):
            yield batch
            batch, tokens = [], 0
        batch.append(number)
        tokens += lengths[number]
    if batch:
        yield batch


def fingerprint(folder: Path) -> str:
    """Identity of a folder's vectors, from its manifest; its files are of the recorded size.

    Raises:
        ModelUnavailable: a file is missing or has another size.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        for name, file in manifest["files"].items():
            if (size := (folder / name).stat().st_size) != file["bytes"]:
                raise ValueError(f"{name}: {size} bytes, not {file['bytes']}")
        return str(manifest["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unusable(folder, error) from error


def _must_be_whole(folder: Path) -> None:
    """Weights with a flipped byte would load, and leave wrong vectors in every store."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name, file in manifest["files"].items():
        if sha256(folder / name) != file["sha256"]:
            raise ValueError(f"{name}: damaged")


def unusable(folder: Path, error: Exception) -> ModelUnavailable:
    """What to tell when the default model's folder cannot be used."""
    return ModelUnavailable(
        f"既定のモデル {folder} を読み込めません（{error}）。キーワード検索だけで答えます。"
        f"ファイルを入れ直すか、KIKIGAKI_MODEL に別のモデルを指定してください。\n"
        f"(The default model cannot be loaded; answers use keywords only. Restore its files, or "
        f"set KIKIGAKI_MODEL to another model.)"
    )


def _open_tokenizer(folder: Path, longest: int) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(longest)
    return tokenizer


def _open_session(folder: Path) -> InferenceSession:
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # builds for Windows have some
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    options.intra_op_num_threads = cores()
    # a thread that waits for the next matrix by spinning takes the core from other programs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it would keep what the largest batch needed
    model = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    _give_back_memory()
    return session


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _give_back_memory() -> None:
    """Return what is free: the C library keeps it, after decoding 162 MB where 34 are in use."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)
