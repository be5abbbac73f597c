"""What the notes panel asks for: itself, a new note in the folder, the index built again.

Only these routes change anything. They do so where nobody else can reach the chat, or behind its
password; a page of another site is turned away before (ui/door.py).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from index.inbox import NotKept
from qa.desk import Desk
from ui.notes_panel import notes_panel

READ_ONLY = """ほかの機械からも開けるチャットです。ノートを入れたり索引を作り直したりするには、
パスワードを付けてください。
(A chat that other machines can open takes notes and rebuilds only behind a password.)"""
STARTED = "作り直しを始めました (rebuilding)"
UNKEPT = {"Cache-Control": "no-store"}  # a browser's cache would be one more copy of the names
Names = Annotated[list[str], Query(default_factory=list)]


def notes_routes(desk: Desk, *, may_write: bool) -> APIRouter:
    """The panel over one desk's notes; whether it may change anything is told in it too."""
    router = APIRouter()

    @router.get("/notes")
    def panel(new: Names, same: Names) -> Response:
        page = notes_panel(desk, new, same, refused="" if may_write else READ_ONLY)
        return HTMLResponse(page, headers=UNKEPT)

    @router.put("/notes/{name:path}")
    async def put_note(name: str, request: Request, modified: float = 0.0) -> Response:
        """Answers with the name that the note got: 201, or 200 if it was there already.

        Args:
            name: what the file is called where it comes from.
            request: its bytes are the body.
            modified: when it was last written, in ms since 1970, as browsers tell it.
        """
        if not may_write:
            return PlainTextResponse(READ_ONLY, 403)
        try:
            async with contextmanager_in_threadpool(desk.arriving(name)) as note:
                async for block in request.stream():
                    await run_in_threadpool(note.write, block)
                kept = await run_in_threadpool(note.keep, modified / 1_000)
        except NotKept as reason:
            return PlainTextResponse(str(reason), 422)
        except ClientDisconnect:  # nobody is there to be answered
            return Response(status_code=400)
        desk.look()
        return PlainTextResponse(kept.path, 200 if kept.was_there else 201)

    @router.post("/rebuild")
    def rebuild() -> Response:
        if not may_write:
            return PlainTextResponse(READ_ONLY, 403)
        desk.rebuild()
        return PlainTextResponse(STARTED, 202)

    return router
