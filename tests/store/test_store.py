"""The app store on a real SQLite file."""

import sqlite3
import stat
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pilot.errors import ConfigInvalid, Conflict, NotFound
from pilot.store import Store
from pilot.store.tables import Base


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_turns_come_back_in_the_order_in_which_they_were_asked(store: Store) -> None:
    conversation = store.create_conversation("database", "shop", "How many?")
    for number in range(3):
        store.add_turn(conversation.id, f"question {number}", {"events": []})
    assert [turn.question for turn in store.turns(conversation.id)] == ["question 0", "question 1", "question 2"]


def test_conversations_are_found_by_their_title_and_by_their_questions(store: Store) -> None:
    shop = store.create_conversation("database", "shop", "Orders of 100% cotton")
    store.add_turn(shop.id, "And in München?", {})
    talk = store.create_conversation("chat", "", "Orders in general")
    found = [[each.id for each in store.conversations(containing=text)] for text in ("orders", "münchen", "100% or")]
    assert found == [[talk.id, shop.id], [shop.id], [shop.id]]
    assert [each.id for each in store.conversations("chat", containing="orders")] == [talk.id]
    assert [each.id for each in store.conversations(containing="%")] == [shop.id]


def test_deleting_a_conversation_takes_its_turns_and_feedback(store: Store) -> None:
    conversation = store.create_conversation("database", "shop", "How many?")
    turn = store.add_turn(conversation.id, "How many?", {})
    store.add_feedback(turn.id, "right")
    store.delete_conversation(conversation.id)
    assert store.turns(conversation.id) == []
    with pytest.raises(NotFound):
        store.turn(turn.id)


def test_the_last_feedback_counts(store: Store) -> None:
    conversation = store.create_conversation("database", "shop", "t")
    turn = store.add_turn(conversation.id, "q", {})
    store.add_feedback(turn.id, "right")
    store.add_feedback(turn.id, "wrong", "SELECT 1")
    assert [turn.verdict for turn in store.turns(conversation.id)] == ["wrong"]


def test_feedback_on_nothing_is_refused(store: Store) -> None:
    with pytest.raises(NotFound):
        store.add_feedback("nothing", "right")


def test_of_two_answers_to_a_question_the_newest_is_approved(store: Store) -> None:
    for number, sql in enumerate(("SELECT 1", "SELECT 2")):
        store.approve(f"t{number}", "shop", "How many?", sql, fingerprint="f", asked_on=date(2026, 11, 21))
    store.approve("t9", "zoo", "How many?", "SELECT 3", fingerprint="f", asked_on=date(2026, 11, 21))
    (approved,) = store.approved("shop")
    assert (approved.id, approved.sql, approved.asked_on) == ("t1", "SELECT 2", date(2026, 11, 21))
    store.disapprove("t1")
    assert store.approved("shop") == []


def test_what_was_approved_of_a_source_goes_with_it(store: Store) -> None:
    store.add_source("mine", "sqlite:///x")
    store.approve("t", "mine", "How many?", "SELECT 1", fingerprint="f", asked_on=date(2026, 11, 21))
    store.delete_source("mine")
    assert store.approved("mine") == []


def test_passwords_are_not_in_the_file(store: Store, tmp_path: Path) -> None:
    store.add_source("mine", "mysql+pymysql://me:tops3cret@db/shop")
    assert store.sources()[0].url == "mysql+pymysql://me:tops3cret@db/shop"
    store.close()
    assert all(b"tops3cret" not in file.read_bytes() for file in tmp_path.iterdir())


def test_the_key_is_readable_by_its_owner_alone(store: Store, tmp_path: Path) -> None:
    assert store.sources() == []
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_another_key_is_a_clear_error(store: Store, tmp_path: Path) -> None:
    store.add_source("mine", "sqlite:///x")
    (tmp_path / "secret.key").unlink()
    with pytest.raises(ConfigInvalid, match=r"secret\.key"):
        Store(tmp_path).sources()


def test_a_source_name_is_taken_once(store: Store) -> None:
    store.add_source("mine", "sqlite:///x")
    with pytest.raises(Conflict):
        store.add_source("mine", "sqlite:///y")


def test_the_owners_words_are_kept_until_the_source_is_removed(store: Store) -> None:
    store.add_source("mine", "sqlite:///x")
    store.keep_owner_words("mine", "tables: {}")
    store.keep_owner_words("mine", "joins: []")
    assert store.owner_words("mine") == "joins: []"
    store.delete_source("mine")
    assert store.owner_words("mine") == ""


def test_a_login_ends_with_logout_and_its_token_is_not_stored(store: Store, tmp_path: Path) -> None:
    token = store.create_session()
    assert store.session_valid(token)
    assert token.encode() not in (tmp_path / "pilot.sqlite").read_bytes()
    store.delete_session(token)
    assert not store.session_valid(token)


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'pilot.sqlite'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
    assert store.conversations() == []


def test_a_store_opens_again_with_what_it_held(store: Store, tmp_path: Path) -> None:
    store.create_conversation("chat", "", "hello")
    store.close()
    assert [conversation.title for conversation in Store(tmp_path).conversations()] == ["hello"]


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = op.create_index

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("killed in the middle")

    monkeypatch.setattr(op, "create_index", fail)
    with pytest.raises(RuntimeError, match="killed"):
        Store(tmp_path)
    with sqlite3.connect(tmp_path / "pilot.sqlite") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    monkeypatch.setattr(op, "create_index", real)
    assert Store(tmp_path).conversations() == []
