"""What stands around the answers, as HTML: status, schema, documents, the model's card."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from pilot.chat.events import Failed
from pilot.datasource.refusals import keyed, told
from pilot.datasource.risks import Risk, risk_sentence
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.knowledge import sentences
from pilot.knowledge.records import DocumentRecord, Space, State
from pilot.protocol import ModelCard, ServingState
from pilot.schema import Column, Schema, Table
from pilot.web.render import block, failure
from pilot.web.words import plain

UNITS = ("B", "kB", "MB", "GB", "TB")
BITS = {"fp32": "32", "bf16": "16", "fp16": "16", "int8": "8", "nf4": "4.5", "nf4+dq": "4.13", "fp4": "4.5",
        "fp4+dq": "4.13"}  # fmt: skip
STATES: tuple[State, ...] = ("reading", "indexing", "queued", "failed", "ready")  # in which documents are listed
MANY = 6  # documents; from here on they are counted
LONG_SECONDS = 90  # from here on they are told as minutes


def status(card: ModelCard | None, t: Texts, *, ready: bool, awaited: bool = False) -> str:
    """A dot and a word: whether a model answers."""
    state = "ready" if ready and card else "loading" if card or awaited else "unreachable"
    name = f" <b>{plain(card.id)}</b>" if card and ready else ""
    return block(f'<span class="dot"></span><span>{t(f"web.status.{state}")}</span>{name}', kind=f"status {state}")


def problem(error: PilotError, t: Texts, *, subject: str = "") -> str:
    """An error that stands alone, about `subject` where several were at work."""
    return block(
        f"<b>{plain(subject)}</b>" if subject else "", failure(failed(told(sentences.refused(error, t), t)), t)
    )


def failed(error: PilotError) -> Failed:
    key, values = keyed(error)
    return Failed(error.code, error.message, error.remedy, key=key, values=values)


def success(text: str) -> str:
    return block(f'<p class="success" role="status">{plain(text)}</p>')


def warnings(risks: Sequence[Risk], t: Texts) -> str:
    """What the account of a source can do beyond reading, and the statements that make a right one."""
    if not risks:
        return ""
    lines = "".join(
        f"<p>{plain(risk_sentence(risk, t))}</p><pre><code>{plain(chr(10).join(risk.grants))}</code></pre>"
        for risk in risks
    )
    title = t("web.source.warnings", count=len(risks))
    return block(f'<details class="warning"><summary>{title}</summary>{lines}</details>')


def schema(found: Schema, t: Texts) -> str:
    return block(*(_table(each, t) for each in found.tables), kind="tables")


def documents(records: Sequence[DocumentRecord], t: Texts) -> str:
    """What is at work comes first, then what waits, what failed, and what is ready, the newest at the top."""
    if not records:
        return block(f'<p class="empty">{t("web.documents.none")}</p>')
    ranked = sorted(enumerate(records), key=lambda each: _rank(each[1], each[0]))
    counted = f'<p class="fact">{_counted(records, t)}</p>' if len(records) >= MANY else ""
    return block(counted, *(_document(record, t) for _, record in ranked), kind="documents")


def _rank(record: DocumentRecord, place: int) -> tuple[int, int]:
    """`place` counts from the oldest; what waits is read in this order."""
    return STATES.index(record.state), -place if record.state in ("failed", "ready") else place


def _counted(records: Sequence[DocumentRecord], t: Texts) -> str:
    """How many documents there are, and how many in each state, where they are not all ready."""
    states = Counter(record.state for record in records)
    told = [t("web.documents.count", count=len(records))]
    if len(states) > 1:
        told += [
            t("web.documents.in_state", count=states[state], state=t(f"web.state.{state}"))
            for state in STATES
            if states[state]
        ]
    return " · ".join(told)


def index(space: Space, t: Texts, *, behind: bool = False) -> str:
    """What answers in this space, and how much of its successor is made; `behind` it is when that has yet to begin."""
    if not space.embedder:
        return ""
    serves = note(t("web.space.index", size=space.chunk_size, embedder=space.embedder))
    if space.reindexing is None and not behind:
        return serves
    share = space.reindexing or 0.0
    said = t("web.space.reindexing", share=round(100 * share))
    return serves + block(f'<p class="fact" role="status">{said}</p>{_bar(share)}', kind="document")


def way_out(space: Space, t: Texts) -> str:
    """The space as one file, from the door of the API: it streams, whatever its size."""
    door = f"/api/v1/spaces/{quote(space.name, safe='')}/export"
    return block(f'<a class="download" href="{door}" download>{t("web.space.export")}</a>')


def model(card: ModelCard | None, t: Texts, *, awaited: bool = False, learnt: str = "") -> str:
    """The served model's card, as far as its server tells; `learnt` says what it learnt here."""
    if card is None:
        return block(f'<p class="empty">{t("web.model.empty" if awaited else "web.model.none")}</p>', kind="card")
    name = f'<p class="served">{plain(card.id)}</p>'
    if card.pilot is None:
        return block(name, kind="card")
    abilities = t("web.model.can", abilities=", ".join(t(f"web.ability.{each}") for each in card.pilot.abilities))
    facts = {
        "memory": size(card.pilot.memory_bytes), "quantisation": precision(card.pilot.quantisation, t),
        "device": device(card.pilot.device, t), "context": t("web.tokens", count=f"{card.pilot.context:,}"),
    }  # fmt: skip
    if not card.id.startswith(card.pilot.family):
        facts["family"] = card.pilot.family
    tiles = "".join(
        f"<div><dt>{t(f'web.model.{key}')}</dt><dd>{plain(value)}</dd></div>" for key, value in facts.items()
    )
    return block(name, f"<p>{plain(abilities)}</p>", learnt, f'<dl class="tiles">{tiles}</dl>', kind="card")


