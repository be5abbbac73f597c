"""The steps that make the default models, on a tiny model and a handful of questions."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from index.models.onnx_encoder import OnnxEncoder
from index.settings import DEFAULT_MODEL
from qa.reader import Reader
from training import (
    card,
    evaluate,
    evaluate_reader,
    finetune,
    pack,
    pack_reader,
    pairs,
    prune,
    reader,
    reader_card,
    typed,
    unpack,
    unpack_reader,
)
from training.e5small import dequantise
from training.graph import WEIGHTS, byte_values
from training.pairs import read_rows
from training.reader_net import open_cutter, open_reader, read_windows
from training.reading import Examples

HIDDEN, INNER, POSITIONS = 32, 64, 16
PIECES = [("<s>", 0), ("<pad>", 0), ("</s>", 0), ("<unk>", 0), ("▁", -3), ("дом", -4), ("ネ", -4)]
PIECES += [("コ", -4), ("诞生", -4), ("ネコ", -5), ("ⅲ", -5), ("が", -4), ("<mask>", 0)]
KEPT = [piece for piece, _ in PIECES if piece not in ("дом", "诞生")]
TABLE = {"ﾈ": "ネ", "ｺ": "コ", "\t": " ", "\x01": "", "\u200b": " "}  # NFKC keeps the last three

ARTICLES = {
    "こたつ": ["こたつの上には三毛猫のミケがいる。冬は電気代が月に八千円かかる。"],
    "自転車": ["自転車は青い。タイヤの空気は毎月入れる。\n\n鍵の番号は七七一である。"],
    "引越し": ["引越しは三月二十日に行う。業者は月光運送である。"],
    "会議": ["定例会議は毎週月曜の十時に始まる。司会は田中が務める。"],
    "献立": ["金曜の夕食はカレーである。玉ねぎは飴色になるまで炒める。"],
}
QUESTIONS = {
    "こたつ": [("猫の名前は何ですか。", "ミケ"), ("冬の電気代はいくらですか。", "八千円")],
    "自転車": [("自転車は何色ですか。", "青い"), ("鍵の番号は何番ですか。", "七七一")],
    "引越し": [("引越しはいつ行いますか。", "三月二十日")],
    "会議": [("会議の司会は誰が務めますか。", "田中")],
    "献立": [("金曜の夕食は何ですか。", "カレー")],
}


def packed(rows: int, width: int, seed: int) -> tuple[int, int, bytes]:
    """Type, count and bytes of a 4-bit tensor of random weights."""
    blocks = rows * width // 32
    nibbles = np.random.default_rng(seed).integers(0, 256, (blocks, 16), np.uint8)
    scale = struct.pack("<e", 0.03125)
    return 1, rows * width, b"".join(scale + row.tobytes() for row in nibbles)


def plain(*shape: int, value: float = 0.0) -> tuple[int, int, bytes]:
    values = np.full(shape, value, "<f4") + np.arange(np.prod(shape)).reshape(shape) / 1000
    return 0, values.size, values.astype("<f4").tobytes()


def tiny_source() -> bytes:
    """A one-layer model in the package's format."""
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

    tensors = {"emb.word": packed(len(PIECES), HIDDEN, 0), "emb.pos": plain(POSITIONS, HIDDEN)}
    tensors |= {"emb.type": plain(2, HIDDEN)}
    tensors |= {"emb.ln.w": plain(HIDDEN, value=1.0), "emb.ln.b": plain(HIDDEN)}
    for seed, part in enumerate(("q", "k", "v", "ao"), start=1):
        tensors |= {f"l0.{part}.w": packed(HIDDEN, HIDDEN, seed), f"l0.{part}.b": plain(HIDDEN)}
    tensors |= {"l0.fi.w": packed(INNER, HIDDEN, 5), "l0.fi.b": plain(INNER)}
    tensors |= {"l0.fo.w": packed(HIDDEN, INNER, 6), "l0.fo.b": plain(HIDDEN)}
    for part in ("aln", "oln"):
        tensors |= {f"l0.{part}.w": plain(HIDDEN, value=1.0), f"l0.{part}.b": plain(HIDDEN)}
    at = len(head) + 4 + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, (kind, count, data) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, at + len(body), len(data))
        body += data
    return head + directory + body


