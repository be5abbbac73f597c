"""What SECURITY.md promises, tried against the real server: who gets in, and to which files."""

import ast
import base64
import http.client
import itertools
import json
import os
import re
import socket
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from chromium import serving
from conftest import NOTES, ROOT, BigramEncoder, run_app, until, write_notes
from starlette.responses import PlainTextResponse

import app
from index import build, open_store
from index.errors import StoreError
from qa import ask
from ui.desk import Desk
from ui.serving.door import Door, LoginUnusable, is_loopback, login
from ui.serving.intake import MALFORMED

SECRET = "合言葉はひらけごま"  # stands in files that are no notes
ODD_NAMES = (
    "a#b?c=1&d.md",
    "100%41.txt",
    "空 白 \"二重\" '一重' <b>.md",
    "📓👨‍👩‍👧.md",
    "点..点.txt",
    "逆\\斜線.txt",
    "が行/ぱ行.md",
)
MARKUP = "<script>alert(1)</script></li></ol></body><img src=x onerror=alert(2)> &amp; {path} %s"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes, and beside and among them files that are none."""
    root = tmp_path_factory.mktemp("security")
    notes = write_notes(root / "notes", {**NOTES, "印.md": f"一行目\n{MARKUP}\n\n四行目"})
    write_notes(notes, dict.fromkeys(ODD_NAMES, "変わった名前のノート。\n"))
    mac = unicodedata.normalize("NFD", "ガギグ.txt")
    write_notes(notes, {mac: "マックの名前。\n", "大.txt": "行。\n" * 50_000 + "長" * 5_000 + "\n"})
    write_notes(notes, {"入替/一.txt": "あとで替わる。\n", "替.txt": "あとで替わる。\n"})
    write_notes(notes, {"管.txt": "あとで管になる。\n"})
    write_notes(notes, {".隠し.md": SECRET, ".git/中.md": SECRET, "絵.png": SECRET})
    write_notes(root, {"外.md": SECRET, "外/一.txt": SECRET, "notes-隣/外.md": SECRET})
    return notes


@pytest.fixture(scope="module")
def desk(folder: Path) -> Iterator[Desk]:
    build(folder, folder.parent / "store", encoder=BigramEncoder())
    write_notes(folder, {"まだ.md": SECRET, ".kikigakiignore": "まだ.md\n"})  # left out
    opened = Desk(folder, folder.parent / "store")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def chat(desk: Desk) -> Iterator[str]:
    with serving(desk) as address:
        yield address


def fetch(
    address: str,
    path: str,
    *headers: tuple[str, str],
    method: str = "GET",
    body: bytes = b"",
) -> tuple[int, http.client.HTTPMessage, str]:
    """Status, headers and body, for a path and headers sent exactly as they are."""
    where = urlsplit(address).netloc
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    if not any(name == "Host" for name, _ in headers):
        connection.putheader("Host", where)
    for name, value in (*headers, ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    streams = response.headers.get_content_type() == "text/event-stream"
    text = "" if streams else response.read().decode()
    connection.close()
    return response.status, response.headers, text


def status(*request: object, **more: object) -> int:
    return fetch(*request, **more)[0]


EVERYWHERE = (
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/note/" + quote("印.md")),
    ("GET", "/map"),
    ("GET", "/map/place?question=x"),
    ("GET", "/ui/chat.css"),
    ("GET", "/theme.css"),
    ("GET", "/gradio_api/heartbeat/abc"),
    ("GET", "/gradio_api/queue/data?session_hash=abc"),
    ("POST", "/export"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/run/predict"),
    ("OPTIONS", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/upload"),
    ("GET", "/notes"),
    ("PUT", "/notes/" + quote("新しい.md")),
    ("OPTIONS", "/notes/" + quote("新しい.md")),
    ("POST", "/rebuild"),
)


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        (400, ("Host", "evil.example")),
        (400, ("Host", "127.0.0.1.evil.example")),
        (400, ("Host", "evil.example@127.0.0.1")),
        (400, ("Host", "192.168.0.1")),
        (403, ("Origin", "http://evil.example")),
        (403, ("Origin", "null")),
        (403, ("Origin", "http://127.0.0.1:1")),
        (403, ("Origin", "http://localhost:{port}")),
        (403, ("Origin", "http://127.0.0.1:{port}.evil.example")),
        (403, ("Sec-Fetch-Site", "cross-site")),
        (403, ("Sec-Fetch-Site", "same-site")),
    ],
)
def test_other_sites_are_refused_everywhere(
    chat: str, expected: int, header: tuple[str, str]
) -> None:
    name, value = header[0], header[1].format(port=urlsplit(chat).port)
    for method, path in EVERYWHERE:
        got, headers, text = fetch(chat, path, (name, value), method=method)
        assert (got, path) == (expected, path)
        assert "Access-Control-Allow-Origin" not in headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert len(text) < 200


def test_the_page_itself_and_scripts_are_let_in(chat: str) -> None:
    port = urlsplit(chat).port
    assert status(chat, "/") == 200
    assert status(chat, "/", ("Sec-Fetch-Site", "none")) == 200
    assert status(chat, "/", ("Origin", chat.rstrip("/")), ("Sec-Fetch-Site", "same-origin")) == 200
    for host in (f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert status(chat, "/", ("Host", host)) == 200
    assert status(chat, "/", ("Host", "localhost"), ("Host", "evil.example")) == 400


@pytest.mark.parametrize(
    ("listening", "named", "ours"),
    [
        ("192.168.0.7", "192.168.0.7:7860", True),
        ("192.168.0.7", "192.168.0.8", False),
        ("notes.example", "notes.example", True),
        ("Notes.Example", "notes.example:80", True),
        ("notes.example", "evil.example", False),
        ("0.0.0.0", "192.168.0.7:7860", True),  # no name is pointed at an address
        ("::", "[fe80::1]:7860", True),
        ("0.0.0.0", socket.gethostname(), True),
        ("0.0.0.0", f"{socket.gethostname()}.local:7860", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", f"{socket.gethostname()}.evil.example", False),
        ("127.0.0.1", socket.gethostname() + ".local", False),
        ("::1", "[::1]:7860", True),
    ],
)
def test_names_of_a_chat_that_listens_elsewhere(listening: str, named: str, ours: bool) -> None:
    door = Door(PlainTextResponse("in"), listening)
    assert door._is_ours(named.lower()) is ours


def basic(user: str, password: str) -> tuple[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return "Authorization", f"Basic {encoded}"


def test_the_password_stands_before_everything(desk: Desk) -> None:
    nfd = unicodedata.normalize("NFD", "ひらけゴマ:が")
    with serving(desk, login("太郎", "ひらけゴマ:が")) as address:
        for method, path in EVERYWHERE:
            got, headers, text = fetch(address, path, method=method)
            assert got == 401
            assert headers["WWW-Authenticate"] == 'Basic realm="kikigaki", charset="UTF-8"'
            assert "パスワードが要ります" in text or method == "HEAD"
        for wrong in (
            basic("太郎", "ひらけゴマ"),
            basic("太郎", ""),
            basic("", "ひらけゴマ:が"),
            basic("次郎", "ひらけゴマ:が"),
            ("Authorization", "Basic 太郎".encode().decode("latin-1")),
            ("Authorization", "Basic ====="),
            ("Authorization", "Basic"),
            ("Authorization", basic("太郎", "ひらけゴマ:が")[1].replace("Basic", "Bearer")),
        ):
            assert status(address, "/", wrong) == 401
        for right in (basic("太郎", "ひらけゴマ:が"), basic("太郎", nfd)):
            assert status(address, "/", right) == 200
            assert status(address, "/note/" + quote("印.md"), right) == 200
        assert status(address, "/", right, ("Origin", "http://evil.example")) == 403


def test_half_a_login_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KIKIGAKI_PASSWORD", "ひらけゴマ")
    assert app.main([]) == 1
    told = capsys.readouterr().err
    assert "KIKIGAKI_USER と KIKIGAKI_PASSWORD は両方とも" in told
    assert "ひらけゴマ" not in told
    with pytest.raises(LoginUnusable, match="両方とも"):
        login("太郎", "")
    with pytest.raises(LoginUnusable, match=":"):
        login("太:郎", "ひらけゴマ")
    assert login("", "") == b""


@pytest.mark.parametrize(
    ("host", "password", "told"),
    [
        ("127.0.0.1", "", ""),
        ("0.0.0.0", "", "ほかの人もノートを読めます"),
        ("0.0.0.0", "ひらけゴマ", "暗号化せずに"),
    ],
)
def test_listening_elsewhere_is_warned_of(
    host: str,
    password: str,
    told: str,
    notes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = run_app(monkeypatch, notes, host, password)
    first, *rest = capsys.readouterr().out.splitlines()
    assert f"http://{host}:{port}" in first
    assert told in "\n".join(rest)
    assert bool(rest) is bool(told)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_only_these_are_this_machine_alone(host: str) -> None:
    assert is_loopback(host)
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.7", "localhost.evil.example", "")))


def ways_to(file: Path) -> list[str]:
    """Spellings of a file's path that a careless server might take."""
    plain = file.as_posix()
    climbing = "../" * 12 + plain.lstrip("/")
    spellings = [
        plain,
        climbing,
        climbing.replace("../", "....//"),
        climbing.replace("/", "\\"),
        "/" + plain,
        f"//localhost{plain}",
        f"\\\\localhost\\share{plain}",
        f"//127.0.0.1@80/share{plain}",
        f"file://{plain}",
        f"{plain}\0.md",
        plain.replace("/", "/./"),
    ]
    once = [quote(spelling, safe="/") for spelling in spellings]
    return [
        *once,
        *(quote(spelling, safe="").replace(".", "%2e") for spelling in spellings),
        *(quote(spelling, safe="") for spelling in once),
    ]


