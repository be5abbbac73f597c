"""python -m training.prune MODEL OUT --jaquad DIR: only the pieces of Japanese and English notes.

Of 250,002 pieces, most are of other languages. A text whose pieces are all kept gets the same ids
in order, so the same vectors; one that used a dropped piece is cut into shorter ones. Kept are:

- what JaQuAD's train part uses;
- kana, kanji of JIS X 0213, and the signs of Japanese text, alone or together;
- every single character of these and of the Latin, Greek and Cyrillic alphabets, and symbols;
- the pieces of the commonest English words, as the package `wordfreq` counts them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from training.e5small import SPECIAL
from training.log import logged

SPACE = "▁"  # stands before a word
ENGLISH_WORDS = 10_000
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "HIRAGANA", "KATAKANA", "CJK", "IDEOGRAPHIC", "HANGUL")
EMBEDDING = "embeddings.word_embeddings.weight"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.prune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="folder from training.unpack")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--jaquad", type=Path, required=True, help="JaQuAD's folder of train files")
    parser.add_argument("--english-words", type=int, default=ENGLISH_WORDS)
    options = parser.parse_args(argv)
    settings = {"jaquad": options.jaquad, "english_words": options.english_words}
    with logged("prune", model=options.model, **settings) as scores:
        tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
        used = pieces_used(tokenizer, jaquad_texts(options.jaquad))
        used |= pieces_used(tokenizer, english_words(options.english_words))
        pieces = [piece for piece, _ in vocabulary(options.model)]
        kept = [
            number
            for number, piece in enumerate(pieces)
            if piece in SPECIAL or number in used or is_wanted(piece)
        ]
        prune(options.model, options.out, kept)
        scores |= {"pieces": len(kept), "of": len(pieces), "used_by_texts": len(used)}
        print(scores)
    return 0


def vocabulary(model: Path) -> list[tuple[str, float]]:
    """The pieces of a folder's tokenizer and their log probabilities, in order of their ids."""
    settings = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    return [(piece, score) for piece, score in settings["model"]["vocab"]]


def is_wanted(piece: str) -> bool:
    """Whether a piece is Japanese, or a single character of an alphabet or a symbol."""
    text = piece.replace(SPACE, "")
    if len(text) <= 1:
        return not text or unicodedata.category(text)[0] in "PSNZ" or _is_of_alphabet(text)
    try:
        text.encode("euc_jis_2004")
    except UnicodeEncodeError:
        return False
    return not any(unicodedata.name(c, "").startswith(ALPHABETS[:3]) for c in text)


def _is_of_alphabet(character: str) -> bool:
    return unicodedata.name(character, "").startswith(ALPHABETS)


def jaquad_texts(folder: Path) -> Iterator[str]:
    """Every title, passage and question."""
    for path in sorted(folder.glob("*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            yield article["title"]
            for paragraph in article["paragraphs"]:
                yield paragraph["context"]
                yield from (asked["question"] for asked in paragraph["qas"])


def english_words(count: int) -> Iterator[str]:
    """The commonest words, also as they begin a sentence."""
    from wordfreq import top_n_list

    for word in top_n_list("en", count):
        yield word
        yield word.capitalize()


def pieces_used(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    """Ids that occur in some texts."""
    return {number for encoding in tokenizer.encode_batch(list(texts)) for number in encoding.ids}


def prune(model: Path, out: Path, kept: Sequence[int]) -> None:
    """Write a model's folder anew with some of its pieces, which are numbered anew in order.

    Raises:
        OSError: OUT is there already, or cannot be written.
    """
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, out, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = load_file(model / "model.safetensors")
    weights[EMBEDDING] = weights[EMBEDDING][list(kept)].clone()
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})

    settings = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    numbers = {old: new for new, old in enumerate(kept)}
    settings["model"]["vocab"] = [settings["model"]["vocab"][old] for old in kept]
    settings["model"]["unk_id"] = numbers[settings["model"]["unk_id"]]
    for token in settings["added_tokens"]:
        token["id"] = numbers[token["id"]]
    for token in settings["post_processor"]["special_tokens"].values():
        token["ids"] = [numbers[old] for old in token["ids"]]
    text = json.dumps(settings, ensure_ascii=False, separators=(",", ":"))
    (out / "tokenizer.json").write_text(text, encoding="utf-8")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": len(kept), "pad_token_id": numbers[config["pad_token_id"]]}
    (out / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
