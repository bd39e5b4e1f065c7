"""Projects in a database: SQLite, PostgreSQL, or another that SQLAlchemy has an asynchronous driver for."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, delete, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InvalidRequestError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateTable

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import InvalidURL
from pattern_stack.features.sessions.errors import ProjectNotFound, StoreUnavailable
from pattern_stack.features.sessions.store import ProjectStore

logger = logging.getLogger(__name__)

_PATIENCE = 30  # seconds that SQLite waits for another writer of the file

metadata = MetaData()
projects = Table(
    "projects",
    metadata,
    Column("project_id", String(36), primary_key=True),
    Column("form", LargeBinary, nullable=False),
)


class SQLStore(ProjectStore):
    """`sqlite+aiosqlite:///file.db`, `postgresql+psycopg://...`. Opened, and its table made, when it is first used.

    Several stores may share a database, in one process or in many. While it cannot be reached, the log says why once a
    minute. Raises InvalidURL for what could never be opened: no URL, or one without an asynchronous driver here.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked(url)
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()
        self._log = LogEvery(logger)

    async def save(self, project_id: str, form: bytes) -> None:
        async with self._transaction() as connection:
            mine = projects.c.project_id == project_id
            changed = await connection.execute(update(projects).where(mine).values(form=form))
            if not changed.rowcount:
                await connection.execute(insert(projects).values(project_id=project_id, form=form))

    async def load(self, project_id: str) -> bytes:
        async with self._transaction() as connection:
            form = await connection.scalar(select(projects.c.form).where(projects.c.project_id == project_id))
        if form is None:
            raise _unknown(project_id)
        return bytes(form)

    async def delete(self, project_id: str) -> None:
        async with self._transaction() as connection:
            gone = await connection.execute(delete(projects).where(projects.c.project_id == project_id))
        if not gone.rowcount:
            raise _unknown(project_id)

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        self._opening = asyncio.Lock()  # the next use may be on another loop
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """Committed where the block ends well. What the database says goes to the log alone, and to no client."""
        try:
            async with (await self._open()).begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            place, why = _without_secrets(self._url), _in_one_line(error, self._url)
            self._log.warning("the store of projects at %s cannot be reached: %s", place, why)
            raise StoreUnavailable("the store of projects cannot be reached now") from error

    async def _open(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                self._engine = await self._opened()
            return self._engine

    async def _opened(self) -> AsyncEngine:
        patience = {"timeout": _PATIENCE} if self._url.startswith("sqlite") else {}
        engine = create_async_engine(self._url, connect_args=patience, pool_pre_ping=True)
        try:
            await _make_table(engine)
        except BaseException:
            await engine.dispose()
            raise
        return engine


async def _make_table(engine: AsyncEngine) -> None:
    """Where it is missing. Others may make it at the same moment: on PostgreSQL, IF NOT EXISTS fails for all but one then."""
    if await _has_table(engine):  # then this role need not have the right to make one
        return
    try:
        async with engine.begin() as connection:
            await connection.execute(CreateTable(projects, if_not_exists=True))
    except DBAPIError:
        if not await _has_table(engine):
            raise


async def _has_table(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).has_table(projects.name))


def _in_one_line(error: SQLAlchemyError | OSError, url: str) -> str:
    """What the database says, without the password of the URL."""
    text = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
    password = make_url(url).password
    return text.replace(password, "***") if password else text


def _without_secrets(url: str) -> str:
    parts = make_url(url)
    return URL.create(parts.drivername, host=parts.host, port=parts.port, database=parts.database).render_as_string()


def _checked(url: str) -> str:
    try:
        create_async_engine(url)  # it connects when it is used
    except ModuleNotFoundError as error:
        raise InvalidURL(
            f"the database's URL needs a package that is not installed: pip install {error.name}"
        ) from None
    except (NoSuchModuleError, InvalidRequestError):
        scheme = url.partition(":")[0]
        raise InvalidURL(
            f"the database's URL has a driver that does not work here: {scheme}. It needs an asynchronous one, "
            "like sqlite+aiosqlite:///file.db or postgresql+psycopg://host/name"
        ) from None
    except (SQLAlchemyError, ValueError):  # some of them quote what may be a password
        raise InvalidURL("the database's URL cannot be read: it is like sqlite+aiosqlite:///file.db") from None
    return url


def _unknown(project_id: str) -> ProjectNotFound:
    return ProjectNotFound(f"there is no project {project_id!r:.80}")