def test_no_file_can_be_fetched_through_gradio(chat: str, folder: Path) -> None:
    files = (
        folder / "印.md",
        folder.parent / "外.md",
        ROOT / "pyproject.toml",
        Path("/etc/passwd"),
    )
    begins = (
        "/gradio_api/file=",
        "/gradio_api/file/",
        "/gradio_api/proxy=",
        "/gradio_api/stream/",
        "/gradio_api/custom_component/",
        "/file=",
        "/file/",
        "/static/",
        "/assets/",
        "/ui/",
        "/svelte/",
        "/",
    )
    for file in files:
        for begin in begins:
            for way in ways_to(file):
                got, _, text = fetch(chat, begin + way)
                assert got in (400, 403, 404, 405, 422), begin + way
                assert not any(held in text for held in (SECRET, "一行目", "root:", "[project]"))
    for url in ("http://127.0.0.1:1/", "http%3a%2f%2f127.0.0.1%3a1/"):
        assert status(chat, f"/gradio_api/file={url}") == 404
        assert status(chat, f"/gradio_api/proxy={url}") == 404


@pytest.mark.parametrize(
    "path",
    [
        *("upload", "upload_progress?upload_id=1", "component_server", "process_recording"),
        *("call/respond", "call/v2/respond", "api/respond", "run/respond", "dev/reload", "info"),
        *("deep_link?session_hash=1", "openapi.json", "vibe-edit", "vibe-code", "runs", "token"),
        *("startup-events", "reset/", "../gradio_api/upload", "%75pload/", "theme.css"),
    ],
)
def test_what_the_page_does_not_use_is_closed(chat: str, path: str) -> None:
    upload = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nb\r\n--x--'
    kind = ("Content-Type", "multipart/form-data; boundary=x")
    for method in ("GET", "POST", "PUT"):
        got, _, text = fetch(chat, f"/gradio_api/{path}", kind, method=method, body=upload)
        assert (got, text) == (404, "ここには何もありません (nothing here)")
    for outside in (
        "/config",
        "/login",
        "/logout",
        "/monitoring",
        "/openapi.json",
        "/manifest.json",
    ):
        assert status(chat, outside, method="POST") == status(chat, outside) == 404


