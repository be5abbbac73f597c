"""Requests that no page of ours sends: odd, broken, huge, silent ones, and those that take long."""

import asyncio
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from chromium import Asked, serving
from conftest import NOTES, ROOT, until, write_notes

import app
import ui.routes
import ui.serving.connection
import ui.serving.intake
from index.folder import MAX_BYTES
from ui.serving.intake import BODIES, QUESTION_BYTES, TALK_BYTES, Intake

SECRET = "HIMITSUNOSHITSUMON"  # stands in every question here, and may stand in no log
TALK = {"version": 1, "turns": [{"question": SECRET, "when": 1.0, "stopped": True}]}
JSON = "application/json"
JOIN, PREDICT = "/gradio_api/queue/join", "/gradio_api/run/predict"


def answer(address: str, *pieces: bytes, pause: float = 0.0) -> int:
    """What bytes sent as they are get: a status, or 0 for a connection that is only closed."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=30) as sent:
        try:
            for piece in pieces:
                sent.sendall(piece)
                time.sleep(pause)
        except ConnectionError:  # it was answered before the end, and closed
            pass
        told = b""
        while b"\r\n" not in told and (more := sent.recv(65_536)):
            told += more
    return int(told.split()[1]) if told else 0


def head(method: str, target: str, *headers: str) -> bytes:
    lines = (f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *headers)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def posted(target: str, body: str | bytes, kind: str = JSON) -> bytes:
    sent = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return head("POST", target, f"Content-Type: {kind}", f"Content-Length: {len(sent)}") + sent


class Events(NamedTuple):
    """Bodies as the page sends them, for the handlers that take something."""

    submit: dict[str, Any]
    choose: dict[str, Any]
    restore: dict[str, Any]
    refresh: dict[str, Any]


def events(address: str) -> Events:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    connection.request("GET", "/")
    page = connection.getresponse().read().decode()
    connection.close()
    config = json.loads(re.search(r"gradio_config = (\{.*?\});</script>", page, re.S)[1])
    kinds = {part["id"]: (part["type"], part["props"]) for part in config["components"]}

    def value(name: str, props: dict[str, Any]) -> object:
        if name == "textbox":
            return SECRET if props["elem_id"] in ("question", "talk") else ""
        return [SECRET] if props.get("multiselect") else None

    def body(elem_id: str | None, kind: str, event: str, data: object = None) -> dict[str, Any]:
        for called in config["dependencies"]:
            for target, name in called["targets"]:
                of, props = kinds.get(target, ("", {}))
                at = of == kind and props.get("elem_id") in (elem_id, None)
                if at and name == event and called["inputs"]:
                    inputs = [value(*kinds[i]) for i in called["inputs"]]
                    given = {"data": inputs, "event_data": data, "fn_index": called["id"]}
                    return {**given, "trigger_id": target, "session_hash": "abc"}
        raise LookupError(kind, event)

    chosen = {"index": 0, "value": {"text": SECRET}}
    return Events(
        body("question", "textbox", "submit"),
        body("chat", "chatbot", "example_select", chosen),
        body("talk", "textbox", "change"),
        body(None, "timer", "tick"),
    )


DEEP = "[" * 100_000
ODD = [  # JSON texts, of which none can stand where it is put below
    *('{"a": "%s"}', '["%s", {}]', '[["%s", null]]', '"%s\\ud800"', "NaN", "Infinity", "1e999"),
    *("1" * 5_000, "-1", "1.5", "true", '"a\\u0000%s"', '"%s"', DEEP, '{"%s":' * 50_000, "nul%s"),
]


def spoilt(whole: dict[str, Any]) -> Iterator[str]:
    """A body of the page with one thing wrong in it."""
    names = ["session_hash", "fn_index", "data", "trigger_id"]
    for name in names + ["event_data"] * ("index" in json.dumps(whole["event_data"])):
        text = json.dumps({**whole, name: "@@"})
        fine = {"session_hash": ('"%s"', "true"), "trigger_id": ("1" * 5_000, "-1")}
        for odd in ODD:
            if odd not in fine.get(name, ()) or odd == "true":
                yield text.replace('"@@"', odd.replace("%s", SECRET))
    for name in names[:3]:
        yield json.dumps({key: value for key, value in whole.items() if key != name})
    data = whole["data"]
    yield json.dumps({**whole, "session_hash": "a" * 65})
    yield json.dumps({**whole, "data": [SECRET, *data]})
    yield json.dumps({**whole, "data": data[1:]})
    for at in range(len(data)):
        for value in ({"path": SECRET}, 1, [1, SECRET], [[SECRET]]):
            yield json.dumps({**whole, "data": [*data[:at], value, *data[at + 1 :]]})
    yield json.dumps({**whole, "fn_index": 999})


def wrong_events(page: Events) -> Iterator[bytes]:
    """For Gradio's routes."""
    for whole, target in zip(page, (JOIN, JOIN, PREDICT, PREDICT), strict=True):
        for body in spoilt(whole):
            yield posted(target, body)
        yield posted(JOIN if target == PREDICT else PREDICT, json.dumps(whole))
    right = json.dumps(page.submit)
    for target in (JOIN, PREDICT, "/gradio_api/cancel", "/gradio_api/reset"):
        for body in ("", SECRET, f'{{"data": ["{SECRET}"', "[]", "null", DEEP, right[:-1]):
            yield posted(target, body)
        yield posted(target, f"\xff\xfe{SECRET}".encode("latin-1"))
        yield posted(target, right.encode("utf-16"))
        for kind in ("text/plain", "multipart/form-data; boundary=x", SECRET, "a" * 9_000):
            yield posted(target, right, kind)
        for odd in (odd for odd in ODD if odd != '"%s"'):
            names = json.dumps({"session_hash": "@@", "event_id": "@@", "fn_index": "@@"})
            yield posted(target, names.replace('"@@"', odd.replace("%s", SECRET)))


