"""A tokenizer's Unicode normalisation from its own table, in the form SentencePiece compiles it to.

The package's table gives the normal form of single characters. SentencePiece's, which it was taken
from, also composes what was written in parts (か + U+3099, ﾊ + ﾟ), so those are added: file names of
a Mac are written so. Plain NFKC is another thing: it reorders marks, and knows characters that are
newer than the model.
"""

from __future__ import annotations

import io
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

HALF_WIDTH = [chr(code) for code in range(0xFF66, 0xFF9E)]  # ｦ to ﾝ
VOICING = "ﾞﾟ\u3099\u309a"
SENTENCES = ["a b c d e f g"] * 50  # the trainer wants some; only its normaliser is kept
SENTENCE_PIECES = 12  # as few as it takes


def charsmap(table: Mapping[str, str]) -> bytes:
    """The compiled rules: a table's characters, and the sequences that compose to one character."""
    import sentencepiece
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    rules = dict(compositions(table)) | dict(table)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "rules.tsv")
        path.write_text(
            "".join(
                f"{_codes(text)}\t{_codes(normal)}\n" for text, normal in sorted(rules.items())
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


def compositions(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Sequences of characters that are one, with its normal form."""
    for character in map(chr, range(sys.maxunicode + 1)):
        parts = unicodedata.normalize("NFD", character)
        if len(parts) > 1 and unicodedata.normalize("NFC", parts) == character:
            yield parts, "".join(table.get(part, part) for part in character)
    for half, mark in product(HALF_WIDTH, VOICING):
        whole = unicodedata.normalize("NFKC", half + mark)
        if len(whole) == 1:
            yield half + mark, whole


def _codes(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)