@pytest.fixture(scope="module", autouse=True)
def log(tmp_path_factory):
    """Rows of these runs stay out of the repository's log."""
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.log.LOG", path)
        patch.setattr("training.card.LOG", path)
        patch.setattr("training.reader_card.LOG", path)
        patch.setattr("sys.argv", ["training"])
        yield path


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("source") / "e5-small-q4.bin"
    path.write_bytes(tiny_source())
    return path


@pytest.fixture(scope="module")
def full(source) -> Path:
    assert unpack.main([str(source.parent / "full"), "--source", str(source)]) == 0
    return source.parent / "full"


@pytest.fixture(scope="module")
def jaquad(tmp_path_factory) -> Path:
    """As JaQuAD's files are: one article in each here, numbers of characters for answers."""
    folder = tmp_path_factory.mktemp("train")
    for number, (title, contexts) in enumerate(ARTICLES.items()):
        paragraphs = []
        for context in contexts:
            qas = [
                {"id": f"{number}-{at}", "question": question, "question_type": "",
                 "answers": [{"text": answer, "answer_start": context.index(answer)}]}
                for at, (question, answer) in enumerate(QUESTIONS[title])
            ]  # fmt: skip
            paragraphs.append({"context": context, "qas": qas})
        data = {"data": [{"title": title, "paragraphs": paragraphs}]}
        (folder / f"{number}.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    return folder


@pytest.fixture(scope="module")
def mined(jaquad, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("mined") / "pairs"
    assert pairs.main([str(jaquad), str(out), "--workers", "1"]) == 0
    return out


@pytest.fixture(scope="module")
def tuned(mined) -> list[Path]:
    """The shipped model after three steps, twice with the same settings."""
    outs = [mined.parent / name for name in ("first", "second")]
    settings = "--steps 3 --batch 4 --negatives 1 --max-tokens 64 --rate 1e-4".split()
    for out in outs:
        assert finetune.main([str(DEFAULT_MODEL), str(mined), str(out), *settings]) == 0
    return outs


def test_dequantise():
    # byte 0 is 0x2F: weight 0 is 0xF, weight 16 is 0x2; the other bytes are 0x88, zero
    block = struct.pack("<e", 0.25) + b"\x2f" + b"\x88" * 15
    expected = np.zeros(32)
    expected[0], expected[16] = (15 - 8) * 0.25, (2 - 8) * 0.25
    assert dequantise(block + block).tolist() == [*expected, *expected]


def test_8_bit_floats_are_those_of_torch():
    import torch

    wanted = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float().numpy()
    assert np.array_equal(byte_values(), wanted, equal_nan=True)


def test_unpacks_every_weight(full):
    weights = load_file(full / "model.safetensors")
    layer = "encoder.layer.0."
    assert len(weights) == 5 + 16 + 2  # embeddings, one layer, the pooler
    for name, (_, count, data) in {
        "embeddings.word_embeddings.weight": packed(len(PIECES), HIDDEN, 0),
        layer + "attention.self.value.weight": packed(HIDDEN, HIDDEN, 3),
        layer + "output.dense.weight": packed(HIDDEN, INNER, 6),
    }.items():
        assert weights[name].size == count
        assert weights[name].ravel().tolist() == dequantise(data).tolist()
    assert weights[layer + "output.LayerNorm.weight"][1] == pytest.approx(1.001)
    assert not weights["pooler.dense.weight"].any()


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
def test_a_source_of_another_format_is_refused(tmp_path, damage):
    file = tmp_path / "source.bin"
    file.write_bytes(damage(tiny_source()))
    with pytest.raises((ValueError, KeyError)):
        unpack.main([str(tmp_path / "out"), "--source", str(file)])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ﾈｺ", ["▁", "ネコ"]),
        (
            " ネ\t\x01 \u200bコ ",
            ["▁", "ネ", "▁", "コ"],
        ),  # one ▁ for a run of spaces, none at the end
        ("か\u3099", ["▁", "が"]),
        ("ⅲ", ["▁", "ⅲ"]),  # NFKC would make it iii; this table does not
        ("犬犬", ["▁", "犬犬"]),  # one <unk> for a run of unknown characters
        ("", []),
    ],
)
def test_tokenizer_follows_the_table(full, text, pieces):
    tokenizer = Tokenizer.from_file(str(full / "tokenizer.json"))
    assert tokenizer.encode(text).tokens == ["<s>", *pieces, "</s>"]


