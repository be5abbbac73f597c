"""The default encoder: our own small model, run in int8 by ONNX Runtime, without torch.

    texts ─ prompt, tokenizer ▶ rows of ids ─ each by itself ▶ graph ▶ vectors

The folder is an ordinary sentence-transformers one with a graph beside its weights; training/ makes
it. Not importing sentence-transformers saves 400 MB and most of the seconds of a cold start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ModelUnavailable
from index.messages import said
from index.models.onnx_model import (
    fingerprint,
    give_back_memory,
    must_be_whole,
    open_session,
    open_tokenizer,
    run_each,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OnnxEncoder:
    """A model folder from `training.pack`."""

    def __init__(self, folder: Path) -> None:
        """Open it, its files as the manifest says; half a second.

        Raises:
            ModelUnavailable: a file is missing, damaged or unreadable.
        """
        try:
            self.name = folder.name
            self.fingerprint = fingerprint(folder)
            must_be_whole(folder)
            settings = json.loads((folder / "config_sentence_transformers.json").read_bytes())
            self.dim = int(json.loads((folder / "config.json").read_bytes())["hidden_size"])
            limits = json.loads((folder / "sentence_bert_config.json").read_bytes())
            self._longest = int(limits["max_seq_length"])
            self._prompts: dict[str, str] = settings["prompts"]
            self._tokenizer = open_tokenizer(folder)
            self._session = open_session(folder)
        except Exception as error:  # the libraries raise whatever their parts do
            raise unusable(folder, error) from error

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1."""
        return self._encode([self._prompts["passage"] + text for text in texts])

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1."""
        return self._encode([self._prompts["query"] + text for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = [self._cut(encoding.ids) for encoding in self._tokenizer.encode_batch(texts)]
        vectors = np.empty((len(rows), self.dim), np.float32)
        for number, (vector,) in enumerate(run_each(self._session, rows)):
            vectors[number] = vector[0]
        if len(rows) > 1:
            give_back_memory()
        return vectors

    def _cut(self, ids: list[int]) -> list[int]:
        return ids if len(ids) <= self._longest else [*ids[: self._longest - 1], ids[-1]]


def default_fingerprint(folder: Path) -> str:
    """Identity of a folder's vectors, told without loading it.

    Raises:
        ModelUnavailable: a file is missing or has another size.
    """
    try:
        return fingerprint(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unusable(folder, error) from error


def unusable(folder: Path, error: Exception) -> ModelUnavailable:
    """What to tell when the default model's folder cannot be used."""
    return ModelUnavailable(said("model_unusable", folder=folder, reason=error))
