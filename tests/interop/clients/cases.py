"""Prints results in the format of Rust's test programs, and reads the line of the testkit."""

import importlib.metadata
import json
import os
import sys
import traceback

import requests

testkit = json.loads(os.environ["OBO_INTEROP_TESTKIT"])
# Servers and services that bind tokens to keys.
bound = json.loads(os.environ["OBO_INTEROP_BOUND"])
issuer = testkit["issuer"]
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
failed = 0


def peer(package):
    print("peer", package, importlib.metadata.version(package))


def test(name, run, refused_by=None):
    """Runs a case. With `refused_by`, the case must raise this exception."""
    global failed
    try:
        try:
            run()
            assert refused_by is None, "expected a refusal"
        except (refused_by or ()):
            pass
        print(f"test {name.replace(' ', '_')} ... ok")
    except Exception:
        failed = 1
        print(f"test {name.replace(' ', '_')} ... FAILED")
        traceback.print_exc()


def end():
    sys.exit(failed)
