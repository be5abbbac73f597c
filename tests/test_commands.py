"""The commands as a person types them: what they print, and what they say when they cannot."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLE, ROOT, SEEDS_NOTE, write_notes

from index.__main__ import main as index_main
from index.storage.store import Store
from qa.__main__ import main as answer_main
from qa.evaluate import main as evaluate_main

pytestmark = pytest.mark.model  # the commands use the real encoder

OFFLINE = """
import socket, runpy, sys
def refuse(self, address, *rest):
    if self.family != socket.AF_UNIX:
        sys.stderr.write(f"NETWORK {address}\\n")
        raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = refuse
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in a process that can reach no network."""
    return subprocess.run(
        [sys.executable, "-c", OFFLINE, *arguments],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_index_then_qa_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ["--store", str(tmp_path / "store")]
    first = run("index", *at)
    assert first.returncode == 0, first.stderr
    assert "追加 1 " in first.stdout
    # In this process where nothing is known to differ: a cold start takes seconds.
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert index_main(at) == 0
    second = capsys.readouterr().out
    assert "unchanged 1 " in second
    assert "encoded 0 " in second
    assert answer_main(["zzzzの作り方は？", *at]) == 0
    assert not re.search("[ぁ-ん]", capsys.readouterr().out.split("Not an answer")[0].split(":")[0])
    monkeypatch.undo()

    assert answer_main([EXAMPLE, *at]) == 0
    shown = capsys.readouterr().out
    assert "VMotionに対応する機能は現時点でHyper-Vにはない" in shown
    assert f"[2] {SEEDS_NOTE} › " in shown
    assert "161行" in shown

    questions = tmp_path / "questions.jsonl"
    rows = [{"id": "b", "question": EXAMPLE}, {"id": "a", "question": "カレーの作り方は？"}]
    questions.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    batch = run("qa", "--batch", str(questions), "--json", "-k", "3", *at)
    answers = [json.loads(line) for line in batch.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["b", "a"]
    found, refused = answers
    assert found.keys() >= {"question", "found", "confidence", "answer", "citations", "hits"}
    assert found["question"] == EXAMPLE
    assert found["citations"][0].keys() >= {
        "n", "path", "start_line", "end_line", "heading", "quote"
    }  # fmt: skip
    assert found["hits"][0].keys() >= {
        "path", "start_line", "end_line", "heading", "text", "score"
    }  # fmt: skip
    assert len(found["hits"]) == 3
    assert (refused["found"], refused["citations"]) == (False, [])
    for done in (first, batch):
        assert "NETWORK" not in done.stderr

    assert index_main(["--status", "--doctor", *at]) == 0
    looked = capsys.readouterr().out
    assert "ノート 1 " in looked
    assert "✗" not in looked

    assert answer_main([EXAMPLE, "--json", "--name", "別の*", *at]) == 0
    assert json.loads(capsys.readouterr().out)["hits"] == []
    questions = ROOT / "tests" / "questions" / "seeds.jsonl"
    assert evaluate_main([str(questions), *at, "--json", str(tmp_path / "m")]) == 0
    summary = json.loads((tmp_path / "m").read_text(encoding="utf-8"))["summary"]
    assert summary["recall@1"] >= 0.88
    assert summary["recall@3"] >= 0.9
    assert summary["refused"] >= 0.8
    assert summary["wrongly_refused"] <= 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("index", "--notes", "/ない/フォルダ"), "ノートのフォルダがありません"),
        (("qa", "質問", "--notes", "/ない/フォルダ"), "ノートのフォルダがありません"),
        (("qa", "--batch", "/ない.jsonl"), "質問のファイルを読めません"),
        (("qa.evaluate", "README.md"), "1 行目"),
        (("index", "--store", "tests"), "別のファイル"),
        (("index", "--status", "--store", "/ない/索引"), "索引がまだありません"),
        (("app", "--notes", "/ない/フォルダ"), "ノートのフォルダがありません"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    arguments: tuple[str, ...], message: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_odd_input_and_output_leave_no_traceback(tmp_path: Path, seeds_store: Store) -> None:
    at = ["--store", str(seeds_store.folder)]
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"question": "\\ud800会場は？"}\n', encoding="utf-8")
    for batch in (empty, odd):
        done = run("qa", "--json", "--batch", str(batch), *at, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
    notes = write_notes(tmp_path / "n", {"a.txt": "赤い字 \x1b[31m と [bold] の括弧\n"})
    shown = run("qa", "赤い字の括弧", "--notes", str(notes), "--store", str(tmp_path / "s"))
    assert "赤い字 ␛[31m と [bold] の括弧 [1]" in shown.stdout


def test_a_model_that_is_not_there_leaves_keyword_search(tmp_path: Path) -> None:
    done = run("qa", EXAMPLE, "--store", str(tmp_path / "store"), KIKIGAKI_MODEL=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "キーワード" in done.stderr
    assert "ライブマイグレーションを搭載予定" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("app", "--store", str(tmp_path / "store"), "--port", port)
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr
