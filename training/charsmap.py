"""A tokenizer's Unicode normalisation from its own table, in the form SentencePiece compiles it to.

Plain NFKC is another thing: it knows characters that are newer than the model.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

SENTENCES = ["a b c d e f g"] * 50  # the trainer wants some; only its normaliser is kept
SENTENCE_PIECES = 12  # as few as it takes


def charsmap(table: Mapping[str, str]) -> bytes:
    """The compiled rules: what each character of a table becomes."""
    import sentencepiece
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "rules.tsv")
        path.write_text(
            "".join(
                f"{_codes(text)}\t{_codes(normal)}\n" for text, normal in sorted(table.items())
            ),
            encoding="ascii",
        )
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES),
            model_writer=model,
            vocab_size=SENTENCE_PIECES,
            hard_vocab_limit=False,
            normalization_rule_tsv=str(path),
            minloglevel=2,  # errors
        )
    proto = ModelProto.FromString(model.getvalue())
    return bytes(proto.normalizer_spec.precompiled_charsmap)


def _codes(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)
