"""Runs the suites of others under hostlock.inject(): CPython's own for ssl, pyOpenSSL's, M2Crypto's, urllib3's,
requests'.

Each runs three times: as it is; with the checks waived (report-only), where nearly all must pass as before, as the path
of the data is the same; and with the policy, where each test that fails must be listed in tests/data/judges.json with
its reason. A test has 20 s.

usage: judges.py [--write] [JUDGE ...]      (--write: adds what fails to the list, to be read by a person)

The suites come with Python, or from the package index as source distributions, into TARGET/judges. What a run said,
with the traceback of each test that failed, is then in TARGET/judges/JUDGE-HOW.log."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/python"))
import other_pythons
from package import SOURCE, interpreters
from rebuild_packages import UnavailableError
from support import ROOT, interpreter_of, library, must

LIST = ROOT / "tests/data/judges.json"
DRIVER = ROOT / "python/tests/judge_driver.py"
LEAST_SHARE = 0.95
PEM = "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"
# What a refusal says of the test: for judges, connecting to such a server is right.
REASONS = {
    "HOSTLOCK_E_UNKNOWN_ISSUER": "its client loads no roots for the test's authority, and wants the server believed",
    "HOSTLOCK_E_SELF_SIGNED": "its client trusts nobody, and wants a self-signed server believed",
    "HOSTLOCK_E_HOST_MISMATCH": "its client wants a server believed whose certificate is for another host",
    "HOSTLOCK_E_BAD_CERTIFICATE": "its certificate breaks RFC 5280",
    "HOSTLOCK_E_NO_HOST": "its client names no host",
    "HOSTLOCK_E_BAD_HOST": "its client names no host",
    "HOSTLOCK_E_NO_COMMON_CIPHER": "it asks for a suite that the policy does not have",
    "HOSTLOCK_E_NO_COMMON_VERSION": "it asks for a version that the policy does not have",
    "HOSTLOCK_E_EXPIRED": "its certificate has expired",
    "HOSTLOCK_E_WEAK_KEY": "its certificate has a weak key",
    "HOSTLOCK_E_WEAK_SIGNATURE": "its certificate has a weak signature",
}
# The same where the handshake was implicit, whose words are OpenSSL's.
IMPLICIT = {
    "no host to check": REASONS["HOSTLOCK_E_NO_HOST"],
    "'unknown issuer'": REASONS["HOSTLOCK_E_UNKNOWN_ISSUER"],
    "'self-signed certificate'": REASONS["HOSTLOCK_E_SELF_SIGNED"],
    "key too small": REASONS["HOSTLOCK_E_WEAK_KEY"],
    "connection type not set": "it writes before there is a connection, and the verdict comes first",
}


@dataclass
class Judge:
    """A suite: by which Python, how it is run, and where it comes from."""

    name: str
    version: str
    kind: str
    arguments: tuple[str, ...]
    #: Its source distribution, and which of its folders are needed; none for what comes with Python.
    source: str = ""
    folders: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    #: The authorities of its servers, which the run with the policy trusts as the system's: files of the folder, or of
    #: the folder of the tests that come with Python, as far as they are there.
    roots: tuple[str, ...] = ()
    #: A file whose certificate lists no name for its server, and the authority's certificate and key. For the run with
    #: the policy it is issued anew with a name.
    nameless: tuple[str, str, str] | None = None


PYTEST = ("pytest", "pretend", "flaky")
JUDGES = (
    *(
        Judge(
            f"test_ssl-{version}",
            version,
            "unittest",
            ("test.test_ssl",),
            roots=tuple(f"{part}{name}" for part in ("", "certdata/") for name in ("pycacert.pem", "keycert.pem")),
        )
        for version in ("3.8", "3.11", "3.12", "3.13", "3.14")
    ),
    Judge(
        "pyOpenSSL-system",
        "Debian's",
        "pytest",
        ("tests/test_ssl.py",),
        "pyOpenSSL==23.0.0",
        ("tests",),
        ("pytest<8", "pretend", "flaky"),
    ),
    Judge("pyOpenSSL-index", "3.11", "pytest", ("tests/test_ssl.py",), "pyOpenSSL", ("tests",), (*PYTEST, "pyOpenSSL")),
    Judge(
        "M2Crypto",
        "Debian's",
        "unittest",
        ("tests.test_ssl", "tests.test_bio_ssl", "tests.test_ssl_offline"),
        "M2Crypto==0.38.0",
        ("tests",),
        roots=("tests/ca.pem",),
        nameless=("tests/server.pem", "tests/ca.pem", "tests/ca_key.pem"),
    ),
    Judge(
        "urllib3",
        "3.11",
        "pytest",
        (
            "test/with_dummyserver/test_https.py",
            "test/with_dummyserver/test_socketlevel.py",
            "test/test_ssltransport.py",
        ),
        "urllib3",
        ("test", "dummyserver", "pyproject.toml"),
        (
            *PYTEST,
            "urllib3",
            "trustme",
            "hypercorn",
            "quart",
            "quart-trio",
            "trio",
            "pytest-timeout",
            "pytest-socket",
            "httpx",
            "h2",
            "PySocks",
            "pyOpenSSL",
        ),
        ("dummyserver/certs/cacert.pem",),
    ),
    Judge(
        "requests",
        "3.11",
        "pytest",
        ("tests/test_requests.py",),
        "requests",
        ("tests", "pyproject.toml", "setup.cfg"),
        (*PYTEST, "requests", "trustme", "httpbin", "pytest-httpbin", "pytest-mock", "PySocks"),
    ),
)


def interpreter(version: str) -> Path | None:
    found = interpreters().get(version) or interpreter_of(version)
    if found is None and version == other_pythons.NEWEST:
        try:
            return other_pythons.newest()
        except UnavailableError as error:
            print(error)
    return found


def ground(judge: Judge, python: Path) -> tuple[Path, list[str]]:
    """A folder with the suite, and the folders of the packages that it needs."""
    home = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "judges"
    folder, site = home / judge.name, home / f"site-{judge.name}"
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if judge.packages and not site.exists():
        subprocess.run([*pip, "install", "--target", str(site), *judge.packages], check=True, timeout=1200)
    if judge.source and not any(folder.iterdir()):
        name = judge.source.partition("=")[0]
        fetch = ["download", "--no-deps", "--no-binary", name, "--dest", str(home), judge.source]
        subprocess.run([*pip, *fetch], check=True, timeout=600)
        archives = [file for file in home.glob("*.tar.gz") if file.name.lower().startswith(name.lower() + "-")]
        newest = max(archives, key=lambda file: (judge.source.partition("==")[2] in file.name, file.stat().st_mtime))
        with tarfile.open(newest) as archive:
            archive.extractall(home / "unpacked", filter="data")
        for part in judge.folders:
            found = home / "unpacked" / newest.name.removesuffix(".tar.gz") / part
            if found.is_dir():
                shutil.copytree(found, folder / part)
            elif found.exists():
                shutil.copy(found, folder / part)
    return folder, [str(site)] if judge.packages else []


def roots(judge: Judge, folder: Path, python: Path) -> Path:
    """One file of what the suite's servers rest on."""
    if not judge.source:
        told = subprocess.run(
            [str(python), "-c", "import test; print(test.__path__[0])"], capture_output=True, check=True
        )
        folder = Path(os.fsdecode(told.stdout.strip()))
    found = [file for file in (folder / name for name in judge.roots) if file.exists()]
    if not found:
        raise RuntimeError(f"{judge.name}: none of {judge.roots} is in {folder}")
    bundle = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "judges" / f"{judge.name}-roots.pem"
    certificates = [re.findall(PEM, file.read_text(), re.DOTALL) for file in found]
    bundle.write_text("\n".join(word for words in certificates for word in words) + "\n")
    return bundle


