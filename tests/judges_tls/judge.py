"""Judges a server of hostlock_server_new from outside: holds every conversation of the list with it, and after each one
asks whether an honest client is still served.

What has to become of a conversation is what the RFC says that stands beside it. Where OpenSSL answers otherwise, in what
is not hostlock's, tests/data/conversations.json says how and why. Prints TAP; 0 where all is as it must be.

usage: judge.py [--quick] [--valgrind] [WORD ...]      (WORD: only conversations whose names have it)
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import about_extensions  # noqa: F401
import about_hello  # noqa: F401
import about_records  # noqa: F401
import about_sessions13  # noqa: F401
import about_tls12  # noqa: F401
import about_tls13  # noqa: F401
from cases import CASES, Case, World
from ground import ROOT, Certificates, Server, built
from peer import Ended

DEVIATIONS = ROOT / "tests/data/conversations.json"
#: The server's own limit is two seconds for a handshake and for a read, and it lingers a little.
LONGEST_S = 9.0
SLOWER_UNDER_VALGRIND = 40
VALGRIND = ("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite")
SUPPRESSIONS = ROOT / "c-tests/valgrind.supp"


def honest(server: Server, certificates: Certificates, auth: str) -> str:
    """"" where Python's own client is served as usual."""
    context = ssl.create_default_context(cafile=str(certificates.folder / "root.crt"))
    if auth == "require":
        context.load_cert_chain(certificates.folder / "client-ec.pem", certificates.folder / "client-ec.key")
    try:
        with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"honest")
                if connection.recv(100) != b"honest":
                    return "an honest client gets no echo any more"
    except OSError as error:
        return f"an honest client is not served any more: {error}"
    return ""


def hold(case: Case, server: Server, certificates: Certificates) -> tuple[str, str, float]:
    """What became of a conversation, what the server said of it, and how long it took."""
    world = World(server.port, certificates.identities)
    begun = time.monotonic()
    try:
        outcome = case.talk(world)
    except Ended as ended:
        outcome = ended.how
    except (AssertionError, ValueError, KeyError, OSError, IndexError) as error:
        outcome = f"wrong: {type(error).__name__} {error}"
    finally:
        world.close()
    took = time.monotonic() - begun
    said = "; ".join(server.words_of(peer.port) for peer in world.peers)
    return outcome, said, took


def main(words: list[str]) -> int:
    """The exit status."""
    quick, valgrind = "--quick" in words, "--valgrind" in words
    parts = [word for word in words if not word.startswith("--")]
    known: dict[str, dict[str, str]] = json.loads(DEVIATIONS.read_text()) if DEVIATIONS.exists() else {}
    chosen = [case for case in CASES.values() if not (quick and case.long)]
    chosen = [case for case in chosen if not parts or any(part in case.name for part in parts)]
    slower = SLOWER_UNDER_VALGRIND if valgrind else 1
    wrapper = (*VALGRIND, f"--suppressions={SUPPRESSIONS}") if valgrind else ()
    failed = 0
    used = set()
    print(f"1..{len(chosen) + len({case.server for case in chosen})}")
    with tempfile.TemporaryDirectory(prefix="hostlock-judge-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        certificates, program = Certificates(folder), built(folder)
        servers = {
            auth: stack.enter_context(Server(program, certificates, auth, wrapper))
            for auth in sorted({case.server for case in chosen})
        }

        def judged(case: Case) -> tuple[Case, str, str, float, str]:
            outcome, said, took = hold(case, servers[case.server], certificates)
            after = honest(servers[case.server], certificates, case.server)
            return case, outcome, said, took, after

        with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
            for case, outcome, said, took, after in pool.map(judged, chosen):
                deviation = known.get(case.name, {})
                allowed = (*case.expected, *deviation.get("is", "").split("|"))
                good = outcome in allowed and not after and took < LONGEST_S * slower
                if deviation and outcome not in case.expected:
                    used.add(case.name)
                failed += not good
                print(f"{'ok' if good else 'not ok'} - {case.name}", flush=True)
                if not good:
                    print(f"# {case.rfc}: expected {'|'.join(case.expected[:6])}; got {outcome}, in {took:.1f} s")
                    print(f"# the server: {said}" + f"\n# {after}" * bool(after), flush=True)
        for auth, server in servers.items():
            ended = server.end()
            failed += bool(ended)
            print(f"{'not ok' if ended else 'ok'} - the server ({auth}) ends with no connection left {ended}")
    unused = [name for name in known if name in {case.name for case in chosen} and name not in used]
    for name in unused:
        print(f"# listed in {DEVIATIONS.name}, and here as the RFC has it: {name}")
    for name in sorted(set(known) - set(CASES)):
        print(f"not ok - {DEVIATIONS.name} lists what is no conversation: {name}")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
