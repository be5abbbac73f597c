"""What the chat's page asks for besides Gradio: notes, what is like a passage, panel and map.

Each route gives a page or a piece of one, made in the module of its name; ui/web/ shows it. Only
the routes of the panel change anything. They do so where nobody else can reach the chat, or behind
its password; a page of another site is turned away before (ui/serving/door.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.requests import ClientDisconnect

from index.errors import NotesError
from index.messages import said
from ui.cards import similar_page
from ui.desk import Desk
from ui.export import file_name, markdown
from ui.html import beside, rendered
from ui.inbox import NotKept
from ui.map.page import map_page
from ui.note_page import editor_link, note_page
from ui.notes_panel import notes_panel
from ui.turns import read_talk

WEB = Path(__file__).parent / "web"
FILES = {path.name for path in WEB.iterdir() if path.suffix in (".css", ".js")}
# Characters of a question that has a place on the map; more is a pasted text, not a question.
QUESTION = 2_000
Names = Annotated[list[str], Query(default_factory=list)]
UNKEPT = {"Cache-Control": "no-store"}  # a browser's cache would be one more copy of the notes


def routes(desk: Desk, *, may_write: bool = False) -> APIRouter:
    """The routes over one desk's notes.

    Args:
        desk: whose notes.
        may_write: whether the page may put new notes into the folder, and rebuild the index.
    """
    router = APIRouter(default_response_class=HTMLResponse)

    @router.get("/ui/{name}")
    def file(name: str) -> Response:
        if name == "frame.html":
            return HTMLResponse(rendered(name))
        if name not in FILES:
            return PlainTextResponse("", 404)
        return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})

    @router.get("/note/{path:path}")
    def note(path: str, at: str = "", part: int = 0) -> Response:
        if found := desk.note(path):
            opened, changed, place = found
            page = note_page(opened, at, part, changed=changed, editor=editor_link(place, at))
            return HTMLResponse(page, headers=UNKEPT)
        return PlainTextResponse(beside(said("note_missing")), 404, headers=UNKEPT)

    @router.get("/similar/{path:path}")
    def similar(path: str, line: int) -> Response:
        try:
            return HTMLResponse(similar_page(*desk.similar(path, line)), headers=UNKEPT)
        except LookupError:
            return PlainTextResponse(beside(said("note_missing")), 404, headers=UNKEPT)

    @router.post("/export")
    async def export(request: Request, words: str = "ja") -> Response:
        # In a thread: a long conversation takes its time, and other tabs need not wait for it.
        return await run_in_threadpool(_exported, await request.body(), words)

    router.include_router(_map_routes(desk))
    router.include_router(_notes_routes(desk, may_write=may_write))
    return router


def _exported(body: bytes, words: str) -> Response:
    """A conversation as a file."""
    try:
        turns = read_talk(body.decode())
    except UnicodeDecodeError:
        turns = []
    if not turns:
        return PlainTextResponse(beside(said("no_talk")), 422, headers=UNKEPT)
    name = f"attachment; filename*=UTF-8''{quote(file_name(turns))}"
    headers = {"Content-Disposition": name, **UNKEPT}
    return Response(markdown(turns, words), media_type="text/markdown", headers=headers)


def _map_routes(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/map")
    def map_(seen: int = 0) -> Response:
        return HTMLResponse(map_page(desk.map(), desk.status(), seen), headers=UNKEPT)

    @router.get("/map/place")
    def place(question: Annotated[str, Query(max_length=QUESTION)]) -> Response:
        try:
            return JSONResponse(desk.place(question), headers=UNKEPT)
        except NotesError:
            return JSONResponse(None, headers=UNKEPT)

    return router


def _notes_routes(desk: Desk, *, may_write: bool) -> APIRouter:
    """The panel over one desk's notes; whether it may change anything is told in it too."""
    router = APIRouter()

    @router.get("/notes")
    def panel(new: Names, same: Names) -> Response:
        page = notes_panel(desk, new, same, refused=None if may_write else said("read_only"))
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
            return PlainTextResponse(beside(said("read_only")), 403)
        try:
            async with contextmanager_in_threadpool(desk.arriving(name)) as note:
                async for block in request.stream():
                    await run_in_threadpool(note.write, block)
                kept = await run_in_threadpool(note.keep, modified / 1_000)
        except NotKept as reason:
            return PlainTextResponse(beside(reason.said), 422)
        except ClientDisconnect:  # nobody is there to be answered
            return Response(status_code=400)
        desk.look()
        return PlainTextResponse(kept.path, 200 if kept.was_there else 201)

    @router.post("/rebuild")
    def rebuild() -> Response:
        if not may_write:
            return PlainTextResponse(beside(said("read_only")), 403)
        desk.rebuild()
        return PlainTextResponse(beside(said("rebuild_started")), 202)

    return router
