"""pattern_stack as `pattern-stack serve` runs it, but for pings: a client that is measured takes every frame for an event.

served.py MODULE [PING]: its `app`; seconds between the pings of a socket, 300 where none are given.
"""

import sys

from pattern_stack import serve

if __name__ == "__main__":
    module, *seconds = sys.argv[1:]
    serve._PING_SECONDS = float(seconds[0]) if seconds else 300.0
    serve.serve(f"{module}:app", "127.0.0.1", 0)
