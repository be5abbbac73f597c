"""The prefixes a model is given: seen in its vectors, with tiny models made here."""

from pathlib import Path

import numpy as np
import pytest
from conftest import make_model

from index.models.encoder import Encoder, load_encoder
from index.models.prompts import Prompts, prompts_of


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes and loads a model of the same weights under each name."""

    def load(name: str, prompts: dict[str, str], card: str = "", config: str = "") -> Encoder:
        folder = tmp_path / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_model(folder, 0, prompts)
        if card:
            (folder / "README.md").write_text(card, encoding="utf-8")
        if config:
            path = folder / "config.json"
            path.write_text(path.read_text().replace("{", f"{{{config},", 1))
        monkeypatch.setenv("KIKIGAKI_MODEL", str(folder))
        return load_encoder()

    return load


RURI_3 = ("検索クエリ: ", "検索文書: ")
E5 = ("query: ", "passage: ")


@pytest.mark.parametrize(
    ("name", "stated", "prefixes"),
    [
        ("ruri-v3-30m", {}, RURI_3),
        ("ruri-base-v2", {}, ("クエリ: ", "文章: ")),
        ("Multilingual_E5_small", {}, E5),
        ("models--cl-nagoya--ruri-v3-30m/snapshots/24899e5de370", {}, RURI_3),
        ("ruri-v3-70m", {"query": "query: ", "passage": "パス: "}, ("query: ", "パス: ")),
        (
            "amber-base",
            {"Retrieval-query": "文書 ", "Retrieval-passage": "文章 "},
            ("文書 ", "文章 "),
        ),
        ("e5-base", {"query": "クエリ: ", "document": ""}, ("クエリ: ", "")),
        ("e5-small", {"query": "", "document": ""}, E5),  # as the library saves none
        ("ruri-v3-310m", {"STS": "パス: "}, RURI_3),  # not for retrieval
        ("猫-ruri", {}, ("", "")),  # somebody's name, too
    ],
)
def test_prefixes_are_in_the_vectors(load, name, stated, prefixes) -> None:
    plain, encoder = load("plain", {}), load(name, stated)
    question, passage = (plain.encode_passages([prefix + "猫はこたつ"]) for prefix in prefixes)
    assert encoder.encode_questions(["猫はこたつ"]) == pytest.approx(question, abs=1e-5)
    assert encoder.encode_passages(["猫はこたつ"]) == pytest.approx(passage, abs=1e-5)
    assert np.allclose(question, passage, atol=1e-5) == (prefixes[0] == prefixes[1])
    assert (encoder.fingerprint == plain.fingerprint) == (prefixes == ("", ""))


@pytest.mark.parametrize(
    ("card", "config"),
    [
        ("---\nlanguage: ja\nbase_model: cl-nagoya/ruri-v3-30m\n---\n# 私のモデル\n", ""),
        ("---\nbase_model:\n- a/merged\n- 'cl-nagoya/ruri-v3-30m'\ntags: [e5-base]\n---\n", ""),
        ("", '"_name_or_path": "/home/neko/e5-base/ruri-v3-30m"'),
    ],
)
def test_a_folder_says_what_it_was_made_from(load, card, config) -> None:
    tuned, ruri = load("tuned", {}, card, config), load("ruri-v3-30m", {})
    assert tuned.fingerprint == ruri.fingerprint
    assert np.array_equal(tuned.encode_questions(["犬"]), ruri.encode_questions(["犬"]))


def test_a_broken_card_and_configuration_are_of_no_family(load) -> None:
    plain = load("plain", {})
    for number, config in enumerate(('"_name_or_path": null', '"_name_or_path": "."')):
        broken = load(
            f"broken{number}", {}, "---\nbase_model:\n: [\n---\nbase_model: e5-base", config
        )
        assert broken.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("name", "question", "passage"),
    [
        ("cl-nagoya/ruri-v3-pt-310m", *RURI_3),
        ("cl-nagoya/ruri-small", "クエリ: ", "文章: "),
        ("pkshatech/GLuCoSE-base-ja-v2", *E5),
        ("intfloat/e5-base-v2", *E5),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        *(
            (name, "", "")
            for name in """BAAI/bge-m3 BAAI/bge-large-zh-noinstruct pkshatech/GLuCoSE-base-ja
            sbintuitions/sarashina-embedding-v1-1b hotchpotch/static-embedding-japanese
            royokong/e5-v thenlper/gte-base cl-nagoya/sup-simcse-ja-base
            sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2""".split()
        ),
    ],
)
def test_names_on_the_hub(model, name: str, question: str, passage: str) -> None:
    assert prompts_of(model, name) == Prompts(question, passage)


def test_instructions_are_for_questions(model) -> None:
    e5 = prompts_of(model, "intfloat/multilingual-e5-large-instruct")
    assert e5.question.startswith("Instruct: ")
    assert e5.question.endswith("\nQuery: ")
    assert e5.passage == ""
    sarashina = prompts_of(model, "sbintuitions/sarashina-embedding-v2-1b")
    assert sarashina.question.startswith("task: クエリを与えるので、")
    assert sarashina.question.endswith("\nquery: ")
    assert sarashina.passage == "text: "


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    from sentence_transformers import SentenceTransformer

    folder = make_model(tmp_path_factory.mktemp("models") / "plain", 0, {})
    return SentenceTransformer(str(folder))