def wrong_talks() -> Iterator[bytes]:
    for body in ("", SECRET, "[]", DEEP, f'{{"version": 1, "turns": ["{SECRET}"]}}', "\ud800"):
        yield posted("/export", body)
    yield posted("/export", json.dumps(TALK).encode("utf-16"))
    for depth in range(900, 1_000):  # Python can just read the one and not the next
        nested = "[" * depth + "]" * depth
        yield posted("/export", f'{{"version": 1, "turns": [{nested}]}}')


def wrong_addresses() -> Iterator[bytes]:
    for target in (
        *("/note/%ff%00", "/note/a.md?part=x", f"/note/a.md?part={'9' * 99}", "/note/a.md?at=%ff"),
        *(f"/map?seen={SECRET}", f"/map?seen={'1' * 5_000}", "/map/place", "/similar/a.md"),
        *(f"/map/place?question=%ed%a0%80{SECRET}", f"/map/place?question={SECRET * 200}"),
        *(f"/map/place?question={SECRET * 5_000}", f"/map/place?question=%zz{SECRET}"),
        *(f"/similar/a.md?line={SECRET}", f"/similar/a.md?line={'9' * 30}", "/similar/%00?line=1"),
        *(f"/ui/%00{SECRET}", f"/static/%00{SECRET}", f"/assets/{SECRET * 300}", "/assets/%ff%00"),
        *(f"/{SECRET}", "/%", "/%zz", f"/gradio_api/queue/data?hash={SECRET}", f"/note?{SECRET}"),
    ):
        yield head("GET", target)
    for method in ("BREW", "DELETE", "PATCH", "TRACE", "CONNECT"):
        for target in ("/", "/export", JOIN, "/notes/a.md", f"/note/{SECRET}"):
            yield head(method, target)