def test_pruning_changes_no_vector(full, jaquad, tmp_path):
    from sentence_transformers import SentenceTransformer

    out = tmp_path / "pruned"
    command = [str(full), str(out), "--jaquad", str(jaquad), "--english-words", "0"]
    assert prune.main(command) == 0
    assert [piece for piece, _ in prune.vocabulary(out)] == KEPT
    before, after = (SentenceTransformer(str(folder), device="cpu") for folder in (full, out))
    texts = ["ネコ", "コネ ネコが", "ⅲ ﾈｺ", "犬"]
    assert np.array_equal(before.encode(texts), after.encode(texts))
    assert after.tokenizer("дом")["input_ids"].count(after.tokenizer.unk_token_id) == 1


@pytest.mark.parametrize(
    ("piece", "wanted"),
    [
        *((piece, True) for piece in ("猫", "サーバ", "▁でした", "引き", "々", "「", "①", "ー")),
        *((piece, True) for piece in ("a", "é", "ж", "α", "한", "诞", "→", "▁")),
        *((piece, False) for piece in ("诞生", "дом", "▁the", "ción", "한국", "ا")),
    ],
)
def test_which_pieces_are_kept_unseen(piece, wanted):
    assert prune.is_wanted(piece) is wanted


def test_pairs_hold_the_answer_and_near_misses_do_not(mined):
    passages = list(read_rows(mined / "passages.jsonl"))
    answers = dict(pair for asked in QUESTIONS.values() for pair in asked)
    rows = list(read_rows(mined / "pairs.jsonl"))
    assert {row["question"] for row in rows} == set(answers)
    assert {(row["layout"], row["held"]) for row in rows} == {
        (layout, held) for layout in pairs.LAYOUTS for held in (False, True)
    }
    for row in rows:
        answer = answers[row["question"]]
        assert answer in passages[row["positive"]]["text"]
        assert not any(answer in passages[number]["text"] for number in row["negatives"])
        assert row["question"] not in row["typed"]
    assert any(row["negatives"] for row in rows)


def test_as_typed():
    import random

    written = typed.as_typed("奈良の大仏の高さは何メートルなの?", random.Random(0))
    assert written[0] == "奈良 大仏 高さ 何メートル"
    assert "メートル" in written[1] and not written[1].endswith("?")


def test_neighbours_are_each_used_once_in_a_round():
    import random

    rows = [{"positive": n % 40, "negatives": [(n + 1) % 40, (n + 7) % 40]} for n in range(120)]
    made = []
    for batch in finetune.neighbours(rows, 8, random.Random(0)):
        assert len({row["positive"] for row in batch}) == 8
        made.append(batch)
        if len(made) == 14:
            break
    used = [id(row) for batch in made for row in batch]
    assert len(used) == len(set(used))


def test_training_is_the_same_twice_and_moves_only_the_layers(tuned):
    first, second = (load_file(out / "model.safetensors") for out in tuned)
    from sentence_transformers import SentenceTransformer

    start = SentenceTransformer(str(DEFAULT_MODEL), device="cpu")[0].auto_model.state_dict()
    assert first.keys() == start.keys()
    for name, weight in first.items():
        assert np.array_equal(weight, second[name]), name
        if name.endswith("key.bias"):
            continue  # adds the same to every score of a softmax, so it has no gradient but noise
        moved = not np.array_equal(weight, start[name].numpy())
        assert moved == (".encoder.layer." in f".{name}"), name


def test_packed_judged_and_described(tuned, mined, jaquad, log):
    from benchmarks.jaquad import convert

    out, dev = mined.parent / "packed", mined.parent / "dev"
    convert(sorted(jaquad.glob("*.json")), dev)
    log.write_text("", encoding="utf-8")
    row = {"step": "finetune", "command": "python -m training.finetune a b c", "settings": {}}
    log.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert pack.main([str(tuned[0]), str(out), "--pairs", str(mined)]) == 0
    assert evaluate.main([str(out), str(dev)]) == 0
    packed_row, judged = list(read_rows(log))[1:]
    # steps so few and small are partly lost between the 8-bit floats that the weights were before
    assert packed_row["scores"]["int8"]["mean"] >= 0.95
    assert packed_row["scores"]["float8"]["mean"] >= 0.95
    assert judged["scores"]["R@1"] >= 0.5  # seven questions, ten passages
    assert OnnxEncoder(out).fingerprint != OnnxEncoder(DEFAULT_MODEL).fingerprint
    assert card.main([str(out)]) == 0
    said = (out / "README.md").read_text(encoding="utf-8")
    for fact in (
        "JaQuAD",
        "CC BY-SA 3.0",
        "multilingual-e5-small",
        "python -m training.finetune a b c",
    ):
        assert fact in said
    assert f"| {judged['scores']['R@1']:.3f} |" in said