@pytest.mark.parametrize("route", ["queue/join", "run/predict"])
def test_a_question_that_names_a_file_does_not_read_it(chat: str, folder: Path, route: str) -> None:
    """Gradio would copy files that a client names into its cache; it is not even given the name."""
    kind = ("Content-Type", "application/json")
    for path in (folder.parent / "外.md", Path("/etc/passwd")):
        named = {"path": str(path), "meta": {"_type": "gradio.FileData"}, "url": f"file://{path}"}
        for handler, count in itertools.product(range(13), range(1, 8)):
            data = [named, *[None] * (count - 1)]
            question = {"data": data, "fn_index": handler, "session_hash": "file"}
            body = json.dumps(question).encode()
            address = f"/gradio_api/{route}"
            got, _, text = fetch(chat, address, kind, method="POST", body=body)
            assert (got, text) == (422, MALFORMED)


def test_a_note_opens_with_its_lines(chat: str) -> None:
    got, headers, text = fetch(chat, "/note/" + quote("印.md") + "?at=2-3,9,x&part=7")
    assert got == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert '<li id="L1">一行目</li>' in text
    assert re.findall(r'<li id="L(\d+)" class="cited">', text) == ["2", "3"]
    assert '<li id="L4">四行目</li>' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;/li&gt;" in text
    assert re.findall(r"<script[^>]*>", text) == ['<script src="/ui/looks.js">']
    assert "<img" not in text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {
        "/ui/colours.css",
        "/ui/lines.css",
        "/ui/note.css",
        "/ui/looks.js",
    }
    assert "変わりました" not in text


