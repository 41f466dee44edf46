"""Passages as cards: where they stand, what they say, and the quotes in them marked."""

from collections.abc import Sequence
from itertools import groupby

from pilot.chat.events import Citation, FoundPassage
from pilot.i18n import Texts
from pilot.web import places, words

CONTEXT_CHARS = 220  # shown of a passage before its first quote and after its last


def cited(citations: Sequence[Citation], anchor: str, t: Texts, *, named: bool = False) -> str:
    """One card for each passage, with every quote in it marked; `anchor-n` is the id of the nth. `named` cards name
    their space.
    """
    if not citations:
        return ""
    cards = "".join(
        _card(list(each), f"{anchor}-{number}", t, named=named)
        for number, each in groupby(sorted(citations, key=_number), key=_number)
    )
    return f'<div class="sources"><p class="cap">{t("web.sources")}</p>{cards}</div>'


def _number(citation: Citation) -> int:
    return citation.number


def _card(citations: Sequence[Citation], anchor: str, t: Texts, *, named: bool) -> str:
    sure = all(citation.supported for citation in citations)
    doubt = "" if sure else f'<p class="doubt">{t("web.citation.unsupported")}</p>'
    return card(citations[0].passage, [citation.quote for citation in citations], anchor, t, doubt, named=named)


def card(
    passage: FoundPassage, quotes: Sequence[str], anchor: str, t: Texts, doubt: str = "", *, scored: bool = False,
    named: bool = False,
) -> str:  # fmt: skip
    place = [words.plain(passage.space)] if named else []
    place.append(words.plain(passage.document))
    if passage.page is not None:
        place.append(t("web.page", page=passage.page))
    if passage.section:
        place.append(words.plain(passage.section))
    score = f'<span class="score">{t("web.search.score", score=f"{passage.score:.2f}")}</span>' if scored else ""
    spans = _spans(passage.text, quotes)
    start, stop = _around(passage.text, spans)
    near = f"{'…' * (start > 0)}{_marked(passage.text, spans, start, stop)}{'…' * (stop < len(passage.text))}"
    whole = _marked(passage.text, spans, 0, len(passage.text))
    more = f"<details><summary>{t('web.passage.whole')}</summary><blockquote>{whole}</blockquote></details>"
    return (
        f'<div class="passage" id="{anchor}"><p class="place"><span class="cite">{passage.number}</span>'
        f"{' <i>·</i> '.join(place)}{score}{_way(passage, quotes, t)}</p>"
        f"<blockquote>{near}</blockquote>{more if near != whole else ''}{doubt}</div>"
    )


def _way(passage: FoundPassage, quotes: Sequence[str], t: Texts) -> str:
    """To the page that it stands on; a conversation of an older version does not know it."""
    if not passage.space:
        return ""
    said = t("documents.open") if passage.page is None else t("documents.open.page", page=passage.page)
    return f'<a class="open" href="{words.plain(places.address(passage, quotes))}">{said}</a>'


def _spans(text: str, quotes: Sequence[str]) -> list[tuple[int, int]]:
    """Where the quotes stand, in order and without overlap."""
    found = sorted((text.find(quote), text.find(quote) + len(quote)) for quote in quotes if quote and quote in text)
    apart: list[tuple[int, int]] = []
    for start, stop in found:
        if not apart or start >= apart[-1][1]:
            apart.append((start, stop))
    return apart


def _marked(text: str, spans: Sequence[tuple[int, int]], start: int, stop: int) -> str:
    """Part of a passage, its quotes marked."""
    parts, at = [], start
    for first, last in spans:
        parts += [words.plain(text[at:first]), f"<mark>{words.plain(text[first:last])}</mark>"]
        at = last
    return "".join((*parts, words.plain(text[at:stop])))


def _around(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """From a little before the first quote to a little after the last, at the ends of words."""
    start = spans[0][0] - CONTEXT_CHARS if spans else 0
    stop = spans[-1][1] + CONTEXT_CHARS if spans else 2 * CONTEXT_CHARS
    if start > 0:
        blank = text.find(" ", start, spans[0][0])
        start = blank + 1 if blank >= 0 else start
    if stop < len(text):
        blank = text.rfind(" ", stop - CONTEXT_CHARS, stop)
        stop = blank if blank > 0 else stop
    return max(start, 0), min(stop, len(text))
