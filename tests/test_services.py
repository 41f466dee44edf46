"""The composition root: sources of the settings, turns that are kept, answers when no model is there."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from pilot import __version__, config
from pilot.chat.events import Event, Failed, Finished, ReceiptReady, SqlChecked, TextDelta, Verified
from pilot.client import LlmClient
from pilot.datasource.risks import Risk
from pilot.errors import NotFound, SqlRejected
from pilot.i18n import Language
from pilot.model.adapters.scripted import Reply
from pilot.services import SAMPLE_SOURCE, Services
from tests.mariadb import READER, READER_PASSWORD, MariaDb, mariadb
from tests.model.live import scripted, serving

__all__ = ["mariadb"]

COUNT = "SELECT COUNT(*) FROM customers"
NOWHERE = "http://127.0.0.1:9"  # the discard port: no model server


def _settings(folder: Path, **values: object) -> config.Settings:
    return config.load(Path("none"), **({"data_dir": folder, "model_server": NOWHERE} | values))


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    opened = Services.open(_settings(tmp_path))
    await opened.start()
    yield opened
    await opened.close()


async def test_without_a_model_server_the_answer_says_how_to_start_one(services: Services) -> None:
    events = [event async for event in services.ask_database(SAMPLE_SOURCE, "How many customers are there?")]
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "model.unreachable"
    assert "llmserver.py" in failed.remedy
    assert services.store.conversations() == []


async def test_what_nobody_foresaw_is_one_sentence_with_its_name_in_the_log(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a secret of the inside")

    services.client = LlmClient(NOWHERE, transport=httpx.MockTransport(breaks))
    failed = [event async for event in services.chat("Hello", language="zh")][-1]
    assert isinstance(failed, Failed)
    assert failed.message.split("错误编号 ")[1][:8] in caplog.text
    assert "a secret of the inside" in caplog.text
    assert "secret" not in failed.message + failed.remedy


async def test_an_answer_that_failed_says_in_which_conversation_to_go_on(services: Services) -> None:
    with serving(scripted(Reply(text="Half an", failure="the model fell over"))) as live:
        services.client = LlmClient(live.url)
        failed = [event async for event in services.chat("Hello", language="zh")][-1]
    assert isinstance(failed, Failed)
    assert failed.message == "模型中途停止了。"
    assert [row.id for row in services.store.conversations()] == [failed.conversation]


async def test_the_sample_shop_is_there_and_sql_runs_without_a_model(services: Services) -> None:
    answer = await services.run_sql(SAMPLE_SOURCE, COUNT)
    assert answer.rows.rows == ((120,),)
    assert answer.summary == "There are 120 customers."


async def test_ones_own_statement_has_a_receipt_and_can_be_read_before_it_runs(services: Services) -> None:
    told = (await services.run_sql(SAMPLE_SOURCE, COUNT, question="How many?")).receipt
    assert (told.question, told.source, told.tables, told.rows) == ("How many?", SAMPLE_SOURCE, ("customers",), 1)
    assert (told.model, told.version) == ("", __version__)
    named = await services.run_sql(SAMPLE_SOURCE, "SELECT name FROM customers")
    assert named.receipt.columns == ("customers.name",)
    reading = await services.read_sql(SAMPLE_SOURCE, COUNT)
    assert reading.explanation[0] == "Reads customers."
    with pytest.raises(SqlRejected):
        await services.read_sql(SAMPLE_SOURCE, "DELETE FROM customers")


async def test_a_stored_answer_runs_again_on_what_the_database_holds_now(services: Services) -> None:
    conversation = services.store.create_conversation("database", SAMPLE_SOURCE, "How many?").id
    stored = services.store.add_turn(conversation, "How many?", {"events": [{"event": "sql_checked", "sql": COUNT}]})
    again = await services.run_again(stored.id)
    assert again.rows.rows == ((120,),)
    assert again.receipt.question == "How many?"
    without = services.store.add_turn(conversation, "What?", {"events": []})
    with pytest.raises(NotFound):
        await services.run_again(without.id)


async def test_a_refusal_speaks_the_readers_language(services: Services) -> None:
    with pytest.raises(SqlRejected, match="只能执行读取数据的语句"):
        await services.run_sql(SAMPLE_SOURCE, "DELETE FROM customers", language="zh")


@pytest.mark.parametrize("question", ["", "   ", "x" * 100_000, "a\x00b"])
async def test_a_question_that_is_none_is_a_clear_error_and_not_kept(services: Services, question: str) -> None:
    events = [event async for event in services.ask_database(SAMPLE_SOURCE, question)]
    assert isinstance(events[-1], Failed)
    assert services.store.conversations() == []


async def test_an_answer_is_kept_with_its_receipt_and_can_be_judged(tmp_path: Path) -> None:
    with serving(scripted(Reply(text=COUNT))) as live:
        services = Services.open(_settings(tmp_path, model_server=live.url, sql_candidates=1))
        await services.start()
        events = [event async for event in services.ask_database(SAMPLE_SOURCE, "How many customers are there?")]
        finished = events[-1]
        assert isinstance(finished, Finished)
        await services.approvals.judge(finished.message, "right")
        (turn,) = services.store.turns(finished.conversation)
        assert turn.verdict == "right"
        kinds = [event["event"] for event in turn.answer["events"]]
        assert "receipt_ready" in kinds
        assert "sql_delta" not in kinds
        await services.close()


async def test_an_answer_that_its_reader_stopped_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    with serving(scripted(Reply(text="one two three four five six", delay=0.05))) as live:
        services = Services.open(_settings(tmp_path, model_server=live.url))
        await services.start()
        async with aclosing(services.chat("count to six")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        (conversation,) = services.store.conversations()
        (turn,) = services.store.turns(conversation.id)
        assert turn.question == "count to six"
        assert 0 < len(turn.answer["text"]) < len("one two three four five six")
        await services.close()


@pytest.mark.mysql
async def test_a_server_in_the_settings_brings_every_database(tmp_path: Path, mariadb: MariaDb) -> None:
    for name in ("alpha", "beta"):
        mariadb.execute(f"CREATE DATABASE {name}")
        mariadb.execute(f"CREATE TABLE {name}.customers (id INT PRIMARY KEY) COMMENT 'who orders'")
    settings = _settings(tmp_path, local_db_host="127.0.0.1", local_db_port=mariadb.port, local_db_user=READER,
                         local_db_password=READER_PASSWORD)  # fmt: skip
    services = Services.open(settings)
    try:
        sources = {source.name: source for source in await services.sources.list() if source.origin == "settings"}
        assert {"alpha", "beta"} <= set(sources)
        assert READER_PASSWORD not in repr(sources)
        assert (await services.run_sql("beta", COUNT)).rows.rows == ((0,),)
        table = (await services.sources.schema("beta")).table("customers")
        assert table is not None
        assert table.comment == "who orders"
    finally:
        await services.close()


@pytest.mark.mysql
async def test_a_wrong_password_in_the_settings_is_shown_without_it(tmp_path: Path, mariadb: MariaDb) -> None:
    settings = _settings(tmp_path, local_db_host="127.0.0.1", local_db_port=mariadb.port, local_db_user=READER,
                         local_db_password="tops3cret")  # fmt: skip
    services = Services.open(settings)
    try:
        broken = next(source for source in await services.sources.list() if source.origin == "settings")
        assert broken.error
        assert "tops3cret" not in repr(broken)
    finally:
        await services.close()


@pytest.mark.mysql
async def test_a_database_that_dies_fails_its_questions_alone_and_works_again_when_it_is_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = MariaDb(tmp_path_factory.mktemp("mortal"))
    server.install()
    server.start()
    server.execute("CREATE DATABASE d", "USE d", "CREATE TABLE d.customers (id INT PRIMARY KEY)")
    with serving(scripted(Reply(text=COUNT))) as live:
        services = Services.open(_settings(tmp_path, model_server=live.url, sql_candidates=1))
        await services.start()
        try:
            await services.sources.add("Mortal", server.url("d").render_as_string())
            assert isinstance(await _last(services, "Mortal"), Finished)
            server.stop()
            failed = await _last(services, "Mortal", language="zh")
            assert isinstance(failed, Failed)
            assert (failed.code, failed.remedy) == (
                "source.unreachable",
                "请检查服务器是否在运行，以及地址和端口是否正确。",
            )
            assert failed.message.startswith("数据库服务器没有响应")
            assert isinstance(await _last(services, SAMPLE_SOURCE), Finished)
            server.start()
            assert isinstance(await _last(services, "Mortal"), Finished)
        finally:
            await services.close()
            server.stop()


async def _last(services: Services, source: str, language: Language = "en") -> Event:
    events = services.ask_database(source, "How many customers are there?", language=language)
    return [event async for event in events][-1]


async def test_the_log_tells_at_start_which_account_can_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    risk = Risk("boss@%", ("write",), ("INSERT",), ("GRANT SELECT ON `d`.* TO 'pilot_reader'@'%';",))
    monkeypatch.setattr("pilot.datasource.adapters.sqlite.Sqlite.warnings", lambda _: [risk])
    services = Services.open(_settings(tmp_path))
    await services.start()
    await services.sources.start()
    await services.close()
    (line,) = {record.getMessage() for record in caplog.records if "boss@%" in record.getMessage()}
    assert line.endswith("can change data (INSERT). Give Pilot one that can only read: " + risk.grants[0])
    assert line.startswith(SAMPLE_SOURCE)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Services]:
    """A product whose model always counts the customers of Berlin."""
    reply = Reply(text="SELECT COUNT(*) FROM customers WHERE city = 'Berlin'")
    with serving(scripted(reply)) as live:
        services = Services.open(_settings(tmp_path, model_server=live.url, sql_candidates=1))
        await services.start()
        yield services
        await services.close()


async def _ask(services: Services, question: str, conversation: str = "") -> tuple[list[Event], Finished]:
    events = [event async for event in services.ask_database(SAMPLE_SOURCE, question, conversation=conversation)]
    finished = events[-1]
    assert isinstance(finished, Finished)
    return events, finished


async def test_what_was_called_right_answers_the_next_time_also_with_another_value(asked: Services) -> None:
    _, finished = await _ask(asked, "How many customers are in Berlin?")
    assert await asked.approvals.judge(finished.message, "right")
    events, again = await _ask(asked, "How many customers are in Munich?")
    verified = next(event for event in events if isinstance(event, Verified))
    assert verified.changed == (("Berlin", "Munich"),)
    sql = next(event.sql for event in events if isinstance(event, SqlChecked))
    assert sql == "SELECT COUNT(*) FROM customers WHERE city = 'München'"
    receipt = next(event.receipt for event in events if isinstance(event, ReceiptReady))
    assert (receipt.made_by, receipt.model, receipt.candidates) == ("approval", "", 0)
    await asked.approvals.judge(again.message, "wrong")
    events, _ = await _ask(asked, "How many customers are in Berlin?")
    assert not any(isinstance(event, Verified) for event in events)


async def test_a_verified_answer_needs_no_model_server(asked: Services, tmp_path: Path) -> None:
    _, finished = await _ask(asked, "How many customers are in Berlin?")
    await asked.approvals.judge(finished.message, "right")
    alone = Services.open(_settings(tmp_path))
    events, _ = await _ask(alone, "How many customers are in Berlin?")
    assert any(isinstance(event, Verified) for event in events)
    await alone.close()


async def test_a_corrected_statement_must_pass_the_guard_before_it_is_kept(asked: Services) -> None:
    _, finished = await _ask(asked, "How many customers are in Berlin?")
    with pytest.raises(SqlRejected):
        await asked.approvals.judge(finished.message, "wrong", sql="DELETE FROM customers")
    assert await asked.approvals.all(SAMPLE_SOURCE) == []
    assert await asked.approvals.judge(finished.message, "wrong", sql="SELECT 7")
    (approved,) = await asked.approvals.all(SAMPLE_SOURCE)
    assert (approved.question, approved.sql) == ("How many customers are in Berlin?", "SELECT 7")
    await asked.approvals.forget(SAMPLE_SOURCE, approved.id)
    assert await asked.approvals.all(SAMPLE_SOURCE) == []


async def test_a_question_about_another_database_begins_a_new_conversation(asked: Services) -> None:
    added = await asked.sources.add_file("a.csv", b"city,people\nUlm,128000\nBonn,335000\n")
    _, first = await _ask(asked, "How many customers are in Berlin?")
    events = [
        event async for event in asked.ask_database(added.name, "How many people?", conversation=first.conversation)
    ]
    assert isinstance(events[-1], Finished | Failed)
    assert first.conversation != events[-1].conversation


async def test_what_was_called_right_can_be_put_right(asked: Services) -> None:
    _, finished = await _ask(asked, "How many customers are in Berlin?")
    await asked.approvals.judge(finished.message, "right")
    changed = await asked.approvals.change(
        SAMPLE_SOURCE, finished.message, question="How many in Berlin?", sql="SELECT 7"
    )
    assert (changed.question, changed.sql) == ("How many in Berlin?", "SELECT 7")
    assert [each.question for each in await asked.approvals.all(SAMPLE_SOURCE)] == ["How many in Berlin?"]
    with pytest.raises(SqlRejected):
        await asked.approvals.change(SAMPLE_SOURCE, finished.message, sql="DROP TABLE customers")
    with pytest.raises(NotFound):
        await asked.approvals.change(SAMPLE_SOURCE, "nobody", sql="SELECT 7")


async def test_a_dropped_spreadsheet_is_not_what_a_new_visit_asks(asked: Services) -> None:
    added = await asked.sources.add_file("a.csv", b"city,people\nUlm,128000\nBonn,335000\n")
    assert await asked.sources.names() == [SAMPLE_SOURCE, added.name]


async def test_a_follow_up_is_not_kept_for_itself(asked: Services) -> None:
    _, first = await _ask(asked, "How many customers are in Berlin?")
    _, second = await _ask(asked, "and in Germany?", first.conversation)
    assert not await asked.approvals.judge(second.message, "right")
    assert await asked.approvals.all(SAMPLE_SOURCE) == []
