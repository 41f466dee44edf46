"""What people say of answers, and the statements that they called right: kept, looked at, changed, forgotten."""

import asyncio
from datetime import UTC, date

from pilot.chat.approved import fingerprint
from pilot.chat.memory import approval_of, stands_alone, statement
from pilot.chat.question import plain_question
from pilot.datasource.guard import check
from pilot.datasource.refusals import told
from pilot.errors import InputInvalid, NotFound, PilotError
from pilot.i18n import Language, Texts
from pilot.services.sources import Sources
from pilot.store import Approved, Store, Turn, Verdict

MOST_SQL = 20_000  # characters


class Approvals:
    """`max_rows` is the limit under which a statement is checked, as when it ran."""

    def __init__(self, store: Store, sources: Sources, *, max_rows: int) -> None:
        self._store = store
        self._sources = sources
        self._max_rows = max_rows

    async def judge(self, message: str, verdict: Verdict, *, sql: str = "", language: Language = "en") -> bool:
        """Keep what someone says of an answer; `sql` is the statement that would have been right, where he knows it.

        What is right is remembered for the next time that the question is asked of this database: True if it is.
        Raises NotFound, SqlRejected for a statement that may not run, InputInvalid for one too long to be one.
        """
        if len(sql) > MOST_SQL:
            raise InputInvalid(f"the corrected SQL is longer than {MOST_SQL:,} characters")
        turn = await asyncio.to_thread(self._store.turn, message)
        right = sql or (statement(turn) if verdict == "right" else "")
        kept = await self._keep_turn(turn, right, Texts(language)) if right else False
        await asyncio.to_thread(self._store.add_feedback, message, verdict, sql)
        if verdict == "wrong":
            for approval in {approval_of(turn), "" if right else message}:
                await asyncio.to_thread(self._store.disapprove, approval)
        return kept

    async def all(self, source: str) -> list[Approved]:
        """The questions whose SQL someone called right, newest first. Raises NotFound."""
        await self._sources.open(source)
        return await asyncio.to_thread(self._store.approved, source)

    async def change(
        self, source: str, id_: str, *, question: str = "", sql: str = "", language: Language = "en"
    ) -> Approved:
        """Another wording or other SQL, as far as they are given. Raises NotFound, InputInvalid, SqlRejected."""
        known, texts = await self._one(source, id_), Texts(language)
        question = plain_question(question or known.question, texts)
        await self._keep(id_, source, question, sql or known.sql, known.asked_on, texts)
        return await self._one(source, id_)

    async def forget(self, source: str, id_: str) -> None:
        """Raises NotFound."""
        await asyncio.to_thread(self._store.disapprove, (await self._one(source, id_)).id)

    async def _one(self, source: str, id_: str) -> Approved:
        known = next((each for each in await self.all(source) if each.id == id_), None)
        if known is None:
            raise NotFound(f"nothing approved has the id {id_!r}")
        return known

    async def _keep_turn(self, turn: Turn, sql: str, texts: Texts) -> bool:
        """False for a question that is not understood without the one before it."""
        conversation = await asyncio.to_thread(self._store.conversation, turn.conversation_id)
        if conversation.kind != "database" or not stands_alone(turn):
            return False
        asked_on = turn.created_at.replace(tzinfo=UTC).astimezone().date()
        await self._keep(turn.id, conversation.target, turn.question, sql, asked_on, texts)
        return True

    async def _keep(self, id_: str, source: str, question: str, sql: str, asked_on: date, texts: Texts) -> None:
        schema = (await self._sources.open(source)).schema
        try:
            safe = check(sql, schema=schema, max_rows=self._max_rows)
        except PilotError as error:
            raise told(error, texts) from None
        await asyncio.to_thread(
            self._store.approve, id_, source, question, safe.shown,
            fingerprint=fingerprint(schema, safe.tables), asked_on=asked_on,
        )  # fmt: skip
