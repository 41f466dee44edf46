"""PostgreSQL sources against a real server: attacks have no effect, limits hold, faults are told apart."""

import logging
import threading
import time
from pathlib import Path

import pytest

from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.risks import risk_sentence
from pilot.datasource.source import SqlSource, connect, databases
from pilot.errors import SourceRefused, SourceUnreachable, SqlFailed, SqlRejected, SqlTimeout
from pilot.i18n import Texts
from tests.datasource.asking import ask, failure
from tests.datasource.cases import read
from tests.datasource.proxy import SilentProxy
from tests.postgres import Postgres, binaries, new_folder

pytestmark = pytest.mark.postgres

WRITES = (
    "INSERT INTO customers (id, name) VALUES (9, 'x')",
    "UPDATE customers SET name = 'x'",
    "DELETE FROM customers",
    "TRUNCATE order_items",
    "DROP TABLE order_items",
    "CREATE TABLE stolen (a INT)",
    "SELECT * INTO stolen FROM customers",
    "SELECT * FROM customers FOR UPDATE",
    "WITH t AS (DELETE FROM customers RETURNING *) SELECT * FROM t",
    "SELECT 1; DELETE FROM customers",
    "COMMIT; DELETE FROM customers",
    "SELECT nextval('numbers')",
    "SELECT touch_customer(1)",
    "SELECT query_to_xml('SELECT touch_customer(1)', true, true, '')",
    "DO $$ BEGIN DELETE FROM customers; END $$",
)
PATIENCE = 60  # seconds; what nothing ends takes hours
SLOW = "SELECT COUNT(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b"


@pytest.fixture(scope="module")
def armed(shop_postgres: Postgres) -> Postgres:
    """With what attacks look for: a function that writes, a sequence, a table of another schema."""
    shop_postgres.execute(
        "CREATE FUNCTION touch_customer(i INT) RETURNS INT LANGUAGE sql AS"
        " 'UPDATE customers SET name = ''x'' WHERE id = i RETURNING id'",
        "CREATE SEQUENCE numbers",
        "CREATE SCHEMA private",
        "CREATE TABLE private.customers (id INT)",
        database="shop",
    )
    return shop_postgres


def _state(server: Postgres) -> list[object]:
    tables = ("customers", "products", "orders", "order_items", "employees", '"order notes"')
    return [
        *(server.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t",  # noqa: S608
                         database="shop") for table in tables),
        server.execute("SELECT relname, relkind, relowner FROM pg_class WHERE relnamespace NOT IN"
                       " (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_toast%') ORDER BY 1", database="shop"),
        server.execute("SELECT last_value, is_called FROM numbers", database="shop"),
        server.execute("SELECT rolname, rolsuper FROM pg_roles ORDER BY 1"),
        server.execute("SELECT COUNT(*) FROM pg_largeobject_metadata", database="shop"),
        server.execute("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'"),
        sorted(path.name for path in server.folder.iterdir()),
        Path("/tmp/x").exists(),
    ]  # fmt: skip


def test_no_attack_has_an_effect_even_for_a_superuser(postgres_shop: SqlSource, armed: Postgres) -> None:
    schema = postgres_shop.reflect()
    before = _state(armed)
    for case in read("rejected.postgres.sql"):
        with pytest.raises(SqlRejected):
            ask(postgres_shop, case.sql, schema=schema)
    assert _state(armed) == before


@pytest.mark.parametrize("sql", WRITES)
def test_the_session_refuses_a_superuser_what_would_get_past_the_guard(
    postgres_shop: SqlSource, armed: Postgres, sql: str
) -> None:
    before = _state(armed)
    with pytest.raises(SqlFailed):
        postgres_shop.execute(sql, Limits())
    assert _state(armed) == before


def test_a_query_cannot_switch_writing_on(postgres_shop: SqlSource, armed: Postgres) -> None:
    before = _state(armed)
    for setting in ("transaction_read_only", "default_transaction_read_only"):
        with pytest.raises(SqlFailed):
            postgres_shop.execute(
                f"SELECT touch_customer(1) FROM (SELECT set_config('{setting}', 'off', false)) AS s",  # noqa: S608
                Limits(),
            )
    assert _state(armed) == before