def precision(name: str, t: Texts) -> str:
    """With what it means: how many bits a weight takes."""
    bits = BITS.get(name)
    return t("web.precision.bits", name=name, bits=bits) if bits else t("web.precision.none")


def wish(name: str, t: Texts) -> str:
    """A precision that may be asked for."""
    return t("web.precision.auto") if name == "auto" else precision(name, t)


def device(name: str, t: Texts) -> str:
    kind = name.partition(":")[0]
    return t(f"web.device.{kind}") if t.has(f"web.device.{kind}") else name


def serving(state: ServingState, t: Texts) -> str:
    """What is served, how far the next one is loaded, or why it could not be."""
    if state.state == "loading":
        share = round(100 * state.progress)
        bar = f'<progress max="100" value="{share}" aria-label="{plain(state.wanted)}"></progress>'
        return block(
            f'<p role="status">{plain(t("web.model.loading", name=state.wanted, share=share))}</p>{bar}',
            kind="document",
        )
    if state.state == "failed":
        why = failure(Failed("model.unusable", state.message, state.remedy), t)
        return block(f"<b>{plain(state.wanted)}</b>", why, f"<p>{plain(_served(state, t))}</p>")
    return note(_served(state, t))


def warn(text: str) -> str:
    return block(f'<p class="notice" role="status">{plain(text)}</p>')


def note(text: str) -> str:
    return block(f'<p class="empty" role="status">{plain(text)}</p>')


def busy(text: str) -> str:
    return block(f'<p class="busy" role="status">{plain(text)}</p>')


def _served(state: ServingState, t: Texts) -> str:
    return t("web.model.served", name=state.model) if state.model else t("web.model.empty")


def size(count: float) -> str:
    """Bytes as people say them."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if count >= 10 or unit == 0 else f"{count:.1f} {UNITS[unit]}"


def _document(record: DocumentRecord, t: Texts) -> str:
    pending = record.state not in ("ready", "failed")
    facts = [f'<span class="state">{t(f"web.state.{record.state}")}</span>', _extent(record, t)]
    if pending and record.seconds_left is not None:
        facts.append(_left(record.seconds_left, t))
    record = sentences.told(record, t)
    said = f"{record.reason} {record.remedy}".strip()
    reason = f'<p class="reason">{plain(said)}</p>' if said else ""
    origin = f'<p class="fact origin">{plain(record.source)}</p>' if "://" in record.source else ""
    return (
        f'<div class="document {record.state}"><p class="name">{_named(record)}</p>{origin}'
        f'<p class="fact">{" <i>·</i> ".join(facts)}</p>{_bar(record.progress) if pending else ""}{reason}</div>'
    )


def _named(record: DocumentRecord) -> str:
    """What has been read can be looked at."""
    if not record.pages or not record.chunks:
        return plain(record.name)
    door = f"/documents/{quote(record.id, safe='')}?{urlencode({'space': record.space})}"
    return f'<a class="open" href="{plain(door)}">{plain(record.name)}</a>'


def _extent(record: DocumentRecord, t: Texts) -> str:
    if record.state == "indexing" and record.pages > 1:
        return t("web.document.done", done=record.pages_done, count=record.pages)
    return t("web.document.pages", count=record.pages) if record.pages else size(record.bytes)


def _left(seconds: float, t: Texts) -> str:
    if seconds < LONG_SECONDS:
        return t("web.left.seconds", count=max(1, round(seconds)))
    return t("web.left.minutes", count=round(seconds / 60))


def _bar(share: float) -> str:
    return f'<progress value="{share:.2f}" max="1"></progress>'


def _table(each: Table, t: Texts) -> str:
    keys = {name for key in each.foreign_keys for name in key.columns}
    columns = "".join(_column(column, t, refers=column.name in keys) for column in each.columns)
    rows = f" <i>{t('web.schema.rows', count=each.rows)}</i>" if each.rows is not None else ""
    comment = f'<p class="comment">{plain(each.comment)}</p>' if each.comment else ""
    return f"<details><summary>{plain(each.name)}{rows}</summary>{comment}<ul>{columns}</ul></details>"


def _column(column: Column, t: Texts, *, refers: bool) -> str:
    key = t("web.schema.primary") if column.primary_key else t("web.schema.foreign") if refers else ""
    mark = f'<span class="key">{key}</span>' if key else ""
    comment = f' title="{plain(column.comment)}"' if column.comment else ""
    return f"<li{comment}><b>{plain(column.name)}</b><span>{plain(column.type.lower())}</span>{mark}</li>"
