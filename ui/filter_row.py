"""The row 「絞り込み」 over the question box: which notes the questions of one tab are asked of.

    fields ─ read_fields ▶ a Filter, or what is wrong ─ FilterRow.told ▶ the row, read while closed

The fields in the browser hold a tab's filter: nothing is kept here that another tab could see.
Gradio loads with this module.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from index.filters import Filter
from index.messages import NOTHING, Said, said
from index.names import visible
from ui.html import beside
from ui.render import warning_html
from ui.serving.faults import handler

FIRST, LAST = said("filter_since"), said("filter_until")
EVERYWHERE = (beside(said("everywhere")), "")
NARROW = 150  # pixels of a field before the next one goes to another line: two fit a phone's
Offered = tuple[Sequence[str], Sequence[str]]  # folders and tags to choose from


def read_fields(fields: Sequence[Any]) -> tuple[Filter | None, list[Said]]:
    """What the fields ask for, None for all notes; and what is wrong with the dates.

    A date that cannot be read makes all of it unusable: with half of it, other notes would be
    searched than the reader believes.

    Args:
        fields: folder, tags, part of the file's name, first and last date, as they were typed.
    """
    folder, tags, name, since, until = (field or "" for field in fields)
    wrong = []
    for label, given in ((FIRST, {"since": since}), (LAST, {"until": until})):
        try:
            Filter.of(**given)
        except ValueError as error:
            wrong.append(said("wrong_date", field=label, why=error.args[0]))
    if wrong:
        return None, wrong
    try:
        within = Filter.of(folder=folder, tags=tags, name=name, since=since, until=until)
        return within or None, []
    except ValueError as error:
        return None, [said("wrong_date", field=LAST, why=error.args[0])]


class FilterRow:
    """The row, built into the page that is being built; `fields` go to `read_fields` as they are.

    `line` and `choices` are the outputs of `told` and `offered`.
    """

    def __init__(self) -> None:
        with gr.Column(elem_id="filter", scale=0):
            with gr.Accordion(label("filter"), open=False) as panel:
                with gr.Row():
                    folder = gr.Dropdown(
                        [EVERYWHERE], label=label("filter_folder"), min_width=NARROW
                    )
                    tags = gr.Dropdown(
                        label=label("filter_tags"),
                        multiselect=True,
                        visible=False,
                        min_width=NARROW,
                        elem_id="filter-tags",
                    )
                    name, since, until = (
                        gr.Textbox(
                            "",
                            label=label(f"filter_{key}"),
                            placeholder=like,
                            min_width=NARROW,
                            elem_id=f"filter-{key}",
                        )
                        for key, like in (
                            ("name", label("minutes_say")),
                            ("since", "2024-04"),
                            ("until", "2024-04-30"),
                        )
                    )
                warning = gr.Markdown(elem_id="filter-warning", latex_delimiters=[])
            clear = gr.Button(label("clear"), elem_id="filter-clear", visible=False)
        self.fields = [folder, tags, name, since, until]
        self.line = [panel, clear, warning]
        self.choices = [folder, tags]
        quiet: dict[str, Any] = {
            "show_progress": "hidden",
            "api_visibility": "private",
            "preprocess": False,  # see app.py
        }
        done = [event for text in (name, since, until) for event in (text.blur, text.submit)]
        changes = [folder.change, tags.change, *done]  # a date is not judged while it is typed
        always: dict[str, Any] = {"queue": False, "trigger_mode": "always_last", **quiet}
        gr.on(changes, self._narrowed, self.fields, self.line, **always)
        # The lists last: their change reads the other fields. And read again: what the field that
        # was just left had to say may come in later than this.
        emptied = [name, since, until, folder, tags, *self.line]
        cleared = clear.click(self._cleared, outputs=emptied, queue=False, **quiet)
        cleared.then(self._narrowed, self.fields, self.line, queue=False, **quiet)

    def told(
        self, within: Filter | None, wrong: Sequence[Said], *, opened: bool = False
    ) -> list[Any]:
        """The row after its fields were read: what is asked for, or what is wrong."""
        what = said("check_dates") if wrong else within.said if within else NOTHING
        text = beside(said("filter_said", what=what)) if what else label("filter")
        return [
            gr.Accordion(label=text, open=True) if opened else gr.Accordion(label=text),
            gr.Button(visible=bool(what)),
            warning_html(wrong),
        ]

    def offered(
        self, now: Offered, seen: Offered, folder: str | None, tags: Sequence[str] | None
    ) -> tuple[Offered, list[Any]]:
        """What a tab can choose from, and its dropdowns, untouched where nothing changed.

        What is chosen stays on offer after its last note is gone: the answers then say so.
        """
        offers = (sorted({*now[0], folder or ""} - {""}), sorted({*now[1], *(tags or ())}))
        if offers == (list(seen[0]), list(seen[1])):
            return seen, [gr.skip(), gr.skip()]
        folders = [EVERYWHERE, *((f"{visible(name)}/", name) for name in offers[0])]
        return offers, [
            gr.Dropdown(choices=folders),
            gr.Dropdown(choices=offers[1], visible=bool(offers[1])),
        ]

    @handler
    def _narrowed(self, *fields: object) -> list[Any]:
        return self.told(*read_fields(fields))

    def _cleared(self) -> list[Any]:
        return ["", "", "", "", [], *self.told(None, [])]


def label(key: str) -> str:
    """A message where Gradio takes plain text only."""
    return beside(said(key))
