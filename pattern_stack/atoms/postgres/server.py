"""The server that a session is connected to: what it is, and whether it can be used."""

from typing import NamedTuple

from pattern_stack.atoms.postgres.errors import Failed, LinkDown, ServerRejected
from pattern_stack.atoms.postgres.session import Run, Session

_OLDEST = 13

_ABOUT = """
SELECT pg_is_in_recovery(), current_setting('server_version_num'), current_setting('server_encoding'),
       current_user::text, current_database()::text
"""
_LIFE = """
SELECT concat_ws(':', (SELECT system_identifier FROM pg_control_system()),
                      left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                      (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_SETTINGS = {
    "default_transaction_isolation": "read committed",  # a statement sees what was committed before its locks were given
    "default_transaction_read_only": "off",
    "statement_timeout": "10s",  # of a session whose client has given up
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "10s",
    "enable_seqscan": "off",  # a plan that was made while a table was small has to hold when it is long
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "extra_float_digits": "1",
}


class Server(NamedTuple):
    """What a link needs to know."""

    life: str
    """Another one where another server, or a promoted one, answers: system identifier, timeline and the database's OID."""
    role: str
    database: str


async def examined(session: Session) -> Server:
    """Raises ServerRejected where it can never be used, and LinkDown where it is a replica."""
    ((in_recovery, version, encoding, role, database),) = await session.run(_ABOUT)
    assert version
    assert encoding
    assert role
    assert database
    if int(version) < _OLDEST * 10_000:
        raise ServerRejected(f"it is PostgreSQL {int(version) // 10_000}; {_OLDEST} is the oldest that works")
    if encoding != b"UTF8":
        raise ServerRejected(f"the database's encoding is {encoding.decode()}; it has to be UTF8")
    if in_recovery != b"\0":
        raise LinkDown("it is a replica", sent=False)
    return Server(await _life(session.run, role.decode()), role.decode(), database.decode())


async def _life(run: Run, role: str) -> str:
    try:
        ((life,),) = await run(_LIFE)
    except Failed as error:
        if error.code == "42501":
            raise ServerRejected(
                f'the role "{role}" lacks the right EXECUTE on pg_control_system() or pg_walfile_name(pg_lsn)'
            ) from None
        raise
    assert life
    return life.decode()


async def prepare(session: Session) -> None:
    """The settings that statements rely on, whatever those of the role and the database are."""
    await session.script(";".join(f"SET {name} = '{value}'" for name, value in _SETTINGS.items()))


async def is_pooled(session: Session) -> bool:
    """Whether a pooler stands before the server. It tells a number of its own for the server's process."""
    return await _pid(session) != b"%d" % session.pid


async def check_pooler(one: Session, other: Session) -> None:
    """Raises ServerRejected where both sessions were given one session of the server: LISTEN needs one of its own."""
    try:
        before = await _pid(one)
        await other.script("BEGIN")
        meanwhile, after = await _pid(other), await _pid(one)
        await other.script("ROLLBACK")
    except (Failed, LinkDown):
        raise pooler_rejected() from None
    if before == meanwhile or before != after:
        raise pooler_rejected()


async def _pid(session: Session) -> bytes | None:
    """Without a prepared statement, which one session of the server would have for many."""
    ((pid,),) = await session.script("SELECT pg_backend_pid()")
    return pid


def pooler_rejected() -> ServerRejected:
    return ServerRejected(
        "a pooler stands before it that gives each transaction another session (pool_mode = transaction or statement): "
        "LISTEN does not work; use pool_mode = session, or connect to PostgreSQL itself"
    )
