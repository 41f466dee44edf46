"""That the database does not say, in words: what nothing in it stands for, and what it is about."""

from collections.abc import Sequence

from pilot.i18n import Texts
from pilot.schema import Schema

TABLES_TOLD = 8


def said_no(missing: Sequence[str], schema: Schema, texts: Texts) -> str:
    listed = [table.name for table in schema.tables]
    if not listed:
        return texts("ask.declined.empty")
    comma = texts("chat.list.comma")
    holds = comma.join(listed[:TABLES_TOLD]) + ("…" if len(listed) > TABLES_TOLD else "")
    if not missing:
        return texts("ask.declined", tables=holds)
    words = comma.join(texts("chat.say.text", x=word) for word in missing)
    return texts("ask.declined.missing", words=words, tables=holds)
