"""The named databases: sample, settings, added ones."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from pilot.datasource.catalog import Catalog
from pilot.datasource.owner import ColumnWords, OwnerWords, TableWords
from pilot.errors import Conflict, InputInvalid, NotFound, SourceRefused
from pilot.store import Store


def _database(file: Path, *tables: str) -> str:
    connection = sqlite3.connect(file)
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    connection.close()
    return f"sqlite:///{file}"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    sample = sa.make_url(_database(tmp_path / "sample.sqlite", "customers"))
    return Catalog(Store(tmp_path / "data"), fixed={"Sample": (sample, "sample")})


def test_added_sources_come_before_the_sample(catalog: Catalog, tmp_path: Path) -> None:
    catalog.add("Zoo", _database(tmp_path / "zoo.sqlite", "animals"))
    assert [(info.name, info.origin) for info in catalog.list()] == [("Zoo", "added"), ("Sample", "sample")]


def test_a_source_that_does_not_open_is_not_kept(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused):
        catalog.add("Gone", f"sqlite:///{tmp_path / 'missing.sqlite'}")
    assert [info.name for info in catalog.list()] == ["Sample"]


@pytest.mark.parametrize("name", ["", "  ", "a/b", "x" * 81, "a\nb"])
def test_a_strange_name_is_refused(catalog: Catalog, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputInvalid):
        catalog.add(name, _database(tmp_path / "a.sqlite", "t"))


def test_a_name_is_taken_once(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        catalog.add("Sample", _database(tmp_path / "a.sqlite", "t"))


def test_only_added_sources_can_be_removed(catalog: Catalog, tmp_path: Path) -> None:
    catalog.add("Zoo", _database(tmp_path / "zoo.sqlite", "animals"))
    catalog.remove("Zoo")
    with pytest.raises(NotFound):
        catalog.open("Zoo")
    with pytest.raises(Conflict):
        catalog.remove("Sample")


def test_a_new_table_is_seen_after_a_refresh(catalog: Catalog, tmp_path: Path) -> None:
    assert [table.name for table in catalog.open("Sample").schema.tables] == ["customers"]
    _database(tmp_path / "sample.sqlite", "orders")
    assert catalog.open("Sample").schema.table("orders") is None
    assert catalog.open("Sample", refresh=True).schema.table("orders") is not None


def test_a_source_that_vanished_is_listed_with_its_error(catalog: Catalog, tmp_path: Path) -> None:
    catalog.add("Zoo", _database(tmp_path / "zoo.sqlite", "animals"))
    catalog.close()
    (tmp_path / "zoo.sqlite").unlink()
    zoo, sample = catalog.list()
    assert zoo.error
    assert not sample.error


def test_the_owners_words_stand_in_the_schema_and_survive_a_restart(catalog: Catalog, tmp_path: Path) -> None:
    words = OwnerWords({"customers": TableWords("everyone who ever ordered")})
    assert catalog.describe("Sample", words).schema.tables[0].comment == "everyone who ever ordered"
    assert catalog.open("Sample", refresh=True).words == words
    catalog.close()
    again = Catalog(Store(tmp_path / "data"), fixed={"Sample": (next(iter(catalog.urls().values())), "sample")})
    assert again.open("Sample").schema.tables[0].comment == "everyone who ever ordered"


def test_cells_of_a_hidden_or_silent_column_are_not_indexed(catalog: Catalog, tmp_path: Path) -> None:
    url = _database(tmp_path / "zoo.sqlite", "animals")
    with sqlite3.connect(tmp_path / "zoo.sqlite") as connection:
        connection.execute("ALTER TABLE animals ADD COLUMN name TEXT")
        connection.execute("INSERT INTO animals (name) VALUES ('Elefant')")
    connection.close()
    catalog.add("Zoo", url)
    assert catalog.open("Zoo").values.hits("where is elefant")
    for words in (ColumnWords(hidden=True), ColumnWords(values=False)):
        opened = catalog.describe("Zoo", OwnerWords({"animals": TableWords(columns={"name": words})}))
        assert not opened.values.hits("where is elefant")
        assert opened.whole.tables[0].column("name")
    assert catalog.describe("Zoo", OwnerWords()).values.hits("where is elefant")


def test_an_old_schema_is_read_again_only_where_it_has_changed(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalog.open("Sample")
    monkeypatch.setattr("pilot.datasource.catalog.FRESH_SECONDS", -1.0)
    assert catalog.open("Sample").values is before.values
    _database(tmp_path / "sample.sqlite", "orders")
    after = catalog.open("Sample")
    assert after.schema.table("orders") is not None
    assert after.values is not before.values
