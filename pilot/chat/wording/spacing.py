"""Blanks between Chinese and Latin letters: sentences are made of pieces that do not know their neighbours."""

import re

from pilot.i18n import Language

CHINESE = "\u3400-\u9fff"
MARKS = "，。：；（）、“”"
QUOTED = re.compile(r"(“[^“”]*”)")  # as the database has it: left alone


def tidy(text: str, language: Language) -> str:
    """One blank between Chinese and Latin, none between Chinese letters or beside Chinese marks."""
    if language != "zh":
        return text
    pieces = QUOTED.split(text)
    spaced = "".join(piece if index % 2 else _spaced(piece) for index, piece in enumerate(pieces))
    return re.sub(r" *(“[^“”]*”) *", r"\1", spaced).strip()


def _spaced(text: str) -> str:
    text = re.sub(rf"(?<=[{CHINESE}{MARKS}]) +(?=[{CHINESE}{MARKS}])", "", text)
    text = re.sub(rf" *([{MARKS}]) *", r"\1", text)
    return re.sub(rf"(?<=[{CHINESE}])(?=[A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?=[{CHINESE}])", " ", text)
