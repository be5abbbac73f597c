"""Any model as sentence-transformers runs it: with its prefixes, on a GPU if there is one."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import ModelUnavailable
from index.messages import said
from index.models.prompts import Prompts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

BATCH = 16  # texts at a time: few, so that Ctrl-C and a small memory wait for little


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


def open_model(name: str) -> SentenceTransformer:
    """A model by its name or folder.

    Raises:
        ModelUnavailable: it is not there, or is no sentence-transformers model.
    """
    if Path(name).expanduser().is_dir():
        name = str(Path(name).expanduser())
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is whole: nothing is looked up
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # The libraries warn of their own matters; a failure still raises.
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
        raise ModelUnavailable(said("other_model_unusable", name=name, reason=error)) from error


def weights_fingerprint(model: SentenceTransformer, prompts: Prompts) -> str:
    """SHA-256 over weights, prefixes and length limit: what two equal vectors depend on."""
    settings = (prompts.question, prompts.passage, model.max_seq_length)
    digest = hashlib.sha256(repr(settings).encode())
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).float().numpy().tobytes())
    return digest.hexdigest()[:16]
