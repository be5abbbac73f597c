"""Nothing leaves the machine: what any library asks the system for, as strace sees it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import EXAMPLE, ROOT, until

from index.offline import SILENT

SECONDS = 20.0  # in which a library that reports looks up where to
STRACE = shutil.which("strace")
ADDRESS = re.compile(r'htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')


@pytest.fixture(scope="module")
def traceable() -> None:
    if STRACE is None:
        pytest.skip("strace がありません: sudo apt install strace")
    tried = subprocess.run([STRACE, "-o", os.devnull, "true"], check=False, capture_output=True)
    if tried.returncode:
        pytest.skip("strace がほかのプロセスを見られません (ptrace is not allowed here)")


class Watched:
    """A command with an empty home, and what it asked the system for."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.trace = folder / "trace"
        for place in (self.home, self.temporary):
            place.mkdir(parents=True)
        self.process = subprocess.Popen(
            [str(STRACE), "-f", "--seccomp-bpf", "-qq", "-o", str(self.trace),
             "-e", "trace=connect,sendto,sendmsg,sendmmsg", sys.executable, *command],
            # nothing of the environment here: CI=true, for one, silences ONNX Runtime
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8",
                 "TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": "1", **settings},
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def wait(self) -> str:
        """What it printed, once it is done."""
        printed, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, printed
        return printed

    def reached(self) -> set[str]:
        """Addresses outside this machine that it turned to; any address, to look up a name."""
        found = (ADDRESS.search(line) for line in self.trace.read_text().splitlines())
        places = {(int(match[1]), match[2]) for match in found if match}
        return {
            f"{address}:{port}"
            for port, address in places
            if port == 53 or not ip_address(address).is_loopback
        }

    def left(self) -> list[Path]:
        """Files that it made outside our folder of the user's cache."""
        ours = self.home / ".cache" / "kikigaki"
        made = (path for place in (self.home, self.temporary) for path in place.rglob("*"))
        return [path for path in made if path.is_file() and not path.is_relative_to(ours)]


@contextmanager
def chat(folder: Path) -> Iterator[Watched]:
    """The chat, asked something, until SECONDS have passed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.monotonic()
    watched = Watched(folder, "app.py", "--port", str(port))

    def fetch(path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as response:
            return bytes(response.read())

    def answers() -> bool:
        try:
            fetch("map")  # is drawn once somebody looks
            return fetch(f"map/place?question={quote(EXAMPLE)}") != b"null"
        except OSError:  # it is not there yet
            return False

    try:
        until(answers)
        yield watched
        time.sleep(max(started + SECONDS - time.monotonic(), 0))
    finally:
        os.killpg(watched.process.pid, signal.SIGINT)
        watched.process.communicate(timeout=30)


@pytest.mark.model
@pytest.mark.usefixtures("traceable")
def test_no_connection_is_tried_and_no_file_left(tmp_path: Path) -> None:
    model = str(ROOT / "models" / "kikigaki-e5-small-ja")  # as any folder, by sentence-transformers
    runs = {}
    with chat(tmp_path / "app") as runs["app"]:
        for name, settings in (("question", {}), ("of another model", {"KIKIGAKI_MODEL": model})):
            runs[name] = Watched(tmp_path / name, "-m", "qa", EXAMPLE, **settings)
            assert "[1]" in runs[name].wait()
        store = str(tmp_path / "store")
        runs["build"] = Watched(tmp_path / "build", "-m", "index", "--store", store)
        assert "追加 1" in runs["build"].wait()
        runs["doctor"] = Watched(tmp_path / "doctor", "-m", "index", "--doctor", "--store", store)
        assert "✗" not in runs["doctor"].wait()
    assert {name: run.reached() for name, run in runs.items() if run.reached()} == {}
    assert {name: run.left() for name, run in runs.items() if run.left()} == {}


@pytest.mark.usefixtures("traceable")
def test_a_connection_and_a_file_would_be_seen(tmp_path: Path) -> None:
    code = """if True:
        import pathlib, socket
        pathlib.Path.home().joinpath("id").touch()
        for place in (("192.0.2.1", 443), ("127.0.0.1", 53), ("127.0.0.1", 80)):
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(place)  # sends nothing yet
    """
    watched = Watched(tmp_path / "run", "-c", code)
    watched.wait()
    assert watched.reached() == {"192.0.2.1:443", "127.0.0.1:53"}
    assert watched.left() == [watched.home / "id"]


@pytest.mark.parametrize("door", ["app", "index", "qa", "ui", "benchmarks", "training"])
def test_every_door_silences_the_libraries_first(door: str) -> None:
    """And over what the environment says; a child process gets it with the environment."""
    code = f"import os, sys, {door}; print([os.environ[name] for name in sys.argv[1:]])"
    loud = {"PATH": os.environ["PATH"], "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, *SILENT], cwd=ROOT, env=loud, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(list(SILENT.values())), done.stderr
