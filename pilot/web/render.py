"""An answer as HTML. Knows answers and words; no database, no model, no Gradio.

Every function returns one block on one line: the page shows it through Gradio's sanitised Markdown, where a block ends
at a blank line.
"""

from collections.abc import Sequence

from pilot.chat.events import Condensing, Failed, FoundPassage, Notice
from pilot.chat.wording.headings import heading
from pilot.datasource.base import Cell, Rows
from pilot.i18n import Texts
from pilot.web import cells, claims, passages, words
from pilot.web.answer import Answer
from pilot.web.receipts import facts

ROWS_SHOWN = 1000
ROWS_DRAWN = 5000  # in a chart
CELLS_SHOWN = 20_000  # a page with more of them is slow to draw
CELL_CHARS = 300
SHOWN_ABOVE = ("question", "sql")  # of a receipt


def block(*parts: str, kind: str = "") -> str:
    """The one way in which HTML leaves this module."""
    inner = "".join(parts)
    return f'<div class="{kind}">{inner}</div>' if inner else ""


# Asking a database


def headline(answer: Answer, t: Texts) -> str:
    """The question, then what is going on or what came out."""
    if not answer.question and not answer.failure:
        return ""
    return block(
        f'<p class="asked">{words.plain(answer.question)}</p>' if answer.question else "",
        claims.follow_up(answer, t),
        _summary(answer, t),
        claims.declined(answer, t),
        claims.definitions(answer, t),
        _progress(answer, t),
        *(notice(each, t) for each in answer.notices),
        claims.readings(answer, t),
        failure(answer.failure, t) if answer.failure else "",
        kind="answer",
    )


