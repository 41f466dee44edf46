"""MySQL sources against a real MariaDB server: attacks have no effect, limits hold, faults are told apart."""

import logging
import socket
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from pilot.datasource.base import Limits
from pilot.datasource.catalog import Catalog
from pilot.datasource.risks import risk_sentence
from pilot.datasource.source import SqlSource, connect, databases
from pilot.errors import SourceRefused, SourceUnreachable, SqlFailed, SqlRejected, SqlTimeout
from pilot.i18n import Texts
from pilot.store import Store
from tests.datasource.asking import ask, failure
from tests.datasource.cases import read
from tests.datasource.proxy import SilentProxy
from tests.mariadb import MariaDb, is_mysql, numbers

pytestmark = pytest.mark.mysql

WRITES = (
    "INSERT INTO customers (id, name) VALUES (9, 'x')",
    "UPDATE customers SET name = 'x'",
    "DELETE FROM customers",
    "REPLACE INTO customers (id, name) VALUES (1, 'x')",
    "DROP TABLE order_items",
    "TRUNCATE TABLE order_items",
    "CREATE TABLE stolen (a INT)",
    "ALTER TABLE customers ADD COLUMN x INT",
    "CREATE VIEW stolen AS SELECT 1",
    "SELECT * FROM customers FOR UPDATE NOWAIT; DELETE FROM customers",
    "COMMIT; DELETE FROM customers",
)
PATIENCE = 60  # seconds; what nothing ends takes hours
# With a condition: MySQL knows the number of rows of a product without counting them.
SLOW = "SELECT COUNT(*) FROM big a, big b, big c, big d WHERE a.id * b.id > c.id + d.id"


@pytest.fixture(scope="module")
def big(shop_server: MariaDb) -> SqlSource:
    """A database with a table of 1,000 rows, to be joined with itself, and one row with a large cell."""
    shop_server.execute(
        "CREATE DATABASE big CHARACTER SET utf8mb4",
        "CREATE TABLE big.big (id INT PRIMARY KEY)",
        f"INSERT INTO big.big {numbers(1000)}",
        "CREATE TABLE big.wide (id INT PRIMARY KEY, a LONGTEXT)",
        f"INSERT INTO big.wide SELECT n, REPEAT('é', 1000000) FROM ({numbers(8)}) AS eight",  # noqa: S608
    )
    return connect(shop_server.url("big"))


def _state(server: MariaDb) -> list[object]:
    tables = "customers, products, orders, order_items, employees, `order notes`"
    return [
        server.execute(f"CHECKSUM TABLE {tables}", database="shop"),
        server.execute("SHOW TABLES", database="shop"),
        server.execute("SELECT user, host FROM mysql.user ORDER BY 1, 2"),
        server.execute("SHOW GLOBAL VARIABLES WHERE variable_name IN ('general_log', 'sql_mode', 'read_only')"),
        sorted(path.name for path in server.folder.iterdir()),
    ]  # fmt: skip


def test_no_attack_has_an_effect_even_for_root(mysql_shop: SqlSource, shop_server: MariaDb) -> None:
    schema = mysql_shop.reflect()
    before = _state(shop_server)
    for case in read("rejected.mysql.sql"):
        with pytest.raises(SqlRejected):
            ask(mysql_shop, case.sql.replace("{folder}", str(shop_server.folder)), schema=schema)
    assert _state(shop_server) == before


@pytest.mark.parametrize("sql", WRITES)
def test_the_session_refuses_root_what_would_get_past_the_guard(
    mysql_shop: SqlSource, shop_server: MariaDb, sql: str
) -> None:
    before = _state(shop_server)
    with pytest.raises(SqlFailed):
        mysql_shop.execute(sql, Limits())
    assert _state(shop_server) == before


def test_nothing_stays_in_the_session_from_one_statement_to_the_next(mysql_shop: SqlSource) -> None:
    mysql_shop.execute("SET SESSION TRANSACTION READ WRITE", Limits())
    mysql_shop.execute("SET @a = 1", Limits())
    assert mysql_shop.execute("SELECT @a, GET_LOCK('pilot', 0)", Limits()).rows == ((None, 1),)
    assert mysql_shop.execute("SELECT IS_FREE_LOCK('pilot')", Limits()).rows == ((1,),)
    with pytest.raises(SqlFailed, match="READ ONLY"):
        mysql_shop.execute("DELETE FROM order_items", Limits())