def test_nothing_stays_in_the_session_from_one_statement_to_the_next(postgres_shop: SqlSource) -> None:
    postgres_shop.execute("SELECT set_config('statement_timeout', '1', false), pg_advisory_lock(7)", Limits())
    rows = postgres_shop.execute("SELECT current_setting('statement_timeout'), pg_try_advisory_lock(7)", Limits()).rows
    assert rows == (("30s", True),)


def test_a_server_that_ignores_its_own_limit_is_told_to_stop(
    postgres_shop: SqlSource, shop_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.datasource.adapters.postgres.SESSION", "BEGIN READ ONLY")
    with pytest.raises(SqlTimeout):
        postgres_shop.execute(SLOW, Limits(seconds=0.5))
    assert shop_postgres.queries() == []


def test_cells_that_python_has_no_value_for_are_text(postgres_shop: SqlSource) -> None:
    sql = (
        "SELECT 'infinity'::date, '0044-03-15 BC'::date, '-infinity'::timestamp, 'infinity'::timestamptz,"
        " '1 mon 2 days'::interval, '{\"a\": [1]}'::jsonb, ARRAY['x', NULL], '::1'::inet, '\\x00ff'::bytea,"
        " 'NaN'::numeric"
    )
    ((*cells,),) = postgres_shop.execute(sql, Limits()).rows
    assert [str(cell) for cell in cells] == [
        "infinity", "0044-03-15 BC", "-infinity", "infinity", "1 mon 2 days", '{"a": [1]}', '["x", null]', "::1",
        str(b"\x00\xff"), "NaN",
    ]  # fmt: skip


def test_the_schema_has_types_keys_enums_and_chinese_comments(shop_postgres: Postgres) -> None:
    shop_postgres.execute("CREATE DATABASE deep")
    shop_postgres.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'it''s ok')",
        "CREATE DOMAIN money_amount AS NUMERIC(10, 2)",
        "CREATE TABLE a (id INT, k VARCHAR(5), state mood, ok BOOLEAN, price money_amount, PRIMARY KEY (id, k))",
        "COMMENT ON TABLE a IS '客户 ''x'''",
        "COMMENT ON COLUMN a.state IS '状态'",
        "CREATE TABLE b (a_id INT NOT NULL, a_k VARCHAR(5), at TIMESTAMP, gone INT,"
        " FOREIGN KEY (a_id, a_k) REFERENCES a (id, k))",
        "ALTER TABLE b DROP COLUMN gone",
        "CREATE VIEW v AS SELECT id FROM a",
        "CREATE TABLE parts (id INT, at DATE) PARTITION BY RANGE (at)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "INSERT INTO a VALUES (1, 'x', 'it''s ok', true, 1.5)",
        "ANALYZE",
        database="deep",
    )
    for url in (shop_postgres.url("deep"), shop_postgres.reader_url("deep")):
        schema = connect(url).reflect()
        assert [table.name for table in schema.tables] == ["a", "b", "parts", "v"]
        a, b, _, v = schema.tables
        assert [(column.name, column.type, column.kind) for column in a.columns] == [
            ("id", "integer", "number"),
            ("k", "character varying(5)", "text"),
            ("state", "ENUM('sad', 'it''s ok')", "text"),
            ("ok", "boolean", "boolean"),
            ("price", "numeric(10,2)", "number"),
        ]
        assert [column.primary_key for column in a.columns] == [True, True, False, False, False]
        assert (a.comment, a.columns[2].comment, a.columns[2].samples) == ("客户 'x'", "状态", ("it's ok",))
        assert (a.rows, v.rows, v.view) == (1, None, True)
        assert [column.name for column in b.columns] == ["a_id", "a_k", "at"]
        (key,) = b.foreign_keys
        assert (key.columns, key.ref_table, key.ref_columns) == (("a_id", "a_k"), "a", ("id", "k"))


