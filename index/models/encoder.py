"""Turning text into vectors: what an encoder is, which one is configured, and how it is loaded.

The default model runs in onnx_encoder.py, any other in sentence_encoder.py.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from index.errors import ModelUnavailable
from index.models.onnx_encoder import OnnxEncoder, default_fingerprint
from index.models.prompts import prompts_of
from index.models.sentence_encoder import (
    SentenceTransformerEncoder,
    open_model,
    weights_fingerprint,
)
from index.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GPU_FROM = 1_000  # passages


class Encoder(Protocol):
    """What search needs of a model; tests bring their own."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the vectors would: weights, prompts, length limit."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1, for what is searched."""
        ...

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1, for what is asked."""
        ...


_loaded: dict[str, Encoder] = {}
_failed: dict[str, ModelUnavailable] = {}  # looking for a model that is not there can take minutes
_loading = threading.Lock()


def model_name() -> str:
    """KIKIGAKI_MODEL: a sentence-transformers name or folder; empty for the default model."""
    return os.environ.get("KIKIGAKI_MODEL", "")


def load_encoder() -> Encoder:
    """The encoder that KIKIGAKI_MODEL names, else the default one; tried once a process.

    Raises:
        ModelUnavailable: the weights are not there, or are no sentence-transformers model.
    """
    name = model_name()
    with _loading:
        if name in _failed:
            raise _failed[name]
        if name not in _loaded:
            try:
                _loaded[name] = _load(name)
            except ModelUnavailable as error:
                _failed[name] = error
                raise
        return _loaded[name]


def for_passages(encoder: Encoder, count: int) -> Encoder:
    """What to encode so many passages with in this encoder's place; vectors of both may be mixed.

    The same, but where the default model has many to encode and there is a CUDA GPU: there
    sentence-transformers runs it. Importing that for a few would take longer than they do.

    Raises:
        ModelUnavailable: the default model cannot be loaded.
    """
    if not isinstance(encoder, OnnxEncoder) or count < GPU_FROM or not _has_cuda():
        return encoder
    model = open_model(str(DEFAULT_MODEL))
    prompts = prompts_of(model, encoder.name)
    return SentenceTransformerEncoder(model, encoder.name, encoder.fingerprint, prompts)


def configured_model() -> str:
    """What `load_encoder` would load, told without loading it; changes when the setting does."""
    name = model_name()
    if not name:
        try:
            return f"default {default_fingerprint(DEFAULT_MODEL)}"
        except ModelUnavailable:
            return "default"  # loading it will say what is missing
    config = Path(name).expanduser() / "modules.json"
    return f"{name} {config.stat().st_mtime_ns}" if config.is_file() else name


def encoder_ready() -> bool:
    """Whether `load_encoder` would answer at once."""
    return model_name() in _loaded


def encoder_failed() -> bool:
    """Whether the configured model could not be loaded in this process."""
    return model_name() in _failed


def _has_cuda() -> bool:
    if not shutil.which("nvidia-smi"):  # it comes with the driver; torch takes seconds to ask
        return False
    import torch

    return torch.cuda.is_available()


def _load(name: str) -> Encoder:
    if not name:
        return OnnxEncoder(DEFAULT_MODEL)
    model = open_model(name)
    prompts = prompts_of(model, name)
    return SentenceTransformerEncoder(model, name, weights_fingerprint(model, prompts), prompts)
