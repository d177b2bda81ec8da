"""What must be in order before the service starts: its folder, which nobody else may use, and its database."""

from __future__ import annotations

import errno
import os

from whetstone.db import Database
from whetstone.errors import UnavailableError
from whetstone.files import take_lock
from whetstone.settings import Settings


def prepare_state_directory(settings: Settings) -> None:
    """Make the state folder; raises `UnavailableError` when it cannot be written."""
    folder = settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to write in {folder}")
    except OSError as error:
        raise UnavailableError(
            f"The state folder {folder} cannot be used: {reason(error)}. "
            "Choose another with --state-dir or ELIZA_STATE_DIR"
        ) from error


def claim_state_directory(settings: Settings) -> None:
    """One service a state folder: a second would take the first one's unfinished builds for abandoned ones."""
    # The lock is held until the process ends, however it ends.
    if take_lock(settings.state_dir / "service.lock") is None:
        raise UnavailableError(
            f"Another service uses the state folder {settings.state_dir}. "
            "Stop it, or choose another folder with --state-dir or ELIZA_STATE_DIR"
        )


async def prepare_database(settings: Settings) -> None:
    """Open the database once and bring its schema up to date.

    The text of a driver's error is not repeated where it may hold the password of the URL.
    """
    try:
        database = Database(settings.sqlalchemy_url())
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"DATABASE_URL needs the driver {error.name}, which is not installed. Whetstone runs on SQLite, and on "
            "PostgreSQL after: pip install 'whetstone[postgres]'"
        ) from error
    except Exception as error:
        raise UnavailableError(
            "DATABASE_URL cannot be read. It must look like postgresql://user:password@host:5432/name or "
            "sqlite:///path, with special characters of the password percent-encoded"
        ) from error
    where = database.url.render_as_string(hide_password=True)
    try:
        await database.open()
    except Exception as error:
        raise UnavailableError(
            f"The database {where} cannot be used: {reason(error)}. Check DATABASE_URL, and that its server runs"
        ) from error
    finally:
        await database.close()


def reason(error: Exception) -> str:
    """What went wrong, in the system's own few words."""
    if isinstance(error, OSError) and error.strerror:
        # asyncio adds the address to the text of a known number.
        number = error.errno or 0
        return os.strerror(number) if number in errno.errorcode else error.strerror
    return str(error).strip().partition("\n")[0] or type(error).__name__
