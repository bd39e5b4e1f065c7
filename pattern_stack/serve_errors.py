"""Why a server cannot start, and what to change: in one line."""

import errno
import logging
import socket
import sys
from typing import Any

from uvicorn.importer import ImportFromStringError, import_from_string

from pattern_stack import errors
from pattern_stack.atoms.printable import printable

_CURES = {
    errno.EADDRINUSE: "it is in use: end what listens there, or take another --port",
    errno.EADDRNOTAVAIL: "this machine has no such address: --host is one of its own, like 127.0.0.1 or 0.0.0.0",
    errno.EACCES: "it needs a right that this user lacks: take a --port from 1024 on",
}


def check_application(app: Any) -> None:
    """Ends the process with one line where `module:attribute` names no application. Raises what the module raises."""
    if not isinstance(app, str):
        return
    module, colon, attribute = app.partition(":")
    if not (module and colon and attribute):
        sys.exit(f"{printable(app)} is no application: name module:attribute, like main:app for `app` in main.py")
    try:
        found = import_from_string(app)
    except ImportFromStringError as error:
        sys.exit(printable(f"{error} {_import_cure(module, attribute)}"))
    if not callable(found):
        kind = type(found).__name__
        sys.exit(printable(f"{app} is of type {kind}, no application: name a FastAPI, or a function that makes one"))


def _import_cure(module: str, attribute: str) -> str:
    if module not in sys.modules:
        return "Start it in the directory that has it, or name that directory in PYTHONPATH"
    names = [name for name, value in vars(sys.modules[module]).items() if hasattr(value, "router")]
    return f"What it has: {', '.join(names)}" if names else f"Assign the application to {attribute} there"


def listening_error(error: OSError, host: str, port: int) -> str:
    """For an address that cannot be listened on."""
    if isinstance(error, socket.gaierror):
        why = f"{error.strerror}: --host is an address of this machine, or a name of one"
    else:
        why = _CURES.get(error.errno or 0) or error.strerror or str(error)
    return f"cannot listen on {host or 'any address'} port {port}: {why}"


class OneLine(logging.Filter):
    """For uvicorn's log: an error that ends the start is one line that says what to change. A traceback of an error of this
    package adds nothing."""

    def __init__(self, host: str, port: int, uds: str | None = None) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._uds = uds

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, OSError):
            error = record.msg
            record.msg = f"cannot listen on {self._uds}: {error.strerror}" if self._uds else ""
            record.msg, record.args = record.msg or listening_error(error, self._host, self._port), ()
            return True
        text = str(record.msg)
        kind, _, message = text.rstrip().rpartition("\n")[2].partition(": ")
        module, _, name = kind.rpartition(".")
        if text.startswith("Traceback") and module == errors.__name__ and hasattr(errors, name):
            record.msg, record.args = "%s", (printable(message),)
        return True