def renamed(judge: Judge, folder: Path) -> Path:
    """A copy of the suite whose certificate for `localhost` lists that name."""
    assert judge.nameless is not None
    copy = folder.with_name(f"{judge.name}-renamed")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    pem, authority, key = [copy / name for name in judge.nameless]
    extensions = copy / "extensions.cnf"
    extensions.write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    public, issued = copy / "public.pem", copy / "issued.pem"
    must(["openssl", "x509", "-in", pem, "-noout", "-pubkey", "-out", public])
    subject = must(["openssl", "x509", "-in", pem, "-noout", "-subject", "-nameopt", "RFC2253,dn_rev"]).strip()
    named: list[str | Path] = [
        "-subj",
        "/" + subject.removeprefix("subject=").replace(",", "/"),
        "-force_pubkey",
        public,
    ]
    signed: list[str | Path] = [
        "-CA",
        authority,
        "-CAkey",
        key,
        "-set_serial",
        "4711",
        "-days",
        "30",
        "-extfile",
        extensions,
    ]
    must(["openssl", "x509", "-new", *named, *signed, "-out", issued])
    pem.write_text(re.sub(PEM, issued.read_text().strip(), pem.read_text(), flags=re.DOTALL))
    return copy


def outcomes(judge: Judge, python: Path, how: str) -> dict[str, str]:
    """What became of each test."""
    folder, sites = ground(judge, python)
    env = {**os.environ, "HOSTLOCK_LIBRARY": str(library()), "PYTHONWARNINGS": "ignore"}
    if how == "policy" and judge.nameless:
        folder = renamed(judge, folder)
    if how == "policy" and judge.roots:
        env["SSL_CERT_FILE"] = str(roots(judge, folder, python))
        env.pop("SSL_CERT_DIR", None)
    env["PYTHONPATH"] = os.pathsep.join([*sites, str(folder), str(SOURCE)])
    command = [str(python), str(DRIVER), how, judge.kind, *judge.arguments]
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1500, check=False)
    # Why a test failed is read here.
    (folder.parent / f"{judge.name}-{how}.log").write_text(ran.stderr)
    try:
        found: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"{judge.name}, {how}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}") from None
    if not found:
        raise RuntimeError(f"{judge.name}, {how}: no test ran\n{ran.stderr[-2000:]}")
    return found


