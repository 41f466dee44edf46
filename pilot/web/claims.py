"""What is said of an answer beside its rows, as HTML: how sure it is, and where its SQL came from."""

from pilot.chat.definitions import place
from pilot.chat.events import Citation, Reading
from pilot.i18n import Texts
from pilot.web.answer import Answer
from pilot.web.places import address
from pilot.web.words import plain

CONFIDENT, DOUBTFUL = 0.75, 0.4  # shares of the candidates that agree


def trust(answer: Answer, t: Texts) -> str:
    """One line: verified, or how many candidates agree."""
    if answer.failure or not answer.summary:
        return ""
    if answer.verified:
        return _verified(answer, t)
    if answer.confidence is None:
        return ""
    level = "high" if answer.confidence >= CONFIDENT else "medium" if answer.confidence >= DOUBTFUL else "low"
    why = t("web.confidence.why", share=f"{answer.confidence:.0%}")
    return f'<p class="confidence {level}" title="{why}">{t(f"web.confidence.{level}")}</p>'


def follow_up(answer: Answer, t: Texts) -> str:
    """What the question was taken to mean."""
    if answer.follow_up is None:
        return ""
    meaning = t("chat.list.comma").join(answer.follow_up.meaning)
    return f'<p class="grounds">{plain(t("ask.follow", question=answer.follow_up.question, meaning=meaning))}</p>'


def told(answer: Answer) -> str:
    """What is said in place of a result."""
    return answer.declined.text if answer.declined else answer.failure.message if answer.failure else ""


def declined(answer: Answer, t: Texts) -> str:
    """That the database does not say, what is missing, and what mends it."""
    if answer.declined is None:
        return ""
    remedy = f'<p class="remedy">{t("ask.declined.remedy")}</p>' if answer.declined.missing else ""
    said = answer.declined.reply
    reply = f'<p class="grounds">{plain(t("ask.declined.reply", reply=said))}</p>' if said else ""
    return (
        f'<div class="declined" role="status"><p class="summary">{plain(answer.declined.text)}</p>{reply}{remedy}</div>'
    )


def definitions(answer: Answer, t: Texts) -> str:
    """What the attached documents say of the question's words, and whether the SQL follows it."""
    if answer.definitions is None:
        return ""
    lines = "".join(
        f"<li><q>{plain(each.quote)}</q> {_source(each, t)}</li>" for each in answer.definitions.definitions
    )
    said = t("documents.defined.used" if answer.definitions.used else "documents.defined.shown")
    return f'<div class="defined"><p class="cap">{said}</p><ul>{lines}</ul></div>'


def _source(citation: Citation, t: Texts) -> str:
    name = plain(place(citation, t))
    return f'<a class="open" href="{plain(address(citation.passage, [citation.quote]))}">{name}</a>'


def readings(answer: Answer, t: Texts) -> str:
    """Two readings side by side: what each does, and the rows that only it finds."""
    if not answer.readings:
        return ""
    cards = "".join(_reading(number, reading, t) for number, reading in enumerate(answer.readings, 1))
    return f'<div class="readings"><p class="cap">{t("ask.did_you_mean")}</p>{cards}</div>'


def _reading(number: int, reading: Reading, t: Texts) -> str:
    steps = "".join(f"<li>{plain(line)}</li>" for line in reading.meaning)
    head = "".join(f"<th>{plain(name)}</th>" for name in reading.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{plain(cell)}</td>' for cell in row)}</tr>" for row in reading.rows)
    only = f'<p class="fact">{t("ask.reading.only")}</p>' if rows else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return (
        f'<div class="reading"><p class="name">{t("ask.reading", number=number)} <i>{reading.share:.0%}</i></p>'
        f'<ul>{steps}</ul>{only}<div class="sheet">{table if rows else ""}</div></div>'
    )


def _verified(answer: Answer, t: Texts) -> str:
    assert answer.verified is not None
    known = answer.verified
    values = {"question": known.question, "date": known.approved_on}
    if known.changed:
        comma = t("chat.list.comma")
        changed = comma.join(t("ask.verified.now", before=before, now=now) for before, now in known.changed)
        why = t("ask.verified.why_changed", changed=changed, **values)
    else:
        why = t("ask.verified.why", **values)
    return f'<p class="confidence verified">{t("ask.verified")}</p><p class="grounds">{plain(why)}</p>'
