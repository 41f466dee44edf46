"""How a connection to a database server is encrypted, and whether the server has to prove who it is.

The URL says it in PostgreSQL's words for MySQL, too: `sslmode` and `sslrootcert`. Without them a connection is
encrypted where the server can do that, and nobody's certificate is looked at.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pilot.datasource.refusals import fault
from pilot.errors import SourceRefused

MODES = ("prefer", "require", "verify-ca", "verify-full")
TLS_OPTIONS = {"sslmode": "|".join(MODES), "sslrootcert": r"\w[\w.-]{0,99}"}


@dataclass(frozen=True)
class Tls:
    """`authority` is a file with certificates of those who may vouch for a server; None: those of the system."""

    mode: str = "prefer"
    authority: Path | None = None

    @classmethod
    def of(cls, url: sa.URL) -> "Tls":
        """Of a URL that `with_certificate` has seen."""
        authority = url.query.get("sslrootcert")
        return cls(str(url.query.get("sslmode", "prefer")), Path(str(authority)) if authority else None)

    @property
    def required(self) -> bool:
        return self.mode != "prefer"

    @property
    def verifies(self) -> bool:
        return self.mode.startswith("verify")

    def context(self) -> ssl.SSLContext:
        """For PyMySQL; psycopg takes the words themselves."""
        if self.verifies:
            context = ssl.create_default_context(cafile=self.authority)
            context.check_hostname = self.mode == "verify-full"
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def with_certificate(url: sa.URL, folder: Path | None) -> sa.URL:
    """`sslrootcert` as the path of a file in this folder, the only place that it may lie in.

    Raises SourceRefused when there is none, or when nothing would look at it.
    """
    name, mode = url.query.get("sslrootcert"), str(url.query.get("sslmode", ""))
    if not name and mode == "verify-ca":
        raise fault(SourceRefused, "certificate_needed")  # libpq, too, trusts the system's for verify-full alone
    if not name:
        return url
    if not mode.startswith("verify"):
        raise fault(SourceRefused, "certificate_unused", name=str(name))
    file = (folder or Path()) / str(name)
    if folder is None or not file.is_file():
        raise fault(SourceRefused, "no_certificate", name=str(name))
    return url.update_query_dict({"sslrootcert": str(file)})