def test_a_server_that_ignores_its_own_limit_is_told_to_stop(
    big: SqlSource, shop_server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.datasource.adapters.mysql._time_limit", lambda *_: "DO 0")
    with pytest.raises(SqlTimeout):
        big.execute(SLOW, Limits(seconds=0.5))
    assert shop_server.queries() == []


def test_a_zero_date_is_shown_as_it_is(shop_server: MariaDb) -> None:
    shop_server.execute(
        "CREATE DATABASE zero", "SET sql_mode = ''", "CREATE TABLE zero.t (d DATE, n TIME, b BIT(3), j JSON)",
        "INSERT INTO zero.t VALUES ('0000-00-00', '25:00:00', b'101', '{\"a\": 1}')",
    )  # fmt: skip
    source = connect(shop_server.url("zero"))
    ((day, hours, bits, json),) = ask(source, "SELECT d, n, b, j FROM t")
    assert (day, str(hours), bits, json) == ("0000-00-00", "1 day, 1:00:00", b"\x05", '{"a": 1}')


def test_the_schema_has_types_keys_and_chinese_comments(shop_server: MariaDb) -> None:
    shop_server.execute(
        "CREATE DATABASE deep CHARACTER SET utf8mb4",
        "CREATE TABLE deep.a (id INT UNSIGNED, k VARCHAR(5), state ENUM('printed', 'daily') COMMENT '状态',"
        " ok TINYINT(1), PRIMARY KEY (id, k)) COMMENT='客户 ''x'''",
        "CREATE TABLE deep.b (a_id INT UNSIGNED NOT NULL, a_k VARCHAR(5), at DATETIME,"
        " FOREIGN KEY (a_id, a_k) REFERENCES deep.a (id, k))",
        "CREATE VIEW deep.v AS SELECT id FROM deep.a",
        "CREATE VIEW deep.broken AS SELECT at FROM deep.b",
        "ALTER TABLE deep.b DROP COLUMN at",
        "INSERT INTO deep.a VALUES (1, 'x', 'daily', 1)",
    )
    for url in (shop_server.url("deep"), shop_server.reader_url("deep")):
        source = connect(url)
        schema = source.reflect()
        source.close()
        a, b, v = (schema.table(name) for name in ("a", "b", "v"))
        assert a
        assert b
        assert v
        assert [(column.name, column.type.replace("int(10)", "int"), column.kind) for column in a.columns] == [
            ("id", "int unsigned", "number"),
            ("k", "varchar(5)", "text"),
            ("state", "enum('printed','daily')", "text"),
            ("ok", "tinyint(1)", "boolean"),
        ]
        assert [column.primary_key for column in a.columns] == [True, True, False, False]
        assert (a.comment, a.columns[2].comment, a.columns[2].samples) == ("客户 'x'", "状态", ("daily",))
        assert v.view
        (key,) = b.foreign_keys
        assert (key.columns, key.ref_table, key.ref_columns) == (("a_id", "a_k"), "a", ("id", "k"))


def test_databases_are_listed_without_the_systems_own(shop_server: MariaDb) -> None:
    found = databases(shop_server.reader_url())
    assert "shop" in found
    assert not {"mysql", "information_schema", "performance_schema", "sys"} & set(found)


def test_a_server_without_a_database_is_not_kept_and_its_databases_are_told(
    shop_server: MariaDb, tmp_path: Path
) -> None:
    catalog = Catalog(Store(tmp_path), fixed={})
    for refused in (partial(catalog.add, "Shop"), catalog.test):
        with pytest.raises(SourceRefused) as told:
            refused(str(shop_server.reader_url().render_as_string(hide_password=False)))
        assert "shop" in told.value.remedy
    assert catalog.names() == []


def test_what_has_answered_is_no_longer_listed_as_dead(shop_server: MariaDb, tmp_path: Path) -> None:
    catalog = Catalog(Store(tmp_path), fixed={"Shop": (shop_server.url("shop"), "settings")})
    assert catalog.info("Shop").error is None
    shop_server.stop()
    try:
        with pytest.raises(SourceUnreachable):
            catalog.open("Shop", refresh=True)
        assert catalog.info("Shop").error is not None
    finally:
        shop_server.start()
    catalog.answered("Shop")
    assert catalog.info("Shop").error is None


def test_a_powerful_account_is_warned_of_with_the_grant_that_mends_it(shop_server: MariaDb) -> None:
    (risk,) = connect(shop_server.url("shop")).warnings()
    assert risk.account == "root@localhost"
    assert risk.powers == ("superuser", "write", "files")
    assert "GRANT SELECT, SHOW VIEW ON `shop`.* TO 'pilot_reader'@'%';" in risk.grants
    assert "可以在服务器上做任何事, 修改数据并读写服务器上的文件" in risk_sentence(risk, Texts("zh"))


def test_an_account_that_can_only_read_is_not_warned_of(shop_server: MariaDb) -> None:
    assert connect(shop_server.reader_url("shop")).warnings() == []


def test_an_account_that_can_write_one_database_is_warned_of(shop_server: MariaDb) -> None:
    shop_server.execute("CREATE USER 'writer'@'%' IDENTIFIED BY 'w'", "GRANT SELECT, INSERT ON shop.* TO 'writer'@'%'")
    (risk,) = connect(shop_server.url("shop", user="writer", password="w")).warnings()
    assert risk_sentence(risk, Texts("en")).startswith("The account writer@% can change data (INSERT).")


@pytest.mark.parametrize("granted", [["staff"], ["manager"]], ids=str)
def test_a_role_that_can_write_is_warned_of_though_it_is_not_taken_on(shop_server: MariaDb, granted: list[str]) -> None:
    shop_server.execute(
        "CREATE ROLE IF NOT EXISTS staff, manager", "GRANT SELECT, DELETE ON shop.* TO staff", "GRANT staff TO manager",
        "DROP USER IF EXISTS roled", "CREATE USER roled IDENTIFIED BY 'r'", "GRANT SELECT ON shop.* TO roled",
        *(f"GRANT {role} TO roled" for role in granted),
    )  # fmt: skip
    (risk,) = connect(shop_server.url("shop", user="roled", password="r")).warnings()
    assert (risk.powers, risk.rights) == (("write",), ("DELETE",))


def test_an_account_whose_role_can_only_read_is_not_warned_of(shop_server: MariaDb) -> None:
    shop_server.execute(
        "CREATE ROLE IF NOT EXISTS guests", "GRANT SELECT ON shop.* TO guests",
        "CREATE USER guest IDENTIFIED BY 'g'", "GRANT guests TO guest",
    )  # fmt: skip
    assert connect(shop_server.url("", user="guest", password="g")).warnings() == []


def test_an_account_that_can_read_files_is_warned_of_that_alone(shop_server: MariaDb) -> None:
    shop_server.execute("CREATE USER filer IDENTIFIED BY 'f'", "GRANT FILE ON *.* TO filer")
    (risk,) = connect(shop_server.url("", user="filer", password="f")).warnings()
    assert (risk.powers, risk.rights) == (("files",), ("FILE",))


@pytest.mark.parametrize("password", ["pässwört", "密码 100%", "a'b\"c\\d"])
def test_a_password_may_have_any_characters(shop_server: MariaDb, password: str) -> None:
    written = password.replace("\\", "\\\\").replace("'", "''")
    shop_server.execute("DROP USER IF EXISTS worldly", f"CREATE USER worldly IDENTIFIED BY '{written}'",
                        "GRANT SELECT ON shop.* TO worldly")  # fmt: skip
    url = shop_server.url("shop", user="worldly", password=password)
    assert ask(connect(url.render_as_string(hide_password=False)), "SELECT COUNT(*) FROM customers") == ((4,),)


@pytest.mark.skipif(not is_mysql(), reason="MySQL's own ways of logging in: PILOT_TEST_MYSQLD names no MySQL server")
def test_mysqls_logins_work_without_encryption_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without TLS the password goes out under the server's public key; the second time the server remembers it."""
    server = MariaDb(tmp_path_factory.mktemp("bare"))
    server.install()
    server.options = ["--tls-version="]
    server.start()
    try:
        for plugin in ("caching_sha2_password", "sha256_password"):
            server.execute(f"CREATE USER {plugin} IDENTIFIED WITH {plugin} BY 'pässwört'")
            for _ in range(2):
                source = connect(server.url("", user=plugin, password="pässwört"))
                assert source.execute("SHOW STATUS LIKE 'Ssl_cipher'", Limits()).rows == (("Ssl_cipher", ""),)
    finally:
        server.stop()


@pytest.mark.parametrize("change", ["ACCOUNT LOCK", "PASSWORD EXPIRE"])
def test_an_account_that_may_not_come_in_is_refused(shop_server: MariaDb, change: str) -> None:
    shop_server.execute("DROP USER IF EXISTS barred", "CREATE USER barred IDENTIFIED BY 'b'",
                        "GRANT SELECT ON shop.* TO barred", f"ALTER USER barred {change}")  # fmt: skip
    with pytest.raises(SourceRefused):
        connect(shop_server.url("shop", user="barred", password="b")).reflect()


def test_names_that_a_newer_server_reserves_are_quoted(shop_server: MariaDb) -> None:
    words = ("rank", "system", "lateral", "of", "groups", "manual", "parallel", "library", "qualify", "tablesample")
    columns = ", ".join(f"`{word}` INT" for word in words)
    shop_server.execute("CREATE DATABASE worded", f"CREATE TABLE worded.manual ({columns})",
                        f"INSERT INTO worded.manual VALUES ({', '.join('1' * len(words))})")  # fmt: skip  # noqa: S608
    source = connect(shop_server.url("worded"))
    for word in words:
        assert ask(source, f"SELECT m.{word} AS {word} FROM manual m ORDER BY m.{word}") == ((1,),)  # noqa: S608
    assert ask(source, "SELECT parallel FROM manual WHERE library = 1") == ((1,),)


def test_the_statements_that_the_warning_gives_make_an_account_that_is_not_warned_of(shop_server: MariaDb) -> None:
    (risk,) = connect(shop_server.url("shop")).warnings()
    shop_server.execute(*risk.grants)
    mended = connect(shop_server.url("shop", user="pilot_reader", password="a long password"))
    assert mended.warnings() == []
    assert mended.reflect().table("customers")


@pytest.mark.parametrize("database", ["shop", "nowhere"])
def test_wrong_password_or_database_is_refused_and_the_password_is_nowhere(
    shop_server: MariaDb, caplog: pytest.LogCaptureFixture, database: str
) -> None:
    caplog.set_level(logging.DEBUG)
    password = "hunter2-secret" if database == "shop" else ""
    url = shop_server.url(database, user="reader", password=password) if password else shop_server.url(database)
    with pytest.raises(SourceRefused) as refused:
        connect(url).reflect()
    told = f"{refused.value.to_json()} {refused.value.details} {caplog.text}"
    assert "hunter2" not in told
    assert refused.value.remedy


def test_a_dead_server_is_unreachable_at_once_and_works_again_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = MariaDb(tmp_path_factory.mktemp("mortal"))
    server.install()
    server.start()
    try:
        server.execute(
            "CREATE DATABASE d",
            "CREATE TABLE d.big (id INT)",
            f"INSERT INTO d.big {numbers(1000)}",
        )
        source = connect(server.url("d"))
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
        assert ask(source, "SELECT COUNT(*) FROM big", schema=schema) == ((1000,),)
    finally:
        server.stop()


@pytest.mark.parametrize("answers", [0, 3, 7, 8, 9])
def test_a_network_that_falls_silent_does_not_hold_the_question(
    shop_server: MariaDb, big: SqlSource, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    """At the greeting, while the session is set up, and during the query."""
    monkeypatch.setattr("pilot.datasource.adapters.mysql.CONNECT_SECONDS", 1)
    monkeypatch.setattr("pilot.datasource.adapters.mysql.GIVE_UP_AFTER", 1)
    with SilentProxy(shop_server.port, answers=answers) as proxy:
        source = connect(shop_server.url("big").set(port=proxy.port))
        schema = source.reflect()
        proxy.silent.set()
        started = time.monotonic()
        assert isinstance(failure(source, SLOW, schema=schema, seconds=1), SqlTimeout | SourceUnreachable)
        assert time.monotonic() - started < PATIENCE
        assert shop_server.queries() == []
    assert big.execute("SELECT 1", Limits()).rows == ((1,),)


def test_a_server_that_takes_calls_and_says_nothing_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query was asked, so none took too long."""
    monkeypatch.setattr("pilot.datasource.adapters.mysql.CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with pytest.raises(SourceUnreachable) as told:
            connect(f"mysql://a:b@127.0.0.1:{mute.getsockname()[1]}/x").reflect()
        assert "server runs" in told.value.remedy


def test_an_address_that_never_answers_fails_within_the_connect_timeout() -> None:
    started = time.monotonic()
    with pytest.raises(SourceUnreachable):
        connect("mysql://u:secret@127.0.0.1:9/x").reflect()
    assert time.monotonic() - started < PATIENCE
