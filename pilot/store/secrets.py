"""Passwords at rest: encrypted with a key that lies in the data folder, readable by its owner alone."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from pilot.errors import ConfigInvalid

KEY_FILE = "secret.key"


class Vault:
    """Encrypts short texts with the key in `folder`, which is made on first use."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / KEY_FILE
        self._fernet = Fernet(self._key())

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Raises ConfigInvalid when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ConfigInvalid(
                f"the key in {self._file.name} does not open the stored passwords",
                remedy=f"Put the former {self._file.name} back, or remove and add those databases again.",
            ) from None

    def _key(self) -> bytes:
        try:
            with os.fdopen(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(Fernet.generate_key())
        except FileExistsError:
            pass
        return self._file.read_bytes()