@pytest.mark.parametrize("name", [*ODD_NAMES, "ガギグ.txt", "仕事/引越し.txt"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_notes_of_any_name_open(chat: str, name: str, form: str) -> None:
    for safe in ("/", ""):  # some clients encode the slash too
        got, _, text = fetch(chat, "/note/" + quote(unicodedata.normalize(form, name), safe=safe))
        assert got == 200
        assert '<li id="L1">' in text


def test_long_notes_open_in_parts(chat: str) -> None:
    address = "/note/" + quote("大.txt")
    _, _, text = fetch(chat, f"{address}?at=50001")
    assert f'<li id="L50001" class="cited"><mark>{"長" * 5_000}</mark></li>' in text
    assert '<ol start="40001"' in text
    assert '<a href="?part=2">' in text
    _, _, text = fetch(chat, f"{address}?at=50001&part=1")
    assert '<li id="L20000">行。</li>\n</ol><nav><a href="?part=2">' in text
    _, _, text = fetch(chat, f"{address}?at={','.join(['1-999999999'] * 200)}")
    assert text.count("<mark>") == 20_000


def test_only_indexed_notes_open(chat: str, folder: Path) -> None:
    outside = (folder.parent / "外.md", Path("/etc/passwd"), folder / "印.md")
    paths = [way for file in outside for way in ways_to(file)]
    paths += [quote(f"{up}外.md", safe=safe) for up in ("../", "仕事/../../") for safe in ("/", "")]
    paths += ["..%2f%e5%a4%96.md", "%252e%252e%252f%25e5%25a4%2596.md", "..%5c%e5%a4%96.md"]
    paths += [quote(name) for name in (".隠し.md", ".git/中.md", "絵.png", "まだ.md", "仕事", "")]
    paths += [quote(name) for name in ("印.md/", "/印.md", "./印.md", "仕事/../印.md", "印.md\0")]
    paths += [
        "%ff%fe",
        "%",
        "%zz",
        "C:%5cWindows%5cwin.ini",
        quote("印.md::$DATA"),
        "*",
        "a" * 9_000,
    ]
    for path in paths:
        got, _, text = fetch(chat, f"/note/{path}")
        assert got == 404, path
        assert "このノートは開けません" in text or path == ""
        assert SECRET not in text


def link_out(folder: Path) -> str:
    (folder / "替.txt").unlink()
    (folder / "替.txt").symlink_to(folder.parent / "外.md")
    return "替.txt"


def folder_out(folder: Path) -> str:
    (folder / "入替").rename(folder.parent / "退避")
    (folder / "入替").symlink_to(folder.parent / "外", target_is_directory=True)
    return "入替/一.txt"


def sibling(folder: Path) -> str:
    """A folder whose name begins with the notes folder's is another one all the same."""
    (folder / "会議.md").unlink()
    (folder / "会議.md").symlink_to("../notes-隣/外.md")
    return "会議.md"


def pipe(folder: Path) -> str:
    (folder / "管.txt").unlink()
    os.mkfifo(folder / "管.txt")  # opening it would wait for a writer
    return "管.txt"


@pytest.mark.parametrize("replaced", [link_out, folder_out, sibling, pipe])
def test_a_note_replaced_by_a_way_out_is_refused(
    chat: str, folder: Path, replaced: Callable[[Path], str]
) -> None:
    got, _, text = fetch(chat, "/note/" + quote(replaced(folder)))
    assert got == 404
    assert SECRET not in text


def test_a_changed_note_is_shown_as_it_is_and_said_to_be(chat: str, folder: Path) -> None:
    (folder / "料理.txt").write_text("煮物の作り方。\n", encoding="utf-8")
    _, _, text = fetch(chat, "/note/" + quote("料理.txt"))
    assert '<li id="L1">煮物の作り方。</li>' in text
    assert "変わりました" in text


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Of a folder and all in it; 0 where nobody but the owner is let in."""
    return {path.name: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))}


@pytest.mark.usefixtures("no_umask")
def test_notes_are_never_written_and_the_store_is_its_owners(notes: Path, tmp_path: Path) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        files = [path for path in notes.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    store = tmp_path / "deep" / "store"
    build(notes, store, encoder=BigramEncoder())
    with open_store(store, encoder=BigramEncoder()) as opened:
        assert ask("カレーの作り方は？", opened).found
    desk = Desk(notes, store)
    assert desk.note("料理.txt") is not None
    desk.close()
    assert state() == before
    assert {"store", "store.sqlite3", "kikigaki-store.txt"} <= modes(store.parent).keys()
    assert not any(modes(store.parent).values())


def test_a_store_that_others_can_read_is_closed_and_said(notes: Path, store_folder: Path) -> None:
    store_folder.mkdir(mode=0o755)
    assert "ほかの人も読めた" in build(notes, store_folder, encoder=BigramEncoder()).remarks[0].ja
    assert build(notes, store_folder, encoder=BigramEncoder()).remarks == ()
    for path in (store_folder, *store_folder.rglob("*")):  # as a former version left them
        path.chmod(0o755)
    desk = Desk(notes, store_folder)
    desk.start()
    until(lambda: not desk.status().following.busy)
    desk.close()
    assert "ほかの人も読めた" in desk.status().error.ja
    assert not any(modes(store_folder).values())


def test_a_store_that_cannot_be_closed_is_refused(
    notes: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without modes lets everyone in, and says nothing when asked for others."""
    store_folder.mkdir(mode=0o755)
    monkeypatch.setattr(Path, "chmod", lambda path, mode: None)
    with pytest.raises(StoreError, match="ほかの人に読まれない場所ではない"):
        build(notes, store_folder, encoder=BigramEncoder())
    assert list(store_folder.iterdir()) == []


RUNS_WHAT_IT_LOADS = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "jsonpickle"}
OUR_CODE = [
    ROOT / "app.py",
    *(path for room in ("index", "qa", "ui", "benchmarks") for path in (ROOT / room).rglob("*.py")),
]


def runs_data(node: ast.AST) -> bool:
    """Whether a piece of code could run what stands in a file or a text."""
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in RUNS_WHAT_IT_LOADS for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in RUNS_WHAT_IT_LOADS
    if isinstance(node, ast.keyword):
        return node.arg in ("allow_pickle", "trust_remote_code") and not (
            isinstance(node.value, ast.Constant) and node.value.value is False
        )
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called == "yaml.load" and "Loader=yaml.BaseLoader" in ast.unparse(node):
            return False  # makes texts, lists and mappings only
        return called in ("eval", "exec", "compile", "__import__", "torch.load", "os.system") or (
            called.endswith(".load") and called.split(".")[0] in ("yaml", "pickle")
        )
    return False


@pytest.mark.parametrize("path", OUR_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_run_that_was_only_to_be_read(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [ast.unparse(node) for node in ast.walk(tree) if runs_data(node)] == []


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from joblib import load", "import dill.source as d", "eval('1')"),
        *("np.load(f, allow_pickle=True)", "np.load(f, allow_pickle=x)", "torch.load(f)"),
        *("exec(text)", "Model(trust_remote_code=True)"),
    ],
)
def test_the_walk_sees_what_it_looks_for(code: str) -> None:
    assert any(map(runs_data, ast.walk(ast.parse(code))))


def test_every_promise_names_its_test() -> None:
    promises = re.findall(
        r"`tests/(\w+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    )
    assert len(promises) >= 8
    for file, name in promises:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
