"""Shared by all tests: an exact encoder, a small folder of notes, and a cache of their own."""

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import app
from index import build, open_store
from index.storage.store import Store
from index.words.tokens import bigrams
from qa import Answer, Hit
from qa.answer import answer
from qa.retrieve import search
from qa.understanding.question import read_question

pytest_plugins = ["chromium"]
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may look anything up
ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"
SEEDS_NOTE = "仮想化集中セミナー参加メモ.txt"
EXAMPLE = "Hyper-Vのライブマイグレーション対応は？"

NOTES = {
    "会議.md": "# 定例会議\n\n- 日時は毎週月曜10時\n- 場所は第二会議室\n\n## 決定事項\n\n"
    "新しいサーバーを二台買う。費用は40万円まで。\n",
    "仕事/引越し.txt": "引越しの準備\n\n・粗大ごみは水曜に出す\n・鍵は管理人に返す\n",
    "料理.txt": "カレーの作り方。玉ねぎを飴色になるまで炒める。水を600ml入れて20分煮る。\n",
}


class BigramEncoder:
    """Hashed character bigrams, length 1: equal texts give equal vectors, and overlap is cosine."""

    def __init__(self, name: str = "bigram", dim: int = 256) -> None:
        self.name = name
        self.dim = dim
        self.fingerprint = f"{name}-{dim}"
        self.encoded: list[str] = []  # every passage text it was given, for counting

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        return self._encode(texts)

    def encode_questions(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for pair in bigrams(text):
                digest = hashlib.md5(pair.encode(), usedforsecurity=False).digest()
                vectors[row, int.from_bytes(digest[:4], "big") % self.dim] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths, lengths, 1)


@pytest.fixture(scope="session", autouse=True)
def no_reader() -> Iterator[None]:
    """Fixtures of a module or session are made before `own_settings` sets anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIKIGAKI_READER", "off")
        yield


@pytest.fixture(autouse=True)
def own_settings(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """No test sees the user's settings or store; only those marked `model` have the reader."""
    for name in [name for name in os.environ if name.startswith("KIKIGAKI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # a terminal speaks Japanese then
    monkeypatch.setenv("KIKIGAKI_STORE", str(tmp_path_factory.mktemp("default") / "store"))
    if not request.node.get_closest_marker("model"):
        monkeypatch.setenv("KIKIGAKI_READER", "off")


@pytest.fixture
def encoder() -> BigramEncoder:
    return BigramEncoder()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return write_notes(tmp_path / "notes", NOTES)


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(notes: Path, store_folder: Path, encoder: BigramEncoder) -> Iterator[Store]:
    """The small folder of notes, built and open."""
    build(notes, store_folder, encoder=encoder)
    with open_store(store_folder, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="session")
def seeds_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The user's note with the real model; only tests marked `model` may ask for it."""
    folder = tmp_path_factory.mktemp("seeds") / "store"
    build(SEEDS, folder)
    with open_store(folder) as opened:
        yield opened


def write_notes(folder: Path, notes: dict[str, str]) -> Path:
    for name, text in notes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def make_model(folder: Path, seed: int, prompts: dict[str, str]) -> Path:
    """A sentence-transformers folder of random weights; equal seeds, equal weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    letters = ["[PAD]", "[UNK]", *"querypasg検索クエリ文書章パスジ: 猫犬はこたつで丸くなる。"]
    tokenizer = Tokenizer(
        models.WordLevel({c: i for i, c in enumerate(dict.fromkeys(letters))}, "[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    bert = folder.with_name(folder.name + "-bert")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(bert)
    BertModel(
        BertConfig(vocab_size=len(letters), hidden_size=16, num_hidden_layers=1,
                   num_attention_heads=2, intermediate_size=32, max_position_embeddings=64)
    ).save_pretrained(bert)  # fmt: skip
    transformer = Transformer(str(bert))
    model = SentenceTransformer(
        modules=[transformer, Pooling(16, "mean")], prompts=prompts, device="cpu"
    )
    model.save(str(folder))
    return folder


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that another thread or process brings about."""
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError


def run_app(monkeypatch: pytest.MonkeyPatch, notes: Path, host: str, password: str) -> int:
    """Run the chat's command up to where it would serve; gives the port it was told."""
    monkeypatch.setattr("app.Desk.start", lambda desk: None)
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)
    if password:
        monkeypatch.setenv("KIKIGAKI_USER", "太郎")
        monkeypatch.setenv("KIKIGAKI_PASSWORD", password)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    assert app.main(["--notes", str(notes), "--host", host, "--port", str(port)]) == 0
    return port


def find(question: str, store: Store, k: int = 5) -> list[Hit]:
    """The best passages in the store as it is, without a look at the folder first."""
    with store.searcher() as index:
        return search(read_question(question, index), index, k)


def answered(question: str, store: Store) -> Answer:
    """The answer of the store as it is, without a look at the folder first."""
    with store.searcher() as index:
        return answer(question, index)
