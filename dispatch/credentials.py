"""How chargers' passwords are made, hashed and kept in a file; it alone knows what an entry of it means.

A password is kept as ``scrypt:COST:SALT:DIGEST`` (RFC 7914, block size 8, no parallelism; salt and digest in
base64). scrypt comes with Python, so that nothing has to be kept up to date beside it, and needs memory as well as
time, which makes guessing on graphics cards dear. Its cost is part of an entry and follows from where the password
comes from:

- one that was made here has 119 bits of chance. No number of guesses finds it whatever a guess costs, so it gets the
  cost at which a depot of 5,000 chargers that all come back at once after a restart is let in within seconds
  (:data:`COST_OF_MADE`: 2 ms and 1 MiB each, 10 s of one core for all);
- one that somebody chose may be guessed: it gets :data:`COST_OF_GIVEN`, 30 ms and 16 MiB for each guess.

The standards want passwords stored hashed and salted (1.6 security whitepaper and 2.0.1 Part 2, A00.FR.204).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

COST_OF_MADE = 2**10
"""scrypt's N for a password that was made here."""
COST_OF_GIVEN = 2**14
"""scrypt's N for a password that somebody chose."""
MAX_COST = 2**17
"""Largest N that is computed: whoever can write the file shall not be able to stop the gateway with it."""
BLOCK_SIZE = 8
SALT_BYTES = 16
DIGEST_BYTES = 32
MEMORY_BYTES = 128 * BLOCK_SIZE * MAX_COST * 2
"""What scrypt may use: twice what the largest cost needs."""

ALPHABET = string.ascii_letters + string.digits
MADE_LENGTH = 20
"""Characters of a password that is made: 20 bytes is the most that OCPP 1.6 takes and within the 16 to 40 of 2.0.1."""
LENGTHS = range(16, 41)
"""How long a password may be: 16 to 20 bytes or 40 hexadecimal digits in 1.6, 16 to 40 characters in 2.0.1."""
HEX_KEY_LENGTH = 40
"""An AuthorizationKey may be written as 40 hexadecimal digits; chargers send the 20 bytes that they stand for."""

SECRET_KEYS = frozenset({"authorizationkey", "basicauthpassword"})
"""Configuration keys of chargers that are passwords, in 1.6 and 2.0.1, in lower case. No value of one is ever kept."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast one, where it is there: a file of 5,000 chargers is read again whenever it has changed."""


class CredentialsError(Exception):
    """The credentials cannot be read, or not be changed in this way; ``problems`` are all that are wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class HashedPassword:
    """What is kept of a password."""

    cost: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: bytes, *, cost: int, salt: bytes | None = None) -> HashedPassword:
        """The hash of a password, with a salt of its own where none is given."""
        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        return cls(cost=cost, salt=salt, digest=_scrypt(password, salt=salt, cost=cost))

    @classmethod
    def parse(cls, text: str) -> HashedPassword:
        """Read an entry. Raises ValueError for anything else, without repeating it: it may be a password."""
        name, _, rest = text.partition(":")
        cost_text, *coded = rest.split(":")
        if name != "scrypt" or len(coded) != 2 or not cost_text.isascii() or not cost_text.isdigit():
            raise ValueError("is no hash of a password")
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in coded)
        except binascii.Error as error:
            raise ValueError("is no hash of a password") from error
        cost = int(cost_text)
        if not 2 <= cost <= MAX_COST or cost.bit_count() != 1 or len(digest) != DIGEST_BYTES or not salt:
            raise ValueError("is a hash of another form")
        return cls(cost=cost, salt=salt, digest=digest)

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt:{self.cost}:{salt}:{digest}"

    def matches(self, password: bytes) -> bool:
        """Whether it is the hash of this password; takes the time that its cost says."""
        found = _scrypt(password, salt=self.salt, cost=self.cost)
        return hmac.compare_digest(found, self.digest)


Credentials = Callable[[], Mapping[str, HashedPassword]]
"""What is known of the chargers' passwords now, by charger id."""


def new_password() -> str:
    """A password that both versions of OCPP take and no charger has to escape, with 119 bits of chance."""
    return "".join(secrets.choice(ALPHABET) for _ in range(MADE_LENGTH))


def given_password(text: str) -> bytes:
    """The password that somebody chose, as it is compared. Raises :class:`CredentialsError`."""
    if len(text) not in LENGTHS or not text.isascii() or not text.isprintable() or text != text.strip():
        raise CredentialsError(
            f"the password has {len(text)} characters; allowed are 16 to 40 printable ones of ASCII, none of them "
            "a space at its ends"
        )
    return canonical(text.encode())


def canonical(password: bytes) -> bytes:
    """A password as it is compared: 40 hexadecimal digits stand for 20 bytes, and some chargers send those."""
    if len(password) != HEX_KEY_LENGTH:
        return password
    try:
        return bytes.fromhex(password.decode("ascii"))
    except ValueError:
        return password


def is_secret_key(name: str) -> bool:
    """Whether the value of a configuration key is a password; in 2.0.1 its component may stand before it."""
    return name.rpartition(".")[2].lower() in SECRET_KEYS


def read_credentials(path: Path) -> dict[str, HashedPassword]:
    """The chargers' hashed passwords, by charger id. Raises :class:`CredentialsError`; no problem names a password."""
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path}: cannot be read: {_reason(error)}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f":{mark.line + 1}"
        raise CredentialsError(f"{path}{where}: is no YAML") from None  # its own words show the line
    if not isinstance(document, dict):
        found = "nothing" if document is None else f"a {type(document).__name__}"
        raise CredentialsError(f"{path}: found {found}, must be a mapping of charger id to hashed password")
    problems: list[str] = []
    read: dict[str, HashedPassword] = {}
    for charger_id, entry in document.items():
        if not isinstance(charger_id, str):
            problems.append(f"{path}: {charger_id!r}: a charger id must be a text, in quotes")
            continue
        try:
            read[charger_id] = HashedPassword.parse(entry if isinstance(entry, str) else "")
        except ValueError as error:
            problems.append(
                f"{path}: {charger_id}: {error}; take the line out and have it written by: depot credentials add"
            )
    if problems:
        raise CredentialsError(*problems)
    return read


def write_credentials(path: Path, credentials: Mapping[str, HashedPassword]) -> None:
    """Write the file anew, for its owner alone; whoever reads it meanwhile finds the old one. Raises OSError.

    Its owner stays who it was, at first that of the folder: a gateway goes on reading what an administrator has written.
    """
    owner = (path if path.exists() else path.parent).stat()
    text = yaml.safe_dump({charger_id: str(entry) for charger_id, entry in sorted(credentials.items())})
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):  # only an administrator may give files away
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def _scrypt(password: bytes, *, salt: bytes, cost: int) -> bytes:
    # The length goes first, as scrypt takes a password and the same one with zeros at its end for equal (HMAC fills
    # its keys up with them), and keys of 20 bytes may end so.
    return hashlib.scrypt(
        len(password).to_bytes(4, "big") + password,
        salt=salt,
        n=cost,
        r=BLOCK_SIZE,
        p=1,
        maxmem=MEMORY_BYTES,
        dklen=DIGEST_BYTES,
    )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    """Why, without the bytes that could not be read."""
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error.strerror)
