"""Start and end of the Python servers: they listen on a free port until standard input ends."""

import importlib.metadata
import json
import os
import socket
import sys
import threading

from waitress import serve


def bind():
    """Returns a listening socket and its issuer."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def until_stdin_ends(app, listener, package, **line):
    """Prints one line of JSON, then serves until standard input ends."""
    line["version"] = importlib.metadata.version(package)
    print(json.dumps(line), flush=True)

    def end():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    serve(app, sockets=[listener], threads=8)
