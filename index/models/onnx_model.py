"""A folder with an ONNX graph, its weights and a manifest: opened whole, and run in batches.

Both the encoder and the reader are such folders; training/ makes them.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.storage.stamp import sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, OrtValue
    from tokenizers import Tokenizer

MANIFEST = "kikigaki.json"
TOKENS_A_BATCH = 512  # more makes no batch faster, and memory grows with it
PADDING = 0.1  # of a batch, at most: texts much shorter than its longest go into another


def fingerprint(folder: Path) -> str:
    """Identity of what a folder's model gives, from its manifest; files are of the recorded size.

    Raises:
        OSError, ValueError, KeyError, TypeError: a file is missing or has another size.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name, file in manifest["files"].items():
        if (size := (folder / name).stat().st_size) != file["bytes"]:
            raise ValueError(f"{name}: {size} bytes, not {file['bytes']}")
    return str(manifest["fingerprint"])


def must_be_whole(folder: Path) -> None:
    """Weights with a flipped byte would load, and leave wrong vectors in every store.

    Raises:
        ValueError: a file's SHA-256 is not the recorded one.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name, file in manifest["files"].items():
        if sha256(folder / name) != file["sha256"]:
            raise ValueError(f"{name}: damaged")


@lru_cache(maxsize=2)
def open_tokenizer(folder: Path) -> Tokenizer:
    """An encoder's tokenizer, which cuts nothing off; one for all who ask, as it takes 34 MB."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    return tokenizer


def open_session(
    folder: Path, shared: Mapping[str, NDArray[np.generic]] | None = None
) -> InferenceSession:
    """The folder's graph, ready to run.

    Args:
        folder: with model.onnx and the weights that it names.
        shared: weights of the graph that stand elsewhere, by name; kept alive by the caller.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    options.intra_op_num_threads = cores()
    # a thread that waits for the next matrix by spinning takes the core from other programs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it would keep what the largest batch needed
    if shared:
        values: list[OrtValue] = [
            onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in shared.values()
        ]
        options.add_external_initializers(list(shared), values)
    model = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    give_back_memory()
    return session


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


def padded(rows: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """What a graph takes: token ids and which of them are there, each (rows, longest)."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def give_back_memory() -> None:
    """Return what is free: the C library keeps it, after decoding 162 MB where 34 are in use."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)
