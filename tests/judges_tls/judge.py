"""Judges a server of hostlock_server_new from outside: holds every conversation of the list with it, and asks after
each whether an honest client is still served.

What has to become of a conversation is what the RFC says that stands beside it. Where OpenSSL answers otherwise, in
what is not hostlock's, tests/data/conversations.json says how and why. Prints TAP; 0 where all is as it must be.

usage: judge.py [--quick] [--valgrind] [WORD ...]      (WORD: only conversations whose names have it)
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import about_alerts  # noqa: F401
import about_client_certificates  # noqa: F401
import about_client_proofs  # noqa: F401
import about_endings  # noqa: F401
import about_extensions  # noqa: F401
import about_groups  # noqa: F401
import about_hello  # noqa: F401
import about_late_questions  # noqa: F401
import about_names  # noqa: F401
import about_records  # noqa: F401
import about_second_hello  # noqa: F401
import about_sessions13  # noqa: F401
import about_tls12  # noqa: F401
import about_tls13  # noqa: F401
import about_tlslite  # noqa: F401
from cases import CASES, Case, World
from ground import ROOT, Certificates, Server, built
from peer import Ended

DEVIATIONS = ROOT / "tests/data/conversations.json"
#: The server's own limits for a handshake and for a read.
TIMEOUT_S, TIMEOUT_UNDER_VALGRIND_S = 2.0, 30.0
#: Most conversations wait for something.
AT_ONCE = 8
VALGRIND = ("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite")
#: A server that says so takes the blame for what its client did.
BLAMES_ITSELF = ("HOSTLOCK_E_NO_MEMORY", "HOSTLOCK_E_INTERNAL", "HOSTLOCK_E_ARG")
SUPPRESSIONS = ROOT / "c-tests/valgrind.supp"


def honest(server: Server, certificates: Certificates, auth: str) -> str:
    """ "" where Python's own client is served as usual."""
    context = ssl.create_default_context(cafile=str(certificates.folder / "root.crt"))
    if auth == "require":
        context.load_cert_chain(certificates.folder / "client-ec.pem", certificates.folder / "client-ec.key")
    try:
        with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
            port = plain.getsockname()[1]
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"honest")
                if connection.recv(100) != b"honest":
                    return "an honest client gets no echo any more"
        server.words_of(port)
    except OSError as error:
        return f"an honest client is not served any more: {error}"
    return ""


def hold(case: Case, server: Server, certificates: Certificates, timeout_s: float) -> tuple[str, str, float]:
    """What became of a conversation, what the server said of it, and how long it took."""
    world = World(server.port, certificates.identities, timeout_s)
    begun = time.monotonic()
    try:
        outcome = case.talk(world)
    except Ended as ended:
        outcome = ended.how
    except Exception as error:
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
    timeout_s = TIMEOUT_UNDER_VALGRIND_S if valgrind else TIMEOUT_S
    wrapper = (*VALGRIND, f"--suppressions={SUPPRESSIONS}") if valgrind else ()
    failed = 0
    used = set()
    print(f"1..{len(chosen) + len({case.server for case in chosen})}")
    with tempfile.TemporaryDirectory(prefix="hostlock-judge-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        certificates, program = Certificates(folder), built(folder)
        servers = {
            auth: stack.enter_context(Server(program, certificates, auth, timeout_s, wrapper))
            for auth in sorted({case.server for case in chosen})
        }

        def judged(case: Case) -> tuple[Case, list[str]]:
            complaints: list[str] = []
            # What fails only once is the machine's.
            for _ in range(2):
                outcome, said, took = hold(case, servers[case.server], certificates, timeout_s)
                complaints = [honest(servers[case.server], certificates, case.server)]
                if outcome not in case.expected:
                    if outcome in known.get(case.name, {}).get("is", "").split("|"):
                        used.add(case.name)
                    else:
                        expected = "|".join(case.expected[:6])
                        complaints.append(f"{case.rfc}: expected {expected}; got {outcome}")
                if took > 3 * timeout_s + 3:
                    complaints.append(f"it took {took:.1f} s")
                if case.says not in said or any(words in said for words in BLAMES_ITSELF):
                    complaints.append(f"the server says what is not so, and not {case.says!r}")
                complaints = [complaint for complaint in complaints if complaint]
                if not complaints:
                    break
                complaints.append(f"the server said: {said}")
            return case, complaints

        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for case, complaints in pool.map(judged, chosen):
                failed += bool(complaints)
                print("\n# ".join([f"{'not ok' if complaints else 'ok'} - {case.name}", *complaints]), flush=True)
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
