"""Components whose words follow the visitor's language, without a reload."""

from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component

from pilot.i18n import Language, Texts

C = TypeVar("C", bound=Component)
WORDED = ("label", "placeholder", "value", "info")  # properties that may be the key of a sentence
PREFIXES = ("web.", "ask.", "schema.", "own.", "documents.")


class Labels:
    """Makes components and remembers which of their properties are sentences."""

    def __init__(self, language: Language) -> None:
        self._t = Texts(language)
        self._made: list[tuple[Any, dict[str, str]]] = []

    def __call__(self, kind: type[C], **options: Any) -> C:
        """`labels(gr.Button, value="web.ask", variant="primary")`: properties that are keys become sentences."""
        keys = {name: text for name, text in options.items() if name in WORDED and _is_key(text)}
        component = kind(**options | {name: self._t(key) for name, key in keys.items()})
        self._made.append((component, keys))
        return component

    @property
    def components(self) -> list[Any]:
        return [component for component, _ in self._made]

    def updates(self, t: Texts) -> list[Any]:
        """What each of `components` is to say in this language."""
        return [gr.update(**{name: t(key) for name, key in keys.items()}) for _, keys in self._made]


def pane(elem_id: str) -> gr.Markdown:
    """HTML of our own, with drawings in it: whatever comes from outside is escaped by whoever makes it."""
    return gr.Markdown(elem_id=elem_id, elem_classes="pane", latex_delimiters=[], sanitize_html=False)


def _is_key(text: object) -> bool:
    return isinstance(text, str) and text.startswith(PREFIXES)