def table(rows: Rows | None, t: Texts) -> str:
    """A heading sorts its column; a long cell opens."""
    if rows is None or not rows.columns:
        return ""
    if not rows.rows:
        return block(f'<p class="empty">{t("web.rows.none")}</p>', kind="rows")
    shown = rows.rows[: min(ROWS_SHOWN, max(CELLS_SHOWN // len(rows.columns), 1))]
    columns = list(zip(*shown, strict=True))
    right = [cells.numeric(column) for column in columns]
    places = [cells.decimals(column) for column in columns]
    head = "".join(_heading(name, column, t) for name, column in zip(rows.columns, columns, strict=True))
    body = "".join(f"<tr>{_cells(row, rows.columns, right, places)}</tr>" for row in shown)
    alone = " alone" if len(columns) == 1 and len(rows.rows) == 1 and right[0] else ""
    grid = f'<div class="sheet{alone}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return block(grid, f'<p class="foot">{_row_count(rows, len(shown), t)}</p>', kind="rows")


def workings(answer: Answer, t: Texts) -> str:
    """How the answer came about: statement, its meaning, the receipt."""
    statement = answer.sql or answer.draft
    if not statement and not answer.refused:
        return ""
    checked = "web.sql.checked" if answer.sql else "web.sql.draft"
    state = "checked" if answer.sql else "draft"
    return block(
        _statement(statement, t(checked), state, t) if statement else "",
        explanation(answer.explanation, t),
        _tables(answer, t),
        _refusals(answer, t),
        _receipt(answer, t),
        kind="workings",
    )


def _tables(answer: Answer, t: Texts) -> str:
    """Which tables the answer rests on, and of how many the model could choose."""
    if answer.receipt is None or answer.chosen is None:
        return ""
    shown = t("schema.used.shown", count=len(answer.chosen.tables), total=answer.chosen.total)
    facts = [", ".join(answer.receipt.tables), shown]
    if answer.chosen.pinned:
        facts.append(t("schema.used.pinned", tables=", ".join(answer.chosen.pinned)))
    return f'<p class="foot">{words.plain(t("schema.used", facts=" · ".join(facts)))}</p>'


def earlier(answers: Sequence[Answer], t: Texts) -> str:
    """The answers before the one on show, newest first, folded. `again-n` runs the nth of them again."""
    if not answers:
        return ""
    folded = [_folded(answer, number, t) for number, answer in enumerate(answers)]
    return block(f'<p class="cap">{t("web.earlier")}</p>', *reversed(folded), kind="earlier")


# Asking documents


def cited_answer(answer: Answer, t: Texts) -> str:
    if not answer.question and not answer.failure:
        return ""
    return block(
        f'<p class="asked">{words.plain(answer.question)}</p>' if answer.question else "",
        f'<p class="foot">{words.plain(t("documents.meant", meant=answer.meant))}</p>' if answer.meant else "",
        _reading(answer, t),
        *(notice(each, t) for each in answer.notices),
        _prose(answer, t),
        failure(answer.failure, t) if answer.failure else "",
        passages.cited(answer.citations, _anchor(answer), t, named=len(answer.spaces) > 1),
        kind="answer",
    )


def found(found_passages: Sequence[FoundPassage], t: Texts) -> str:
    """The search view: passages as they stand, best first."""
    named = len({passage.space for passage in found_passages}) > 1
    if not found_passages:
        return block(f'<p class="empty">{t("web.search.none")}</p>', kind="answer")
    return block(
        f'<p class="cap">{t("web.search.found", count=len(found_passages))}</p>',
        *(
            passages.card(passage, (), f"found-{passage.number}", t, scored=True, named=named)
            for passage in found_passages
        ),
        kind="answer sources",
    )


# Chat


def dialogue(answers: Sequence[Answer], t: Texts) -> str:
    return block(*(_exchange(answer, t) for answer in answers), kind="dialogue")


def _exchange(answer: Answer, t: Texts) -> str:
    said = words.markdown(answer.text) if answer.text else ""
    waiting = f'<p class="busy">{t("web.chat.thinking")}</p>' if answer.running and not answer.text else ""
    return (
        f'<div class="mine"><p>{words.plain(answer.question)}</p></div><div class="theirs">{waiting}{said}'
        f"{''.join(notice(each, t) for each in answer.notices)}"
        f"{failure(answer.failure, t) if answer.failure else ''}{_stopped(answer, t)}</div>"
    )


# Pieces


def _statement(statement: str, caption: str, state: str, t: Texts) -> str:
    copy = f'<span class="copy" role="button" tabindex="0" title="{t("web.sql.copied")}">{t("web.sql.copy")}</span>'
    code = f"<pre><code>{words.sql(statement)}</code></pre>"
    return f'<div class="statement {state}"><p class="cap">{caption}{copy}</p>{code}</div>'


def failure(failed: Failed, t: Texts) -> str:
    """What kind of error, what happened, what mends it."""
    title = f"<p>{t(f'errors.{failed.code}')}</p>" if t.has(f"errors.{failed.code}") else ""
    remedy = f'<p class="remedy">{words.plain(failed.remedy)}</p>' if failed.remedy else ""
    return f'<div class="failure" role="alert">{title}<p class="why">{words.plain(failed.message)}</p>{remedy}</div>'


def notice(note: Notice, t: Texts) -> str:
    """Texts of notices stand in `notice.json`; one that is not there yet shows nothing rather than its key."""
    return f'<p class="notice">{words.plain(t(note.key, **note.values))}</p>' if t.has(note.key) else ""


def _summary(answer: Answer, t: Texts) -> str:
    if not answer.summary:
        return ""
    return f'<p class="summary">{words.plain(answer.summary)}</p>{claims.trust(answer, t)}'


def _progress(answer: Answer, t: Texts) -> str:
    if answer.stopped:
        return _stopped(answer, t)
    if not answer.running or answer.summary:
        return ""
    if answer.rows is not None:
        return _busy(t("web.doing.explain"))
    if answer.sql:
        return _busy(t("web.doing.run"))
    if answer.repairing is not None:
        return _busy(t("web.doing.repair", attempt=answer.repairing.attempt))
    if answer.chosen is None:
        return _busy(t("web.doing.read"))
    return _busy(t("web.doing.write", count=len(answer.chosen.tables), total=answer.chosen.total))


def _busy(text: str) -> str:
    return f'<p class="busy" role="status">{text}</p>'


def _stopped(answer: Answer, t: Texts) -> str:
    return f'<p class="stopped">{t("web.stopped")}</p>' if answer.stopped else ""


def _heading(name: str, column: Sequence[Cell], t: Texts) -> str:
    kind = cells.kind(column)
    side = ' class="num"' if kind == "number" else ""
    title = f"{t(f'web.kind.{kind}')}: {t('web.rows.sort')}"
    return f'<th{side} scope="col" tabindex="0" title="{title}">{words.plain(heading(name, t))}</th>'


def _side(right: bool) -> str:
    return ' class="num"' if right else ""


def _cells(row: Sequence[Cell], names: Sequence[str], right: Sequence[bool], places: Sequence[int]) -> str:
    shown = []
    for cell, name, side, digits in zip(row, names, right, places, strict=True):
        if cell is None:
            shown.append(f'<td{_side(side)}><span class="null">NULL</span></td>')
            continue
        text = cells.show(cell, name=name, places=digits)
        text = text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"
        shown.append(f"<td{_side(side)}>{words.plain(text)}</td>")
    return "".join(shown)


def _row_count(rows: Rows, shown: int, t: Texts) -> str:
    parts = [t("web.rows.count", count=len(rows.rows)), t("web.rows.time", milliseconds=rows.milliseconds)]
    if rows.truncated:
        parts.append(t("web.rows.truncated"))
    if len(rows.rows) > shown:
        parts.append(t("web.rows.shown", shown=f"{shown:,}"))
    if len(rows.rows) > ROWS_DRAWN:
        parts.append(t("web.rows.drawn", drawn=f"{ROWS_DRAWN:,}"))
    return " · ".join(parts)


def explanation(lines: Sequence[str], t: Texts) -> str:
    if not lines:
        return ""
    steps = "".join(f"<li>{words.plain(line)}</li>" for line in lines)
    return f'<div class="explanation"><p class="cap">{t("web.explanation")}</p><ol>{steps}</ol></div>'


def _refusals(answer: Answer, t: Texts) -> str:
    if not answer.refused:
        return ""
    tries = "".join(
        f"<li><pre><code>{words.sql(each.sql)}</code></pre><p>{words.plain(each.reason)}</p></li>"
        for each in answer.refused
    )
    opened = " open" if answer.failure else ""
    title = t("web.refused", count=len(answer.refused))
    return f'<details class="refused"{opened}><summary>{title}</summary><ul>{tries}</ul></details>'


def _receipt(answer: Answer, t: Texts) -> str:
    if answer.receipt is None:
        return ""
    lines = "".join(
        f"<dt>{name}</dt><dd>{words.plain(value)}</dd>"
        for field, (name, value) in facts(answer.receipt, t).items() if field not in SHOWN_ABOVE
    )  # fmt: skip
    return f'<details class="receipt"><summary>{t("web.receipt")}</summary><dl>{lines}</dl></details>'


def _folded(answer: Answer, number: int, t: Texts) -> str:
    said = answer.summary or claims.told(answer) or answer.text
    if answer.sql:
        again = f'<p class="again" id="again-{number}" role="button" tabindex="0">{t("web.sql.again")}</p>'
        inner = table(answer.rows, t) + again + workings(answer, t)
    else:
        inner = _prose(answer, t) + passages.cited(answer.citations, _anchor(answer), t, named=len(answer.spaces) > 1)
    return (
        f'<details class="past"><summary><span class="asked">{words.plain(answer.question)}</span>'
        f'<span class="said">{words.plain(said)}</span></summary>{inner}</details>'
    )


def _reading(answer: Answer, t: Texts) -> str:
    if answer.stopped:
        return _stopped(answer, t)
    if not answer.running or answer.text:
        return ""
    if answer.condensing:
        return _condensing(answer.condensing, t)
    return _busy(
        t("web.doing.search") if answer.passages is None else t("web.doing.answer", count=len(answer.passages))
    )


def _condensing(now: Condensing, t: Texts) -> str:
    said = _busy(t("documents.condensing", done=now.done, parts=now.parts))
    return f'{said}<div class="document"><progress value="{now.done}" max="{now.parts + 1}"></progress></div>'


def _prose(answer: Answer, t: Texts) -> str:
    if not answer.text:
        return ""
    known = {citation.number for citation in answer.citations} or {each.number for each in answer.passages or ()}
    anchor = _anchor(answer)
    marked = answer.text.replace(words.DOUBT, "")
    for sentence in answer.doubtful:
        marked = marked.replace(sentence, sentence + words.DOUBT, 1)
    text = words.markdown(
        marked,
        cite=lambda n: f"#{anchor}-{n}" if n in known else f"#{anchor}",
        doubt=t("documents.doubtful"),
    )
    key = f'<p class="foot"><span class="unsure">?</span> {t("documents.doubtful")}</p>' if answer.doubtful else ""
    return f'<div class="words" id="{anchor}">{text}{key}</div>'


def _anchor(answer: Answer) -> str:
    return f"c-{answer.message[:8]}" if answer.message.isalnum() else "c-now"