@pytest.fixture(scope="module")
def branches(shop_postgres: Postgres) -> Postgres:
    """Tables in three schemas, of which one hides another; names with capitals and blanks."""
    shop_postgres.execute("CREATE DATABASE branches")
    shop_postgres.execute(
        'CREATE SCHEMA "Sales Dept"',
        "CREATE SCHEMA hr",
        'CREATE TABLE "Sales Dept"."Invoices" ("InvoiceId" INT PRIMARY KEY, "CustomerName" TEXT, total NUMERIC)',
        "INSERT INTO \"Sales Dept\".\"Invoices\" VALUES (1, 'Ann', 10), (2, 'Ann', 5), (3, 'Bob', 7)",
        'CREATE TABLE hr.staff (id INT PRIMARY KEY, name TEXT, "BossId" INT REFERENCES hr.staff)',
        "INSERT INTO hr.staff VALUES (1, 'Eve', NULL), (2, 'Joe', 1)",
        "CREATE TABLE public.branch (id INT)",
        "CREATE TABLE hr.branch (id INT, place TEXT)",
        database="branches",
    )
    return shop_postgres


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT CustomerName, SUM(total) FROM Invoices GROUP BY customername ORDER BY 1", (("Ann", 15), ("Bob", 7))),
        ("SELECT i.INVOICEID FROM invoices i WHERE i.CustomerName = 'Bob'", ((3,),)),
        ('SELECT Invoices.total FROM "Invoices" ORDER BY InvoiceId LIMIT 1', ((10,),)),
        ('SELECT total FROM "Sales Dept".Invoices ORDER BY "InvoiceId" LIMIT 1', ((10,),)),
        ("SELECT x.customername FROM (SELECT CustomerName FROM Invoices) x ORDER BY 1 LIMIT 1", (("Ann",),)),
        ("WITH c AS (SELECT * FROM Invoices) SELECT MAX(c.InvoiceId) FROM c", ((3,),)),
        ("WITH c(Number, Who) AS (SELECT InvoiceId, CustomerName FROM Invoices) SELECT who FROM c WHERE NUMBER = 3",
         (("Bob",),)),
        ('SELECT UPPER(CustomerName) AS "Loud" FROM Invoices ORDER BY loud DESC LIMIT 1', (("BOB",),)),
        ("SELECT a.InvoiceId FROM Invoices a JOIN Invoices b USING (invoiceid) WHERE a.total = 7", ((3,),)),
        ("SELECT e.name, b.name FROM staff e JOIN hr.staff b ON b.id = e.BossId", (("Joe", "Eve"),)),
        ("SELECT COUNT(*) FROM branch", ((0,),)),
    ],
)  # fmt: skip
def test_schemas_and_capitals_work_without_a_thought_of_them(
    branches: Postgres, sql: str, rows: tuple[tuple[object, ...], ...]
) -> None:
    source = connect(branches.reader_url("branches"))
    assert ask(source, sql) == rows


def test_of_tables_with_the_same_name_that_of_the_first_schema_is_meant(branches: Postgres) -> None:
    everything = connect(branches.url("branches")).reflect()
    assert {table.name: table.namespace for table in everything.tables} == {
        "Invoices": "Sales Dept", "branch": "public", "staff": "hr",
    }  # fmt: skip
    one = connect(branches.url("branches").update_query_dict({"schema": "hr"}))
    schema = one.reflect()
    assert [(table.name, len(table.columns)) for table in schema.tables] == [("branch", 2), ("staff", 3)]
    assert schema.tables[1].foreign_keys[0].ref_table == "staff"
    assert ask(one, "SELECT place FROM hr.branch", schema=schema) == ()
    for wrong in ("SELECT id FROM public.branch", "SELECT id FROM pg_catalog.pg_class"):
        with pytest.raises(SqlRejected):
            check(wrong, schema=schema, max_rows=1)


def test_tables_that_the_account_may_not_read_are_not_shown(shop_postgres: Postgres) -> None:
    shop_postgres.execute("CREATE DATABASE rights", "CREATE ROLE clerk LOGIN")
    shop_postgres.execute(
        "CREATE TABLE open (id INT, secret INT)", "CREATE TABLE closed (id INT)", "GRANT SELECT (id) ON open TO clerk",
        database="rights",
    )  # fmt: skip
    (table,) = connect(shop_postgres.url("rights", user="clerk")).reflect().tables
    assert (table.name, [column.name for column in table.columns]) == ("open", ["id"])


def test_databases_are_listed_without_the_systems_own(shop_postgres: Postgres) -> None:
    found = databases(shop_postgres.reader_url())
    assert "shop" in found
    assert not {"template0", "template1"} & set(found)


