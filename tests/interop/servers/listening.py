"""How every server here starts and ends: on a port that the system picks, until standard input ends."""

import importlib.metadata
import json
import os
import socket
import sys
import threading

from waitress import serve


def bind():
    """A listening socket, and the issuer that it makes."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def until_stdin_ends(app, listener, package, **told):
    """Prints one line of JSON, then serves."""
    told["version"] = importlib.metadata.version(package)
    print(json.dumps(told), flush=True)

    def end():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    serve(app, sockets=[listener], threads=8)
