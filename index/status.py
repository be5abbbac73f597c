"""How a store stands, for its owner: what is in it, how old, how large, and what was left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import NotesError
from index.storage.store import Store
from index.update import differences


def status_lines(store: Store) -> Iterator[tuple[str, str]]:
    """(what, how it stands) for each fact about a store, in the order a reader wants them."""
    folder, counts = store.notes_folder, store.counts()
    yield "ノート (notes)", str(folder)
    yield "索引 (store)", str(store.folder)
    sizes = [path.stat().st_size for path in store.folder.iterdir() if path.is_file()]
    yield "大きさ (size)", _size(sum(sizes))
    yield (
        "中身 (content)",
        f"ノート notes {counts.notes:,} · 箇所 passages {counts.passages:,} · "
        f"符号化 encoded {counts.encoded:,}",
    )
    yield "最後の更新 (last update)", _age(time.time() - store.changed)
    yield "フォルダとの差 (against the folder)", _difference(store)
    yield "モデル (model)", store.encoder_name or "なし (none yet)"
    if difference := store.version_difference():
        yield "版 (version)", f"別の版: {difference} → python -m index"
    encodings = ", ".join(f"{name} {count:,}" for name, count in store.encodings().items())
    yield "文字コード (encodings)", encodings or "–"
    at_work = [name for name in ("writer", "encoding") if _held(store.folder / f"{name}.lock")]
    yield "作業中のプロセス (at work)", ", ".join(at_work) or "なし (none)"


def _difference(store: Store) -> str:
    try:
        now = differences(store)
    except NotesError as error:
        return str(error).splitlines()[0]
    if not (now.new or now.changed or now.gone):
        return "なし (up to date)"
    counts = f"新しい new {now.new:,} · 変わった changed {now.changed:,} · ない gone {now.gone:,}"
    return f"{counts} → python -m index"


def _held(lock: Path) -> bool:
    """Whether a living process holds a lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _size(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"


def _age(seconds: float) -> str:
    lengths = ((86_400, "日", "days"), (3_600, "時間", "hours"), (60, "分", "minutes"))
    for length, name, english in lengths:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {name}前 ({english} ago)"
    return f"{max(seconds, 0):.0f} 秒前 (seconds ago)"