def test_a_powerful_account_is_warned_of_with_the_grant_that_mends_it(shop_postgres: Postgres) -> None:
    (risk,) = connect(shop_postgres.url("shop")).warnings()
    assert risk.powers == ("superuser",)
    assert "GRANT SELECT ON ALL TABLES IN SCHEMA public TO pilot_reader;" in risk.grants
    shop_postgres.execute(*risk.grants, database="shop")
    mended = connect(shop_postgres.url("shop", user="pilot_reader"))
    assert mended.warnings() == []
    assert mended.reflect().table("customers")
    shop_postgres.execute("CREATE ROLE writer LOGIN PASSWORD 'w'", "GRANT pg_read_server_files TO writer")
    shop_postgres.execute("GRANT INSERT ON customers TO writer", database="shop")
    (risk,) = connect(shop_postgres.url("shop", user="writer", password="w")).warnings()
    told = risk_sentence(risk, Texts("en"))
    assert told.startswith("The account writer can read and write files on the server and change data.")


def test_an_account_that_can_only_read_is_not_warned_of(shop_postgres: Postgres) -> None:
    assert connect(shop_postgres.reader_url("shop")).warnings() == []


@pytest.mark.parametrize(("database", "password"), [("shop", "hunter2-secret"), ("nowhere", None), ("shop", "")])
def test_wrong_password_or_database_is_refused_and_the_password_is_nowhere(
    shop_postgres: Postgres, caplog: pytest.LogCaptureFixture, database: str, password: str | None
) -> None:
    caplog.set_level(logging.DEBUG)
    url = shop_postgres.reader_url(database)
    with pytest.raises(SourceRefused) as refused:
        connect(url if password is None else url.set(password=password)).reflect()
    told = f"{refused.value.to_json()} {refused.value.details} {caplog.text}"
    assert "hunter2" not in told
    assert "connection" not in refused.value.message  # the server's own words alone
    assert refused.value.remedy


def test_a_dead_server_is_unreachable_at_once_and_works_again_when_it_is_back() -> None:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server here")
    server = Postgres(new_folder(), programs)
    try:
        server.install()
        server.start()
        source = connect(server.url())
        schema = source.reflect()
        failed: list[Exception] = []
        asking = threading.Thread(target=lambda: failed.append(failure(source, SLOW, schema=schema)))
        asking.start()
        time.sleep(0.5)
        server.stop()
        asking.join(timeout=10)
        assert [type(error) for error in failed] == [SourceUnreachable]
        started = time.monotonic()
        assert isinstance(failure(source, SLOW, schema=schema), SourceUnreachable)
        assert time.monotonic() - started < PATIENCE
        server.start()
        assert ask(source, "SELECT 1", schema=schema) == ((1,),)
    finally:
        server.stop()
        server.remove()


@pytest.mark.parametrize("answers", [0, 2, 3, 9])
def test_a_network_that_falls_silent_does_not_hold_the_question(
    shop_postgres: Postgres, postgres_shop: SqlSource, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    """At the greeting, while the session is set up, and during the query."""
    monkeypatch.setattr("pilot.datasource.adapters.postgres.CONNECT_SECONDS", 2)  # libpq's least
    monkeypatch.setattr("pilot.datasource.adapters.postgres.GIVE_UP_AFTER", 1)
    with SilentProxy(shop_postgres.port, answers=answers) as proxy:
        source = connect(shop_postgres.url("shop").set(port=proxy.port))
        schema = source.reflect()
        proxy.silent.set()
        started = time.monotonic()
        assert isinstance(failure(source, SLOW, schema=schema, seconds=1), SqlTimeout | SourceUnreachable)
        assert time.monotonic() - started < PATIENCE
    assert postgres_shop.execute("SELECT 1", Limits()).rows == ((1,),)


def test_an_address_that_never_answers_fails_within_the_connect_timeout() -> None:
    started = time.monotonic()
    with pytest.raises(SourceUnreachable) as unreachable:
        connect("postgresql://u:secret@127.0.0.1:9/x").reflect()
    assert time.monotonic() - started < PATIENCE
    assert "secret" not in str(unreachable.value.to_json())