def test_examples_hold_the_answer_or_do_not(mined):
    import random

    examples = Examples(mined, open_cutter(DEFAULT_MODEL))
    answers = dict(pair for asked in QUESTIONS.values() for pair in asked)
    seen = set()
    for row in examples.rows + examples.held:
        text = examples.text(row["positive"])
        own = examples.windows(
            examples.question(row["question"]), row["positive"], 64, row["answer"]
        )
        assert row["answer"] == answers[row["question"]]
        for example in own:
            for first, last in example.answers:
                spans = example.window.spans
                assert row["answer"] in text[spans[first][0] : spans[last][1]]
                seen.add(row["question"])
        group = examples.group(row, 2, 96, random.Random(0))
        assert [bool(example.answers) for example in group] == [True] + [False] * (len(group) - 1)
    assert seen == set(answers)


def test_the_reader_is_trained_packed_judged_and_described(mined, jaquad, log):
    out, packed = mined.parent / "reader", mined.parent / "packed-reader"
    log.write_text("", encoding="utf-8")
    settings = "--depths 1 2 --batch 3 --negatives 1 --windows 64 --warm-up 1 --frozen 1".split()
    command = [str(DEFAULT_MODEL), str(mined), str(out), *settings]
    assert reader.main([*command, "--steps", "2"]) == 0
    before = load_file(out / "model.safetensors")
    assert reader.main([*command, "--steps", "4", "--resume"]) == 0
    after = load_file(out / "model.safetensors")
    moved = {name for name, weight in after.items() if not np.array_equal(weight, before[name])}
    assert moved, "nothing was learnt"
    assert not [name for name in moved if not ("heads." in name or "encoder.layer.1." in name)]
    shallow = [*command[:2], str(mined.parent / "taught"), *settings, "--teacher", str(out)]
    assert reader.main([*shallow, "--depths", "1", "--steps", "1"]) == 0
    for folder, depth in ((packed, 2), (mined.parent / "shallow", 1)):
        assert pack_reader.main([str(out), str(folder), "--depth", str(depth)]) == 0
        assert json.loads((folder / "config.json").read_bytes())["num_hidden_layers"] == depth
    with pytest.raises(KeyError, match="depth 5"):
        pack_reader.main([str(out), str(mined.parent / "deeper"), "--depth", "5"])
    assert evaluate_reader.main([str(packed), str(jaquad)]) == 0
    assert reader_card.main([str(packed)]) == 0
    said = (packed / "README.md").read_text(encoding="utf-8")
    assert "first 2 layers" in said and "python -m training.reader" in said

    # a packed one is trained on from, and loses nothing by it
    again, repacked = mined.parent / "again", mined.parent / "packed-again"
    assert unpack_reader.main([str(packed), str(again)]) == 0
    assert pack_reader.main([str(again), str(repacked), "--depth", "2"]) == 0
    assert (repacked / WEIGHTS).read_bytes() == (packed / WEIGHTS).read_bytes()
    on = [str(again), str(mined), str(mined.parent / "on"), *settings, "--bfloat16"]
    assert reader.main([*on, "--steps", "1"]) == 0

    # both engines tell the same of a window, as far as 8 bits go
    cutter = open_cutter(DEFAULT_MODEL)
    windows = [
        window
        for contexts in ARTICLES.values()
        for window in cutter.cut(cutter.question("猫の名前は？"), "題", contexts[0], 96)
    ]
    ours = Reader(packed).read_windows(windows)
    theirs = read_windows(open_reader(out, [1, 2]), windows)[2]
    assert len(ours) == len(theirs) == len(ARTICLES)
    differences = [abs(a.answers - b.answers) for a, b in zip(ours, theirs, strict=True)]
    assert max(differences) < 1, differences


def test_f1_counts_characters():
    assert evaluate_reader.shared("田中", "田中") == 1.0
    assert evaluate_reader.shared("田中さん", "田中") == pytest.approx(2 * 2 / (4 + 2))
    assert evaluate_reader.shared("会場", "田中") == 0.0
