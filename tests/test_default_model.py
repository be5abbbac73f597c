"""The model in models/: whole, ordinary, the same vectors by both engines, and light."""

import json
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
from package_tokenizer import PackageTokenizer
from tokenizers import Tokenizer

from index import build, open_store
from index.errors import ModelUnavailable
from index.models.encoder import load_encoder
from index.models.onnx_encoder import OnnxEncoder
from index.models.onnx_model import MANIFEST, sha256
from index.notes import read_notes
from index.settings import DEFAULT_MODEL, ROOT, SEEDS
from index.splitting import split
from index.storage.rows import encoder_text
from qa import ask

QUESTIONS = [
    "Hyper-Vのライブマイグレーション対応は？",
    "犬の散歩は何時ですか",
    "サーバの電源が入らないときは",
    "What did the 2009 seminar say about Xen?",
    "猫",
]
ODD = ["", " ", "\n", "a" * 3000, "猫" * 2000, "か\u3099ﾊﾟ①㈱Ⅳ㌔", "\0\ud7ff\uffff", "👨‍👩‍👧 ஸ்ரீ"]


@pytest.fixture(scope="module")
def passages() -> list[str]:
    """What the encoder reads for the seeds' passages."""
    return [
        encoder_text(note.title, passage)
        for note in read_notes(SEEDS)[0]
        for passage in split(note)
    ]


@pytest.fixture(scope="module")
def ours() -> OnnxEncoder:
    return OnnxEncoder(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def theirs():
    """The folder as sentence-transformers loads it, with the network closed."""
    asked = []

    def refuse(*address):
        asked.append(address)
        raise OSError("closed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        from sentence_transformers import SentenceTransformer

        loaded = SentenceTransformer(str(DEFAULT_MODEL), device="cpu")
    assert asked == []
    return loaded


def test_is_small_and_as_it_was_written():
    manifest = json.loads((DEFAULT_MODEL / MANIFEST).read_bytes())
    for name, file in manifest["files"].items():
        assert sha256(DEFAULT_MODEL / name) == file["sha256"], name
    written = {
        p.relative_to(DEFAULT_MODEL).as_posix() for p in DEFAULT_MODEL.rglob("*") if p.is_file()
    }
    assert written == {*manifest["files"], MANIFEST, "README.md"}
    assert sum(p.stat().st_size for p in DEFAULT_MODEL.rglob("*") if p.is_file()) <= 40e6


def test_is_an_ordinary_model(theirs):
    assert [type(part).__name__ for part in theirs] == ["Transformer", "Pooling", "Normalize"]
    assert (theirs.prompts["query"], theirs.prompts["passage"]) == ("query: ", "passage: ")
    assert theirs.max_seq_length == 512


def test_both_engines_give_the_same_vectors(ours, theirs, passages):
    for texts, encode, prompt, least in (
        (passages, ours.encode_passages, "passage", 0.985),
        (QUESTIONS, ours.encode_questions, "query", 0.985),
        (ODD, ours.encode_passages, "passage", 0.95),
    ):
        vectors = encode(texts)
        wanted = theirs.encode(texts, prompt_name=prompt, show_progress_bar=False)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
        assert (vectors * wanted).sum(axis=1).min() >= least
        assert (vectors * wanted).sum(axis=1).mean() >= 0.99


def test_a_vector_is_of_its_text_alone(ours, passages):
    together = ours.encode_passages(passages)
    alone = np.concatenate([ours.encode_passages([text]) for text in passages])
    assert (together == alone).all()
    assert ours.encode_passages([]).shape == (0, ours.dim)


def test_related_sentences_are_closer(ours):
    asked = ours.encode_questions(["犬の散歩は何時ですか", "サーバーの電源が入らないときは"])
    found = ours.encode_passages(
        ["毎朝六時に愛犬と公園を歩く。", "起動しない場合は主電源とケーブルを確認する。"]
    )
    cosines = asked @ found.T
    assert cosines[0, 0] > cosines[0, 1] + 0.03
    assert cosines[1, 1] > cosines[1, 0] + 0.03


def test_knows_the_pieces_of_japanese_and_english_notes(passages):
    tokenizer = Tokenizer.from_file(str(DEFAULT_MODEL / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    lacking = str.maketrans("", "", "齟齬")  # not among the base's 250,002 either
    for text in [
        *(text.translate(lacking) for text in passages),
        *QUESTIONS,
        english,
        (ROOT / "README.ja.md").read_text("utf-8"),
    ]:
        assert unknown not in tokenizer.encode(text).ids


def test_normal_forms_are_those_of_the_package(tmp_path):
    """Every piece that was kept, and every character of the plane that Japanese is in."""
    package = PackageTokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(DEFAULT_MODEL / "tokenizer.json"))
    settings = json.loads(tokenizer.to_str())
    kept = [piece for piece, _ in settings["model"]["vocab"]][4:-1]
    known = set(kept)
    names = package.pieces()
    tie = {"ⅲ"}  # ii + i and i + ii have the same score
    for text in kept + [f"あ{chr(code)}あ" for code in range(0x20, 0xD800)]:
        theirs = [names[number] for number in package(text.replace("▁", " "))]
        ours = tokenizer.encode(text.replace("▁", " "), add_special_tokens=False).tokens
        if known.issuperset(theirs) and text.strip("あ▁") not in tie and text != "▁":
            assert ours == theirs, text


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "tokenizer.json", MANIFEST])
@pytest.mark.parametrize("size", [None, 0, 1000])
def test_a_damaged_folder_is_said(tmp_path, monkeypatch, name, size):
    folder = shutil.copytree(DEFAULT_MODEL, tmp_path / "model")
    if size is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:size])
    monkeypatch.setattr("index.models.encoder.DEFAULT_MODEL", folder)
    monkeypatch.setattr("index.models.encoder._loaded", {})
    monkeypatch.setattr("index.models.encoder._failed", {})
    with pytest.raises(ModelUnavailable, match=r"(?s)読み込めません.*KIKIGAKI_MODEL"):
        load_encoder()


def test_same_sizes_other_bytes(tmp_path):
    folder = shutil.copytree(DEFAULT_MODEL, tmp_path / "model")
    with (folder / "model.safetensors").open("rb+") as stream:
        stream.seek(20_000_000)
        stream.write(bytes(64))
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors"):
        OnnxEncoder(folder)


def test_without_a_model_words_answer_and_it_is_said(notes, store_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("index.models.encoder.DEFAULT_MODEL", tmp_path / "gone")
    monkeypatch.setattr("index.models.encoder._loaded", {})
    monkeypatch.setattr("index.models.encoder._failed", {})
    report = build(notes, store_folder)
    assert any("読み込めません" in remark.ja for remark in report.remarks)
    with open_store(store_folder) as store:
        answer = ask("カレーに入れる水は何ml？", store)
    assert "600ml" in answer.text
    assert "モデルを読めない" in answer.notice


def test_answers_without_loading_torch(tmp_path):
    code = (
        "import sys; from qa.__main__ import main; main(sys.argv[1:]);"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "ライブマイグレーション",
        "--store",
        str(tmp_path / "store"),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.splitlines()[-1] == "[]"
