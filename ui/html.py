"""Text as HTML: templates, in which what comes from notes and readers is only ever shown.

facts ─ rendered("cards.html", …) ▶ HTML      a text in two languages becomes both, one shown
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup

from index.messages import Said, said
from index.names import visible
from index.words.markup import well_formed
from qa.show import reason

TEMPLATES = Path(__file__).parent / "templates"
SIGN = re.compile(r"[!-/:-@\[-`{-~]")  # ASCII punctuation: all of HTML's and Markdown's signs
BESIDE = "\u2063"  # between the languages of a plain text; ui/web/words.js shows one of them


def rendered(name: str, **facts: object) -> str:
    """A template of ui/templates/ with its facts filled in.

    A str is shown as it is, whatever signs it has; a Said in the reader's language; Markup is HTML.
    """
    return _environment().get_template(name).render(**facts)


def shown(value: object) -> Markup:
    """HTML that shows a value; what every `{{ … }}` of a template goes through."""
    if isinstance(value, Markup):
        return value
    return Markup(both(value) if isinstance(value, Said) else safe(str(value)))


def safe(text: str) -> str:
    """HTML that shows exactly this text, also if it went through Markdown: no ASCII sign is left.

    Lone surrogates (broken file names) show as "?".
    """
    return SIGN.sub(lambda sign: f"&#{ord(sign[0])};", well_formed(text))


def both(text: Said) -> str:
    """HTML of a text in both languages; the page's style sheet shows the reader's."""
    return (
        f'<span class="ja">{safe(text.ja)}</span><span class="en" lang="en">{safe(text.en)}</span>'
    )


def beside(text: Said) -> str:
    """Both languages where no element can stand, in a label or an attribute."""
    return f"{text.ja}{BESIDE}{text.en}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(loader=FunctionLoader(_source), autoescape=True, finalize=shown)
    environment.globals["said"] = said
    environment.filters |= {"beside": beside, "visible": visible, "reason": reason}
    return environment


def _source(name: str) -> str:
    """A template without line ends and indents, which Gradio's Markdown would take for marks."""
    lines = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()
    return "".join(map(str.strip, lines))
