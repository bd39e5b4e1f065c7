"""One connection to a server: one statement at a time, and the messages of LISTEN at any time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, Self

from psycopg import AsyncConnection, OperationalError
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pattern_stack.atoms.postgres.deadline import deadline
from pattern_stack.atoms.postgres.errors import Failed, LinkDown, give_up
from pattern_stack.atoms.postgres.values import Value

Row = tuple[bytes | None, ...]
Notified = Callable[[str, bytes], None]
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)
_SECONDS = 5.0
_BYTES_PER_SECOND = 65_536
"""What is long may take longer."""


class Run(Protocol):
    """Carries out one statement and returns its rows. Raises Failed or LinkDown."""

    async def __call__(self, statement: str, *parameters: "Value | str | bytes | int | float | None") -> list[Row]: ...


class Session:
    """A connection that is not retried: its first error is its end.

    libpq is asked for what it has read whenever its socket can be read, so that a message never waits for a statement.
    """

    def __init__(self, connection: AsyncConnection[object], notified: Notified | None = None) -> None:
        self._connection = connection  # which has to live as long
        self._pq: PGconn = connection.pgconn
        self._notified = notified
        self._loop = asyncio.get_running_loop()
        self._socket = self._pq.socket
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._results: list[PGresult] = []
        self._writes = False
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Raises what ended the connection."""
        self.ended.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def open(cls, conninfo: str, notified: Notified | None = None) -> Self:
        return cls(await AsyncConnection.connect(conninfo, autocommit=True), notified)

    @property
    def pid(self) -> int:
        """As it was told when it connected. A pooler tells another one than the server's."""
        return self._pq.backend_pid

    async def run(self, statement: str, *parameters: "Value | str | bytes | int | float | None") -> list[Row]:
        """The rows of one statement. It is prepared once. Raises Failed, LinkDown, or TimeoutError after 5 s."""
        values = [Value.of(one) for one in parameters]
        size = sum(len(value.data or b"") for value in values)
        async with deadline(_SECONDS + size / _BYTES_PER_SECOND):
            types = tuple([value.oid for value in values])
            name = self._prepared.get((statement, types))
            if name is None:
                name = b"s%d" % len(self._prepared)
                await self._exchange(lambda pq: pq.send_prepare(name, statement.encode(), types))
                self._prepared[statement, types] = name
            data, formats = [value.data for value in values], [1] * len(values)
            (result,) = await self._exchange(lambda pq: pq.send_query_prepared(name, data, formats, result_format=1))
        return _rows(result)

    async def script(self, statements: str) -> list[Row]:
        """Several statements, in one transaction where they do not begin one. The rows of the last, as text."""
        async with deadline(_SECONDS):
            results = await self._exchange(lambda pq: pq.send_query(statements.encode()))
        return _rows(results[-1])

    async def _exchange(self, send: Callable[[PGconn], None]) -> Sequence[PGresult]:
        assert self._answer is None
        if self.ended.done():
            raise LinkDown("the link to PostgreSQL broke", sent=False)
        self._answer, self._results = self._loop.create_future(), []
        try:
            send(self._pq)
            self._flush()
        except OperationalError as error:
            self._end(error)
        for result in await self._answer:
            if result.status not in _GOOD:
                raise _failed(result)
        return self._results

    def _flush(self) -> None:
        if self._pq.flush() and not self._writes:
            self._writes = True
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        try:
            if not self._pq.flush():
                self._writes = False
                self._loop.remove_writer(self._socket)
        except OperationalError as error:
            self._end(error)

    def _readable(self) -> None:
        try:
            self._pq.consume_input()
            while message := self._pq.notifies():
                if self._notified:
                    self._notified(message.relname.decode(), message.extra)
            self._collect()
            if self._pq.status == ConnStatus.BAD:
                raise OperationalError("the server closed the connection")
        except OperationalError as error:
            self._end(error)

    def _collect(self) -> None:
        while self._answer and not self._pq.is_busy():
            result = self._pq.get_result()
            if result is not None:
                self._results.append(result)
                continue
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result(self._results)

    def _end(self, error: Exception) -> None:
        self.close()
        if self._answer:
            give_up(self._answer, LinkDown("the link to PostgreSQL broke", sent=True))
        give_up(self.ended, error)

    def close(self) -> None:
        """At once: what was not sent yet is not sent later."""
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
            self._pq.finish()


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]


def _failed(result: PGresult) -> Failed | LinkDown:
    code = (result.error_field(67) or b"?????").decode()  # PG_DIAG_SQLSTATE
    message = (result.error_field(77) or b"it fails").decode(errors="replace")  # PG_DIAG_MESSAGE_PRIMARY
    error = Failed(code, message)
    return error.as_link_down() if error.breaks_the_link else error
