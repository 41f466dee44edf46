"""Encryption and proof, against real servers with certificates of an authority of our own."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pilot.datasource.base import Limits
from pilot.datasource.source import connect
from pilot.datasource.tls import Tls
from pilot.errors import SourceRefused, SourceUnreachable
from tests.certificates import Authority
from tests.mariadb import MariaDb, program
from tests.postgres import Postgres, binaries, new_folder

ENCRYPTED = {
    "mysql": "SHOW STATUS LIKE 'Ssl_cipher'",
    "postgres": "SELECT 'ssl', ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca.pem` has signed the servers' certificates, `stranger.pem` has not."""
    folder = tmp_path_factory.mktemp("certificates")
    stranger = tmp_path_factory.mktemp("stranger")
    shutil.copy(Authority(stranger).file, folder / "stranger.pem")
    Authority(folder).sign("127.0.0.1")
    return folder


@pytest.fixture(scope="module")
def mysql_tls(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[sa.URL]:
    if not program():
        pytest.skip("no MariaDB server here: apt-get install mariadb-server")
    server = MariaDb(tmp_path_factory.mktemp("mariadb-tls"))
    server.install()
    server.options = [f"--ssl-cert={certificates / '127.0.0.1.pem'}", f"--ssl-key={certificates / '127.0.0.1.key'}"]
    server.start()
    yield server.url("mysql")
    server.stop()


@pytest.fixture(scope="module")
def postgres_tls(certificates: Path) -> Iterator[sa.URL]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    server = Postgres(new_folder(), programs)
    server.install()
    for name in ("127.0.0.1.pem", "127.0.0.1.key"):
        shutil.copy(certificates / name, server.folder / name)
        (server.folder / name).chmod(0o600)
        if shutil.which("setpriv") and (server.folder / "data").owner() != (server.folder / name).owner():
            shutil.chown(server.folder / name, "postgres")
    server.options = ["-c", "ssl=on", "-c", f"ssl_cert_file={server.folder / '127.0.0.1.pem'}",
                      "-c", f"ssl_key_file={server.folder / '127.0.0.1.key'}"]  # fmt: skip
    server.start()
    yield server.url()
    server.stop()
    server.remove()


@pytest.fixture(params=[pytest.param("mysql", marks=pytest.mark.mysql),
                        pytest.param("postgres", marks=pytest.mark.postgres)])  # fmt: skip
def server(request: pytest.FixtureRequest) -> sa.URL:
    found: sa.URL = request.getfixturevalue(f"{request.param}_tls")
    return found


def _cipher(url: sa.URL, certificates: Path, **options: str) -> object:
    source = connect(url.update_query_dict(options), certificates=certificates)
    try:
        ((_, cipher),) = source.execute(ENCRYPTED[source.dialect], Limits()).rows
    finally:
        source.close()
    return cipher


@pytest.mark.parametrize("options", [
    {}, {"sslmode": "require"}, {"sslmode": "verify-ca", "sslrootcert": "ca.pem"},
    {"sslmode": "verify-full", "sslrootcert": "ca.pem"},
])  # fmt: skip
def test_a_server_that_can_is_spoken_to_in_secret(server: sa.URL, certificates: Path, options: dict[str, str]) -> None:
    assert _cipher(server, certificates, **options)


@pytest.mark.parametrize("options", [{"sslrootcert": "stranger.pem"}, {}])
def test_a_server_for_which_nobody_vouches_is_refused(
    server: sa.URL, certificates: Path, options: dict[str, str]
) -> None:
    with pytest.raises(SourceRefused, match="certificate cannot be verified") as refused:
        _cipher(server, certificates, sslmode="verify-full", **options)
    assert "certificates of the data folder" in refused.value.remedy


def test_a_server_with_another_name_than_in_its_certificate_is_refused(server: sa.URL, certificates: Path) -> None:
    elsewhere = server.set(host="localhost")
    with pytest.raises(SourceRefused, match="certificate cannot be verified"):
        _cipher(elsewhere, certificates, sslmode="verify-full", sslrootcert="ca.pem")
    assert _cipher(elsewhere, certificates, sslmode="verify-ca", sslrootcert="ca.pem")


@pytest.mark.postgres
def test_a_postgres_that_cannot_encrypt_is_refused_when_it_has_to(postgres: Postgres, certificates: Path) -> None:
    with pytest.raises(SourceRefused, match="does not encrypt"):
        _cipher(postgres.url(), certificates, sslmode="require")


@pytest.mark.mysql
def test_a_mariadb_that_cannot_encrypt_is_refused_when_it_has_to(mariadb: MariaDb, certificates: Path) -> None:
    with pytest.raises((SourceRefused, SourceUnreachable)):
        _cipher(mariadb.url("mysql"), certificates, sslmode="verify-full", sslrootcert="ca.pem")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sslmode=verify-full&sslrootcert=../x.pem", "option_value"),
        ("sslmode=verify-full&sslrootcert=/etc/passwd", "option_value"),
        ("sslmode=verify-full&sslrootcert=gone.pem", "no_certificate"),
        ("sslmode=require&sslrootcert=ca.pem", "certificate_unused"),
        ("sslrootcert=ca.pem", "certificate_unused"),
        ("sslmode=verify-ca", "certificate_needed"),
        ("sslmode=disable", "option_value"),
        ("sslkey=x", "option"),
        ("sslmode=require&sslmode=prefer", "option_value"),
    ],
)
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_certificate_lies_in_its_folder_and_is_looked_at(
    certificates: Path, kind: str, query: str, reason: str
) -> None:
    with pytest.raises(SourceRefused) as refused:
        connect(f"{kind}://u:secret@127.0.0.1/d?{query}", certificates=certificates)
    assert refused.value.details["reason"] == reason
    assert refused.value.remedy


def test_a_context_that_verifies_knows_the_systems_authorities() -> None:
    assert Tls("verify-full").context().verify_mode == ssl.CERT_REQUIRED
    assert Tls("prefer").context().verify_mode == ssl.CERT_NONE
