"""What the chat's page asks for besides Gradio: notes, what is like a passage, panel and map.

Each route gives a page or a piece of one, made in the module of its name; ui/web/ shows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)

from index.errors import NotesError
from qa.desk import Desk
from ui.editor import editor_link
from ui.export import file_name, markdown
from ui.map_page import map_page
from ui.note_page import MISSING, note_page
from ui.notes_routes import notes_routes
from ui.similar import similar_page
from ui.turns import read_talk

WEB = Path(__file__).parent / "web"
FILES = {path.name for path in WEB.iterdir() if path.suffix in (".css", ".html", ".js")}
# Characters of a question that has a place on the map; more is a pasted text, not a question.
QUESTION = 2_000
NO_TALK = "会話として読めません (no conversation that can be read)"
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
        if name not in FILES:
            return PlainTextResponse("", 404)
        return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})

    @router.get("/note/{path:path}")
    def note(path: str, at: str = "", part: int = 0) -> Response:
        if found := desk.note(path):
            opened, changed, place = found
            page = note_page(opened, at, part, changed=changed, editor=editor_link(place, at))
            return HTMLResponse(page, headers=UNKEPT)
        return PlainTextResponse(MISSING, 404, headers=UNKEPT)

    @router.get("/similar/{path:path}")
    def similar(path: str, line: int) -> Response:
        try:
            return HTMLResponse(similar_page(*desk.similar(path, line)), headers=UNKEPT)
        except LookupError:
            return PlainTextResponse(MISSING, 404, headers=UNKEPT)

    @router.post("/export")
    async def export(request: Request, words: str = "ja") -> Response:
        # In a thread: a long conversation takes its time, and other tabs need not wait for it.
        return await run_in_threadpool(_exported, await request.body(), words)

    router.include_router(_map_routes(desk))
    router.include_router(notes_routes(desk, may_write=may_write))
    return router


def _exported(body: bytes, words: str) -> Response:
    """A conversation as a file."""
    try:
        turns = read_talk(body.decode())
    except UnicodeDecodeError:
        turns = []
    if not turns:
        return PlainTextResponse(NO_TALK, 422, headers=UNKEPT)
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
