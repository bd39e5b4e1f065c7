"""The tables and functions of a prefix: made at the first start, and looked at on each connection."""

import hashlib
import re
from importlib.resources import files
from zlib import crc32

from pattern_stack.atoms.postgres import Failed, Run, Server, ServerRejected, array

_PARTS = ("tables", "publish", "read", "presence", "ledger", "rows", "journal", "sweep")
_TABLES = ("meta", "events", "lives", "keys", "tries", "members", "leases", "claims", "rows", "journals", "entries")
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_VERSION = b"2"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_MAKING = 2**31 - 1
"""The lock that all who make tables take: one at a time."""


class Schema:
    """Names of one prefix. A prefix that can be no name becomes what of it can, and a hash."""

    def __init__(self, prefix: str) -> None:
        self.name = prefix if _NAME.fullmatch(prefix) else _slug(prefix)
        self.lock = crc32(self.name.encode()) - 2**31
        """The first part of the keys of all advisory locks."""
        self._where = '"public"'
        self._made: dict[str, str] = {}

    def sql(self, text: str) -> str:
        """With this application's names where the text has an @: `@events` is a table, `@keys_pkey#` has no schema."""
        if text not in self._made:
            made = text.replace("@class", str(self.lock))
            made = re.sub(r"@(\w+)#", rf'"{self.name}_\1"', made)
            self._made[text] = re.sub(r"@(\w+)\b", rf'{self._where}."{self.name}_\1"', made)
        return self._made[text]

    def _use(self, where: str) -> None:
        self._where = where
        self._made.clear()

    async def install(self, run: Run, server: Server) -> None:
        """Make what is missing, and look whether this role may use it. Raises ServerRejected."""
        if not await self._find(run):
            await self._make(run, server)
        await self._check(run, server)

    async def _find(self, run: Run) -> bool:
        rows = await run(
            "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = to_regclass($1)",
            f'"{self.name}_meta"',
        )
        if rows:
            self._use(_text(rows[0][0]))
        return bool(rows)

    async def _make(self, run: Run, server: Server) -> None:
        """Under a lock: of many that start at once, one makes them."""
        await run("BEGIN")
        try:
            await run("SELECT pg_advisory_xact_lock($1::integer, $2::integer)", self.lock, _MAKING)
            if not await self._find(run):
                await self._create(run, server)
            await run("COMMIT")
        except (Failed, ServerRejected) as error:
            await run("ROLLBACK")
            if isinstance(error, Failed) and error.code == "42501":
                raise ServerRejected(f'the role "{server.role}" may not make its tables: {error}') from None
            raise

    async def _create(self, run: Run, server: Server) -> None:
        ((where, may),) = await run(
            "SELECT quote_ident(current_schema()), has_schema_privilege(current_schema(), 'CREATE')"
        )
        if where is None:
            raise ServerRejected(f'no schema of the search_path of the role "{server.role}" exists')
        self._use(_text(where))
        if may != b"\1":
            raise ServerRejected(
                f'the role "{server.role}" lacks the right CREATE on schema {self._where}, which the first start needs'
            )
        for statement in self.statements():
            await run(statement)

    def statements(self) -> list[str]:
        """All that makes the tables and functions, in order."""
        folder = files("pattern_stack.atoms.broadcast.backends") / "sql"
        return [self.sql(one) for part in _PARTS for one in _split((folder / f"{part}.sql").read_text())]

    async def _check(self, run: Run, server: Server) -> None:
        rows = await run(
            "SELECT t, r FROM unnest($1) t, unnest($2) r WHERE NOT has_table_privilege(t, r) LIMIT 1",
            array(str, [self.sql(f"@{table}") for table in _TABLES]),
            array(str, _RIGHTS),
        )
        if rows:
            table, right = map(_text, rows[0])
            raise ServerRejected(f'the role "{server.role}" lacks the right {right} on table {table}')
        ((version,),) = await run(self.sql("SELECT version::text FROM @meta"))
        if version != _VERSION:
            raise ServerRejected(f"its tables are those of another version of this package: {version!r}")


def _split(script: str) -> list[str]:
    """Statements end with a semicolon at the end of a line; functions with $$;"""
    script = re.sub(r"^\s*--.*\n", "", script, flags=re.MULTILINE)
    statements, function = list[str](), False
    for part in re.split(r"(?<=;)\n", script):
        if function:
            statements[-1] += "\n" + part
        elif part.strip():
            statements.append(part)
        function ^= part.count("$$") % 2 == 1
    return statements


def _slug(prefix: str) -> str:
    readable = re.sub(r"[^a-z0-9_]+", "_", prefix.lower())[:28]
    return f"p_{readable}_{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"


def _text(data: bytes | None) -> str:
    assert data is not None
    return data.decode()
