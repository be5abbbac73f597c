"""Turning text into vectors: what an encoder is, and the one run by sentence-transformers."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from index.errors import ModelUnavailable
from index.prompts import Prompts, prompts_of
from index.settings import cache_folder, model_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

BATCH = 16  # texts at a time: few, so that Ctrl-C and a small memory wait for little


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


class SentenceTransformerEncoder:
    """Any sentence-transformers model, with the prefixes it wants."""

    def __init__(
        self, model: SentenceTransformer, name: str, fingerprint: str, prompts: Prompts
    ) -> None:
        """Wrap a loaded model; `load_encoder` is the usual door."""
        self._model = model
        self.name = name
        self.fingerprint = fingerprint
        self.dim = int(model.get_embedding_dimension() or 0)
        self._prompts = prompts

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1."""
        return self._encode(texts, self._prompts.passage)

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dim) vectors of length 1.

        On one thread: a question is too short to share out. On 2 busy cores the median for one
        fell from 318 to 63 ms by that, on idle ones from 42 to 34.
        """
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._encode(texts, self._prompts.question)
        finally:
            torch.set_num_threads(threads)

    def _encode(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        import numpy as np

        vectors = self._model.encode(
            list(texts),
            prompt=prompt,
            batch_size=BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)


_loaded: dict[str, Encoder] = {}
_failed: dict[str, ModelUnavailable] = {}  # looking for a model that is not there can take minutes
_loading = threading.Lock()


def load_encoder() -> Encoder:
    """The encoder that KIKIGAKI_MODEL names, else the default one; tried once a process.

    Raises:
        ModelUnavailable: the weights are not there, or are no sentence-transformers model.
    """
    name = model_name() or ""
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


def configured_model() -> str:
    """What `load_encoder` would load, told without loading it; changes when the setting does."""
    name = model_name()
    if name is None:
        from index.default_model import SOURCE, UNPACKER

        try:
            return f"default {SOURCE[0]} {version(SOURCE[0])}, unpacker {UNPACKER}"
        except PackageNotFoundError:
            return "default"  # loading it will say what is missing
    config = Path(name).expanduser() / "modules.json"
    return f"{name} {config.stat().st_mtime_ns}" if config.is_file() else name


def encoder_ready() -> bool:
    """Whether `load_encoder` would answer at once."""
    return (model_name() or "") in _loaded


def encoder_failed() -> bool:
    """Whether the configured model could not be loaded in this process."""
    return (model_name() or "") in _failed


def _load(name: str) -> Encoder:
    if not name:
        from index.default_model import default_model, fingerprint

        folder = default_model()
        model = _open(str(folder))
        prompts = prompts_of(model, folder.name)
        return SentenceTransformerEncoder(model, folder.name, fingerprint(folder), prompts)
    model = _open(name)
    prompts = prompts_of(model, name)
    return SentenceTransformerEncoder(model, name, _weights_fingerprint(model, prompts), prompts)


def _open(name: str) -> SentenceTransformer:
    if Path(name).expanduser().is_dir():
        name = str(Path(name).expanduser())
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is whole: nothing is looked up
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries' own; a failure still raises
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                return SentenceTransformer(name, local_files_only=True)  # what is here needs no net
            except OSError:
                if Path(name).is_dir():
                    raise
                return SentenceTransformer(name)
    except Exception as error:  # the libraries raise whatever their parts do
        raise ModelUnavailable(
            f"モデル {name} を読み込めません。キーワード検索だけで答えます。: {error}\n"
            f"(The model cannot be loaded; KIKIGAKI_MODEL takes a sentence-transformers name or "
            f"folder. Answers use keywords only.)"
        ) from error


def _weights_fingerprint(model: SentenceTransformer, prompts: Prompts) -> str:
    """SHA-256 over weights, prefixes and length limit: what two equal vectors depend on."""
    settings = (prompts.question, prompts.passage, model.max_seq_length)
    digest = hashlib.sha256(repr(settings).encode())
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).float().numpy().tobytes())
    return digest.hexdigest()[:16]


# ── a model that is no longer the configured one ──────────────────────────────────────────────────

_formers: WeakValueDictionary[str, Encoder] = WeakValueDictionary()  # in memory while one answers
_lost: dict[str, ModelUnavailable] = {}
_reopening = threading.Lock()  # its own: questions to the configured model go on meanwhile


def former_encoder(name: str, fingerprint: str) -> Encoder:
    """The encoder that made a store's vectors, from what is left of it on this machine.

    Nothing is downloaded. It is kept in memory as long as somebody holds it; what could not be
    loaded is not tried again in this process.

    Args:
        name: what it called itself: its name or folder, or the unpacked default model's.
        fingerprint: what it has to have.

    Raises:
        ModelUnavailable: it is not there any more, or is another one now.
    """
    with _reopening:
        if fingerprint in _lost:
            raise _lost[fingerprint]
        encoder = _formers.get(fingerprint)
        if encoder is None:
            try:
                encoder = _formers[fingerprint] = _former(name, fingerprint)
            except Exception as error:  # the libraries raise whatever their parts do
                _lost[fingerprint] = ModelUnavailable(
                    f"索引のベクトルを作ったモデル {name} が読めません。`python -m index` が"
                    f"今のモデルで作り直すまで、言葉だけで探します。: {error}\n"
                    f"(The model of the stored vectors cannot be loaded; answers use keywords only "
                    f"until that command has encoded all passages with the present one.)"
                )
                raise _lost[fingerprint] from error
        return encoder


def former_ready(fingerprint: str) -> bool:
    """Whether `former_encoder` would answer at once."""
    return fingerprint in _formers


def former_failed(fingerprint: str) -> bool:
    """Whether it could not be loaded in this process."""
    return fingerprint in _lost


def _former(name: str, fingerprint: str) -> Encoder:
    folder = cache_folder() / "models" / name
    if not folder.is_dir():
        folder = Path(name).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        of_hub = name if "/" in name else f"sentence-transformers/{name}"
        folder = Path(snapshot_download(of_hub, local_files_only=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries' own; a failure still raises
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(str(folder), local_files_only=True)
    prompts = prompts_of(model, name)
    if fingerprint not in (_unpacked_fingerprint(folder), _weights_fingerprint(model, prompts)):
        raise ValueError("its weights or prefixes are others now")
    return SentenceTransformerEncoder(model, name, fingerprint, prompts)


def _unpacked_fingerprint(folder: Path) -> str:
    """What versions 0.x gave an unpacked default model; empty for any other folder."""
    try:
        manifest = json.loads((folder / "kikigaki.json").read_bytes())
        return f"{manifest['source'][:12]}-{manifest['unpacker']}"
    except (OSError, ValueError, KeyError):
        return ""
