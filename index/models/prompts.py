"""Which prefixes a model wants before questions and passages: its own, else its family's.

    name, model ─ prompts_of ▶ Prompts

Retrieval models are trained with them, and search worse without; many say so only in their card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a text before it is encoded; empty for nothing."""

    question: str = ""
    passage: str = ""


# As model folders name them, the first that says anything wins; case and punctuation differ.
QUESTION_NAMES = (
    "query",
    "search query",
    "retrieval query",  # AMBER, Jina
    "web search query",  # e5-mistral
    "s2p query",  # Stella
)
PASSAGE_NAMES = (
    "document",
    "passage",
    "corpus",
    "search document",
    "retrieval document",
    "retrieval passage",
)

_E5 = Prompts("query: ", "passage: ")
_WEB_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"

# Only families whose own folders leave the prefixes out; the special before the general. Each row
# names the card it is from. A pattern has to match whole words of a name in lower case whose other
# characters are hyphens: "cl-nagoya/ruri-base-v2" is "ruri-base-v2".
FAMILIES = (
    ("ruri-v3", Prompts("検索クエリ: ", "検索文書: ")),  # cl-nagoya/ruri-v3-310m
    ("ruri-(pt-)?(small|base|large)", Prompts("クエリ: ", "文章: ")),  # cl-nagoya/ruri-base, -v2
    ("glucose-base-ja-v2", _E5),  # pkshatech/GLuCoSE-base-ja-v2
    (
        "sarashina-embedding-v2",  # sbintuitions/sarashina-embedding-v2-1b
        Prompts(
            "task: クエリを与えるので、与えられたWeb検索クエリに答える関連文章を検索してください。"
            "\nquery: ",
            "text: ",
        ),
    ),
    # intfloat/multilingual-e5-large-instruct
    ("e5-.*instruct", Prompts(f"Instruct: {_WEB_SEARCH}\nQuery: ")),
    ("e5-(small|base|large)", _E5),  # intfloat/multilingual-e5-small, intfloat/e5-base-v2
    # nomic-ai/nomic-embed-text-v1.5, nomic-ai/modernbert-embed-base
    ("nomic-embed-text|modernbert-embed", Prompts("search_query: ", "search_document: ")),
    # BAAI/bge-base-en-v1.5
    (
        "bge-(small|base|large)-en",
        Prompts("Represent this sentence for searching relevant passages: "),
    ),
    # BAAI/bge-base-zh-v1.5
    (
        "bge-(small|base|large)-zh(?!-noinstruct)",
        Prompts("为这个句子生成表示以用于检索相关文章："),
    ),
)


def prompts_of(model: SentenceTransformer, name: str) -> Prompts:
    """The prefixes of a loaded model; none if neither it nor its family is known to want any.

    What its folder states wins, and one side stated alone means that the other wants nothing. A
    family is known by the name, else by what the model's card and configuration say it came from.

    Args:
        model: loaded, with the prompts its folder states.
        name: what it was loaded by, a name on the hub or a folder.
    """
    stated = {_words(key): text for key, text in model.prompts.items()}
    own = Prompts(_first(stated, QUESTION_NAMES), _first(stated, PASSAGE_NAMES))
    if own != Prompts():  # the library itself puts empty ones where none are stated
        return own
    for called in _names(name):
        for pattern, prompts in FAMILIES:
            if re.search(rf"\b({pattern})\b", _words(called).replace(" ", "-")):
                return prompts
    return Prompts()


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


def _first(stated: Mapping[str, str | None], names: Sequence[str]) -> str:
    return next((text for name in names if (text := stated.get(name))), "")


def _names(name: str) -> Iterator[str]:
    """What the model is called, the surest first: as given, on disk, and what it was made from."""
    from sentence_transformers.util import load_file_path

    folder = Path(name).expanduser()
    yield folder.name
    if folder.is_dir():  # perhaps a link, or a snapshot in the hub's cache, whose name is a hash
        folder = folder.resolve()
        yield folder.name
        yield from (part for part in folder.parts if part.startswith("models--"))
        name = str(folder)
    for file, origins in (("README.md", _base_models), ("config.json", _loaded_from)):
        if path := load_file_path(name, file, local_files_only=True):
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            yield from (re.split(r"[/\\]", origin)[-1] for origin in origins(text))


def _base_models(card: str) -> list[str]:
    """`base_model` of a model card's front matter, which may also hold 200 kB of results."""
    front = card.split("\n---", 1)[0]
    found = re.search(r"^base_model:(.*(?:\n *- .*)*)", front, re.MULTILINE)
    return re.findall(r"""[^\s\[\],'"]+""", found[1]) if found else []


def _loaded_from(config: str) -> list[str]:
    """`_name_or_path` of a config.json: older libraries kept there what training started from."""
    try:
        origin = json.loads(config).get("_name_or_path")
    except (ValueError, AttributeError):
        return []
    return [origin] if isinstance(origin, str) else []
