"""What people write, made fit to be asked, or refused with a sentence."""

import re
import unicodedata

from pilot.errors import InputInvalid
from pilot.i18n import Texts

LONGEST = 4_000  # characters
WHITE = frozenset("\t\n\r")
LEANING = re.compile(
    r"^\W*(and|but|also|now|then|instead|what about|how about|only|just|without|excluding|except|the same|same)\b"
    r"|^\W*(sort|order|group|as|in|per|by|show|limit)\b(\W+\w+){1,4}\W*$"
    r"|\b(them|those|these|ones|they|their|its|the same|of it|as well|too)\b"
    r"|呢|这些|那些|它们|他们|其中|换成|只看|只要|不包括|不含|排除|去掉|刚才|^\W*(那|按|再|用|以|仅|只)",
    re.IGNORECASE,
)  # what makes a question lean on the one before it


def plain_question(text: str, texts: Texts) -> str:
    """The question in composed Unicode, without white space around it.

    Raises InputInvalid when nothing is asked, when it is too long, or when it holds control characters.
    """
    if len(text) > LONGEST:
        raise InputInvalid(
            texts("chat.question.too_long", length=len(text), limit=LONGEST), remedy=texts("chat.question.shorter")
        )
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in WHITE for letter in text):
        raise InputInvalid(texts("chat.question.control"), remedy=texts("chat.question.type_it"))
    plain = unicodedata.normalize("NFC", text).strip()
    if not any(letter.isalnum() for letter in plain):
        raise InputInvalid(texts("chat.question.empty"), remedy=texts("chat.question.write"))
    return plain


def leans(question: str) -> bool:
    """Whether, asked after another question, this one is only understood with it: "and in Germany?"."""
    return LEANING.search(question) is not None
