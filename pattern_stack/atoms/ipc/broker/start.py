"""The broker's program: `python start.py SOCKET LOCK PARENT BEGAN FOLDER...`.

It is run as a file, and its package gets no `__init__` of this project's: they import FastAPI, and the broker is to be
there at once. FOLDER: where imports are looked for. LOCK: the file descriptor of the lock, which it holds while it lives.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType


def main() -> None:
    if os.fork():  # no worker's child: nobody would take note of its end
        os._exit(0)
    path, lock, pid, began, *folders = sys.argv[1:]
    sys.path[:] = [*sys.path[1:], *folders]
    root = Path(__file__).parents[3]
    for name, folder in (("pattern_stack", root), ("pattern_stack.atoms", root / "atoms")):
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = [str(folder)]

    from pattern_stack.atoms.ipc.broker.life import Life
    from pattern_stack.atoms.ipc.broker.server import BrokerServer
    from pattern_stack.atoms.ipc.parent import Parent

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the server; this ends by itself
    os.umask(0o177)
    os.chdir("/")
    Path(path).unlink(missing_ok=True)  # of a broker that was killed
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        life = Life(Path(path), int(lock), Parent(int(pid), began) if int(pid) else None)
        listener.listen(1024)
        try:
            BrokerServer(listener, life).run()
        finally:
            life.end()


if __name__ == "__main__":
    main()
