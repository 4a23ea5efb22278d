#!/usr/bin/env python3
"""Writes the testcases that come with a private key as handshake_verdicts reads them.

    keyed_cases.py VECTORS > CASES

VECTORS is a directory of files in x509-limbo's form. A case is a sequence of fields, each one a line with a word and a
number of bytes, then these bytes and a newline; the field "case" begins a new one. What a case asks for that no program
of ours can say is passed over, with a line on stderr.
"""

import calendar
import gzip
import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

# The other files hold no keys, or the same cases again.
FILES = ["limbo-small.json.gz", "bettertls_hs_limbo.json.gz"]
SUITABLE_USAGES = {"SERVER": [[], ["serverAuth"], ["anyExtendedKeyUsage"]], "CLIENT": [[], ["clientAuth"]]}
CRL_MODES = {"crl-expired:ignore": "+expired", "crl-unknown:allow": "+soft"}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for name in FILES:
        with gzip.open(pathlib.Path(sys.argv[1]) / name, "rt", encoding="utf-8") as file:
            for case in json.load(file)["testcases"]:
                if not case["peer_certificate_key"]:
                    continue
                if asks := beyond_us(case):
                    print(f"{case['id']} asks for {asks}", file=sys.stderr)
                    continue
                for word, value in fields(case):
                    sys.stdout.buffer.write(b"%s %d\n%s\n" % (word.encode(), len(value), value))
    return 0


def beyond_us(case: "dict[str, Any]") -> str:
    if case["extended_key_usage"] not in SUITABLE_USAGES[case["validation_kind"]]:
        return f"the extended key usage {case['extended_key_usage']}"
    if case["key_usage"] not in ([], ["digitalSignature"]):
        return f"the key usage {case['key_usage']}"
    if case["signature_algorithms"]:
        return "certain signature algorithms"
    return "initial certificate policies" if "pkits-policy-input" in case["features"] else ""


def fields(case: "dict[str, Any]") -> "Iterator[tuple[str, bytes]]":
    yield "case", case["id"].encode()
    yield "peer", case["validation_kind"].lower().encode()
    # A server cannot say in its handshake which client it expects.
    if case["validation_kind"] == "SERVER":
        for name in [case["expected_peer_name"], *case["expected_peer_names"]]:
            if name is not None:
                # One character of the vectors is one byte.
                yield "host", name["value"].encode("latin-1", "replace")
    if case["validation_time"] is not None:
        yield "time", str(calendar.timegm(time.strptime(case["validation_time"][:19], "%Y-%m-%dT%H:%M:%S"))).encode()
    if case["max_chain_depth"] is not None:
        yield "depth", str(case["max_chain_depth"]).encode()
    if case["extended_key_usage"] == ["anyExtendedKeyUsage"]:
        yield "any-purpose", b""
    if case["crls"]:
        mode = "leaf" if "crl-depth:leaf" in case["features"] else "chain"
        mode += "".join(CRL_MODES[word] for word in sorted(CRL_MODES) if word in case["features"])
        yield "crls", "\n".join(case["crls"]).encode()
        yield "crl-mode", mode.encode()
    yield "trust", "\n".join(case["trusted_certs"]).encode()
    chain = [case["peer_certificate"], case["peer_certificate_key"], *case["untrusted_intermediates"]]
    yield "chain", "\n".join(chain).encode()


if __name__ == "__main__":
    sys.exit(main())
