"""The process that gives the workers of one host one order. Its state does no IO; `server.py` is its sockets."""