def wrong_http() -> Iterator[bytes]:
    yield from (SECRET.encode() + b"\r\n\r\n", b"\x16\x03\x01\x00" + SECRET.encode() + b"\r\n\r\n")
    yield f"GET /?{SECRET}あ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    yield head("GET", "/", f"X: {SECRET * 60_000}")
    for headers in (
        *(["Content-Length: -1"], ["Content-Length: x"], ["Transfer-Encoding: " + SECRET]),
        ["Content-Length: 3", "Content-Length: 4"],
    ):
        yield head("POST", "/export", *headers) + SECRET.encode()
    for method, target in (
        *(("POST", to) for to in ("/export", JOIN, "/map")),
        ("PUT", "/notes/a"),
    ):
        begun = head(method, target, f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
        yield begun + b"5\r\nabcde\r\n" + SECRET.encode() + b"\r\n\r\n"
        yield begun + b"f" * 30 + b"\r\n" + SECRET.encode()


def broken_off(page: Events) -> Iterator[list[bytes]]:
    """What clients send that go away before their request is whole, or go on after its answer."""
    chunked = "Transfer-Encoding: chunked"
    for target in ("/export", JOIN, PREDICT, "/rebuild", "/favicon.ico"):
        for length in ("Content-Length: 900", chunked):
            begun = head("POST", target, f"Content-Type: {JSON}", length)
            yield [begun]
            yield [begun, b"64\r\n" + SECRET.encode()]
        yield [head("POST", target, chunked) + b"5\r\nabcde\r\n", SECRET.encode() + b"\r\n\r\n"]
    yield [head("PUT", "/notes/b.md", "Content-Length: 900"), SECRET.encode()]
    yield [b"GET /" + SECRET.encode()]
    yield [head("GET", f"/gradio_api/queue/data?session_hash={SECRET}")]
    yield [head("GET", f"/gradio_api/heartbeat/{SECRET}")]
    yield [head("GET", "/", "Connection: Upgrade", "Upgrade: websocket"), SECRET.encode()]
    yield [posted(JOIN, json.dumps({**page.submit, "session_hash": "gone"}))]


@contextmanager
def the_app(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """The chat's own command on a free port; its address, and what it has printed so far."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    notes = write_notes(folder / "notes", NOTES)
    command = [sys.executable, ROOT / "app.py", "--notes", notes, "--store", folder / "store"]
    told = folder / "log"
    with told.open("wb") as log:
        run = subprocess.Popen(
            [*command, "--port", str(port)], cwd=ROOT, stdout=log, stderr=log, env={**os.environ}
        )
        try:
            until(lambda: f":{port}\n" in told.read_text("utf-8"))
            yield f"http://127.0.0.1:{port}/", lambda: told.read_text("utf-8")
            assert run.poll() is None
        finally:
            run.terminate()
            run.wait(30)


def asked(address: str, body: dict[str, Any]) -> str:
    """All that a question is answered with."""
    assert answer(address, posted(JOIN, json.dumps(body))) == 200
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", f"/gradio_api/queue/data?session_hash={body['session_hash']}")
    stream, told = connection.getresponse(), ""
    while "process_completed" not in told and (line := stream.readline()):
        told += line.decode()
    connection.close()
    return told


def test_what_no_page_sends_is_refused_and_leaves_nothing_in_the_log(tmp_path: Path) -> None:
    with the_app(tmp_path) as (address, log):
        until(lambda: answer(address, head("GET", "/favicon.ico")) == 200)
        page = events(address)
        assert answer(address, posted(PREDICT, json.dumps(page.refresh))) == 200
        assert answer(address, posted(PREDICT, json.dumps(page.restore))) == 200
        before = log()
        wrong = (*wrong_events(page), *wrong_talks(), *wrong_addresses(), *wrong_http())
        got = {request: answer(address, request) for request in wrong}
        assert len(got) > 400
        assert [(request[:300], told) for request, told in got.items() if told // 100 != 4] == []
        for pieces in broken_off(page):
            where = urlsplit(address)
            with socket.create_connection((where.hostname, where.port)) as gone:
                for piece in pieces:
                    gone.sendall(piece)
                    time.sleep(0.02)
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for n, odd in enumerate(("\0", "\x1b[2J", "あ" * 50_000, "%s{0}\\", "\u202e")):
            question = [SECRET + odd, *page.submit["data"][1:]]
            told = asked(address, {**page.submit, "data": question, "session_hash": f"odd{n}"})
            assert '"success":true' in told
        assert answer(address, head("GET", "/favicon.ico")) == 200
        assert log() == before  # nothing at all: also no Traceback and no path
        assert SECRET not in before


def test_a_fault_of_the_program_is_found_without_the_text_it_came_of(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fault(*_: object, **__: object) -> Any:
        raise ValueError(SECRET) from KeyError(SECRET)

    desk = Asked(fault)
    desk.note = desk.examples = fault
    with serving(desk) as address:
        page = events(address)
        assert answer(address, head("GET", f"/note/{SECRET}")) == 500
        assert answer(address, posted(PREDICT, json.dumps(page.refresh))) == 500
        assert '"success":true' in asked(address, page.submit)
    lines = [line for line in caplog.text.splitlines() if "ERROR" in line]
    begun = ("GET /note: ValueError at", "refresh failed: ValueError at", "ask failed: ValueError")
    for line, told in zip(lines, begun, strict=True):
        assert told in line
        assert f"{__name__}.fault:" in line
        assert ", from KeyError" in line
    everything = caplog.text + "".join(capfd.readouterr())
    assert SECRET not in everything
    assert "Traceback" not in everything


@pytest.fixture(scope="module")
def chat() -> Iterator[str]:
    with serving(Asked(lambda *_, **__: None)) as address:
        yield address


@pytest.mark.parametrize(
    ("target", "most"),
    [*BODIES.items(), ("/rebuild", 0), ("/map", 0), ("/ui/chat.css", 0), ("/theme.css", 0)],
)
def test_a_body_larger_than_its_route_needs_is_refused(chat: str, target: str, most: int) -> None:
    method = "POST" if target in BODIES or target == "/rebuild" else "GET"
    kind = f"Content-Type: {JSON}"
    for length in (most + 1, 10**15):  # answered although nothing of it has come
        assert answer(chat, head(method, target, kind, f"Content-Length: {length}")) == 413
    begun = head(method, target, kind, "Transfer-Encoding: chunked")
    block = min(most + 1, 1_000_000)
    pieces = [b"%x\r\n%s\r\n" % (block, b" " * block)] * (most // block + 1)
    assert answer(chat, begun, *pieces) == 413  # although its end has not come
    assert most <= 2 * TALK_BYTES < MAX_BYTES


def test_no_more_than_the_limit_is_taken_in() -> None:
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 60_000
        return {"type": "http.request", "body": b" " * 60_000, "more_body": True}

    told = []

    async def send(message: Any) -> None:
        told.append(message)

    async def inner(*_: object) -> None:
        raise AssertionError("was handed on")

    scope = {"type": "http", "method": "POST", "path": JOIN, "raw_path": JOIN.encode()}
    intake = Intake(inner, None)  # type: ignore[arg-type]
    asyncio.run(intake({**scope, "query_string": b"", "headers": []}, receive, send))
    assert told[0]["status"] == 413
    assert taken <= QUESTION_BYTES + 60_000


def test_the_longest_question_and_conversation_come_in(chat: str) -> None:
    page = events(chat)
    book = "本" * 300_000
    body = {**page.submit, "data": [book, *page.submit["data"][1:]]}
    assert answer(chat, posted(JOIN, json.dumps(body, ensure_ascii=False))) == 200
    turn = {**TALK["turns"][0], "question": '"' + "長" * 1_600_000}  # a browser keeps no more
    talk = json.dumps({"version": 1, "turns": [turn] * 3}, ensure_ascii=False)
    assert len(talk) < 5_000_000
    assert answer(chat, posted("/export", talk)) == 200
    body = {**page.restore, "data": [talk], "event_data": talk}
    assert answer(chat, posted(PREDICT, json.dumps(body, ensure_ascii=False))) == 200


def test_who_falls_silent_is_not_waited_for(chat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.serving.intake, "SECONDS", 0.2)
    monkeypatch.setattr(ui.serving.connection, "SECONDS", 0.2)
    for method, target in (("POST", "/export"), ("POST", JOIN)):
        begun = head(method, target, f"Content-Type: {JSON}", "Content-Length: 9")
        assert answer(chat, begun, b"abc") == 408
    assert answer(chat, b"") == 0
    assert answer(chat, b"GET / HT") == 400


@pytest.mark.parametrize("slow", ["export", "restore", "submit"])
def test_long_work_holds_up_no_other_request(
    chat: str, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that ends only once another request was answered: on the event loop it never would."""
    begun, answered = threading.Event(), threading.Event()

    def work(*_: object) -> Any:
        begun.set()
        assert answered.wait(20)
        return "" if slow == "export" else []

    monkeypatch.setattr(ui.routes, "markdown", work)
    monkeypatch.setattr(app, "messages", work)
    page = events(chat)
    body = TALK if slow == "export" else getattr(page, slow)
    target = {"export": "/export", "restore": PREDICT, "submit": JOIN}[slow]
    got: list[int] = []
    waiting = threading.Thread(
        target=lambda: got.append(answer(chat, posted(target, json.dumps(body))))
    )
    waiting.start()
    try:
        assert begun.wait(20)
        assert answer(chat, head("GET", "/ui/chat.css")) == 200
    finally:
        answered.set()
        waiting.join(30)
    assert got == [200]