def judged(judge: Judge, python: Path, known: dict[str, dict[str, str]], write: bool) -> list[str]:
    """What speaks against hostlock; prints a line."""
    plain, waived, policy = (outcomes(judge, python, how) for how in ("plainly", "waived", "policy"))
    passed = [test for test, words in plain.items() if words == "ok"]
    again = [test for test in passed if waived.get(test) == "ok"]
    failing = {test: policy.get(test, "did not run") for test in passed if policy.get(test) != "ok"}
    reasons = known.setdefault(judge.name.partition("-3")[0], {})
    unknown = {test: words for test, words in failing.items() if test not in reasons}
    if unknown:
        # What fails only once is the machine's.
        policy = outcomes(judge, python, "policy")
        unknown = {test: words for test, words in unknown.items() if policy.get(test) != "ok"}
    print(
        f"{judge.name}: {len(passed)} pass as they are, {len(again)} with the checks waived, "
        f"{len(passed) - len(failing)} with the policy; {len(unknown)} of the others are not listed",
        flush=True,
    )
    for test in sorted(set(passed) - set(again)):
        print(f"  waived: {test}: {waived.get(test)}")
    complaints = []
    if len(again) < LEAST_SHARE * len(passed):
        complaints.append(f"{judge.name}: only {len(again)} of {len(passed)} pass with the checks waived")
    for test, words in unknown.items():
        if write:
            reasons[test] = reason(words)
        else:
            complaints.append(f"{judge.name}: {test}: {words}")
    return complaints


def reason(words: str) -> str:
    """Why a test fails; what is not known is for a person to find out."""
    implicit = next((why for part, why in IMPLICIT.items() if part in words), None)
    return REASONS.get(words) or implicit or words


def main() -> int:
    """The exit status."""
    write = "--write" in sys.argv
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    known: dict[str, dict[str, str]] = json.loads(LIST.read_text()) if LIST.exists() else {}
    complaints = []
    for judge in JUDGES:
        if named and judge.name not in named:
            continue
        python = interpreter(judge.version)
        if python is None:
            print(f"{judge.name}: needs Python {judge.version}")
            continue
        try:
            complaints += judged(judge, python, known, write)
        except RuntimeError as error:
            complaints.append(str(error))
        if write:
            LIST.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    for line in complaints:
        print("against: " + line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
