"""A folder with an ONNX graph, its weights and a manifest: opened whole, and run row by row.

Both the encoder and the reader are such folders; training/ makes them.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, OrtValue
    from tokenizers import Tokenizer

MANIFEST = "kikigaki.json"


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
    """The folder's graph, for `run_each`.

    Args:
        folder: with model.onnx and the weights that it names.
        shared: weights of the graph that stand elsewhere, by name; kept alive by the caller.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    options.intra_op_num_threads = 1  # each thread runs another row: none waits for another
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


def run_each(
    session: InferenceSession, rows: Sequence[Sequence[int]]
) -> list[Sequence[NDArray[np.float32]]]:
    """What a graph makes of each row of token ids, run by itself, as many at a time as cores.

    In a batch a row's result would depend on the others there: the graph's numbers are rounded in
    steps that fit all of them. By itself it is always the same, and no slower.
    """

    def run(row: Sequence[int]) -> Sequence[NDArray[np.float32]]:
        ids = np.array([row], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        made: Sequence[NDArray[np.float32]] = session.run(None, given)
        return made

    if len(rows) < 2:
        return [run(row) for row in rows]
    with ThreadPoolExecutor(cores()) as threads:
        return list(threads.map(run, rows))


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


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
