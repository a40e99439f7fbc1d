"""What stands in for an identity: the same for one value and secret, and not to be traced without the secret."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from mediscan.errors import ConfigError

_Choice = TypeVar("_Choice")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that are taken for one another
_LEAST_SECRET_BYTES = 16
_MOST_WEEKS = 520
_MOST_SECONDS = 3599


class Surrogates:
    """Surrogates drawn by HMAC-SHA256 from a secret.

    Whoever has the secret can tell which surrogate a known value has; nobody can go the other way but by trying values.

    Args:
        secret: At least 16 bytes, kept apart from the data.

    Raises:
        ConfigError: The secret is shorter.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _LEAST_SECRET_BYTES:
            raise ConfigError(
                f"the secret has {len(secret)} bytes; identities could be guessed from it",
                remedy=f"Use {_LEAST_SECRET_BYTES} random bytes or more (openssl rand -hex 32).",
            )
        self._secret = secret

    def _number(self, kind: str, value: str) -> int:
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hmac.digest(self._secret, message, hashlib.sha256), "big")

    def code(self, kind: str, value: str, *, length: int = 12) -> str:
        """Letters and digits in place of an identifier, `length` of them."""
        number, letters = self._number(kind, value), []
        for _ in range(length):
            number, position = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[position])
        return "".join(letters)

    def patient(self, patient_id: str) -> str:
        """The code of a patient, in images, notes and tables alike."""
        return self.code("patient", patient_id)

    def uid(self, value: str) -> str:
        """A DICOM UID in place of another.

        Source: DICOM PS3.5 B.2 (UUID-derived UIDs).
        """
        return f"2.25.{self._number('uid', value) >> 128}"

    def days(self, patient_id: str) -> int:
        """By how many days all dates of a patient move: whole weeks back, up to ten years, so weekdays stay."""
        return -7 * (1 + self._number("days", patient_id) % _MOST_WEEKS)

    def span(self, patient_id: str) -> timedelta:
        """By how much all moments of a patient move: `days`, and less than an hour more.

        Backwards, so that an image never seems to be later than a note that was written after it.
        """
        seconds = 1 + self._number("seconds", patient_id) % _MOST_SECONDS
        return timedelta(days=self.days(patient_id), seconds=-seconds)

    def pick(self, kind: str, value: str, choices: Sequence[_Choice]) -> _Choice:
        """One of the choices."""
        return choices[self._number(kind, value) % len(choices)]
