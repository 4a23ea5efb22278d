"""What `make install` puts where, and that a user's compiler finds it there."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from support import HEADER, ROOT, Authority, Server, example, installed, must, pkg_config, run, scratch

sys.path.insert(0, str(ROOT / "scripts"))
import manual_pages

VERSION = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[0]
FILES = [
    "bin/hostlock",
    "bin/hostlock-c++",
    "bin/hostlock-cc",
    "include/hostlock.h",
    "include/hostlock/mapping.h",
    "include/hostlock/openssl.h",
    "include/hostlock/shadow/openssl/ssl.h",
    "lib/cmake/hostlock/hostlock-config-version.cmake",
    "lib/cmake/hostlock/hostlock-config.cmake",
    "lib/hostlock/libhostlock_preload.so",
    "lib/libhostlock.a",
    "lib/libhostlock.so",
    "lib/libhostlock.so.0",
    f"lib/libhostlock.so.{VERSION}",
    "lib/pkgconfig/hostlock.pc",
    "share/bash-completion/completions/hostlock",
    "share/fish/vendor_completions.d/hostlock.fish",
    "share/zsh/site-functions/_hostlock",
]
# A machine of its own, as far as files go: what is written to these directories is gone with the process.
ALONE = """set -eu
tmp=$PLACE
mount -t tmpfs none "$tmp"
for place in /usr/local /etc "$ROOT"; do
    mkdir -p "$tmp$place/new" "$tmp$place/work"
    mount -t overlay overlay -o "lowerdir=$place,upperdir=$tmp$place/new,workdir=$tmp$place/work" "$place"
done
cd "$ROOT"
"""


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def pages(names: list[str]) -> list[str]:
    """Those of a list of files that are manual pages."""
    return [Path(name).name for name in names if "/man/" in name]


class Installed(unittest.TestCase):
    def test_the_files_and_the_links_of_the_soname_are_in_place(self) -> None:
        library = installed() / "lib"
        found = files(installed())
        self.assertEqual([name for name in found if "/man/" not in name], FILES)
        self.assertEqual((library / "libhostlock.so").readlink().name, "libhostlock.so.0")
        self.assertEqual((library / "libhostlock.so.0").readlink().name, f"libhostlock.so.{VERSION}")
        self.assertEqual((installed() / "include/hostlock.h").read_bytes(), HEADER.read_bytes())

    def test_the_manual_pages_are_those_of_the_command_and_of_every_function(self) -> None:
        found = files(installed() / "share/man")
        made = scratch() / "papers"
        must([installed() / "bin/hostlock", "papers", made])
        expected = [f"man1/{page.name}" for page in (made / "man1").iterdir()]
        self.assertIn("man1/hostlock-run.1", expected)
        expected += [f"man1/{name}.1" for name in manual_pages.write_compilers(made / "man1", VERSION)]
        expected += [f"man3/{name}.3" for name in manual_pages.write(made / "man3", VERSION)]
        self.assertIn("man3/hostlock_connect.3", expected)
        self.assertEqual(found, sorted(expected))

    @unittest.skipUnless(shutil.which("man"), "needs man")
    def test_man_opens_the_pages_of_a_function_and_of_a_subcommand(self) -> None:
        for name, says in (
            ("hostlock_connect", "int hostlock_connect(hostlock_ctx *ctx"),
            ("hostlock-run", "--report"),
        ):
            shown = must(["man", "-M", installed() / "share/man", name], MANWIDTH="200", MANPAGER="cat", MANOPT="")
            self.assertIn(says, shown)

    def test_each_shell_completes_the_subcommands(self) -> None:
        share = installed() / "share"
        asked = {
            "bash": f"source {share}/bash-completion/completions/hostlock && COMP_WORDS=(hostlock aud) COMP_CWORD=1 && "
            'complete -p hostlock >&2 && _hostlock hostlock aud hostlock && echo "${COMPREPLY[@]}"',
            "fish": f"source {share}/fish/vendor_completions.d/hostlock.fish; complete -C 'hostlock aud'",
            # What is asked here is whether its own search finds the file, and can read it.
            "zsh": f"fpath=({share}/zsh/site-functions $fpath); autoload -U compinit && compinit -D && "
            "[[ $_comps[hostlock] = _hostlock ]] && autoload +X _hostlock && echo $functions[_hostlock]",
        }
        for shell, script in asked.items():
            with self.subTest(shell=shell):
                if shutil.which(shell) is None:
                    self.skipTest(f"needs {shell}")
                self.assertIn("audit", must([shell, "-c", script], HOME=str(scratch())))

    def test_what_is_installed_was_built_by_one_call_and_is_not_built_again(self) -> None:
        installed()
        again = run(["make", "--no-print-directory", "install", f"PREFIX={scratch() / 'again'}", "DESTDIR="])
        self.assertEqual((again.returncode, re.findall("Compiling .*", again.stderr)), (0, []))

    def test_it_is_stripped_of_what_no_program_needs(self) -> None:
        for name, most in ((f"lib/libhostlock.so.{VERSION}", 5), ("bin/hostlock", 6), ("lib/libhostlock.a", 20)):
            with self.subTest(name=name):
                self.assertNotRegex(must(["readelf", "-SW", installed() / name]), r"\.debug_(info|line)|\.llvmbc")
                self.assertLess((installed() / name).stat().st_size, most << 20)

    def test_the_lines_of_the_readme_run_as_they_are_printed(self) -> None:
        blocks = re.findall(r"(?:^    .*\n)+", (ROOT / "README.md").read_text(), re.MULTILINE)
        lines = [[block for block in blocks if word in block] for word in ("make install ", "cc examples/")]
        self.assertEqual([len(found) for found in lines], [1, 1])
        installed()
        alone = ["unshare", "--mount", "sh", "-c"]
        places = {"ROOT": str(ROOT), "PLACE": tempfile.mkdtemp(dir=scratch())}
        if run([*alone, f"{ALONE}true"], **places).returncode != 0:
            self.skipTest("only root can have a file system to itself, and not everywhere")
        authority = Authority("Readme CA")
        with Server(authority.issue("localhost")) as port:
            script = "".join(lines[0] + lines[1]).replace("    ", "").replace("example.org", f"localhost {port}")
            outcome = run([*alone, ALONE + script], **places, SSL_CERT_FILE=str(authority.certificate))
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
        self.assertIn("</HTML>", outcome.stdout)
        self.assertNotIn("the loader", outcome.stdout)
        self.assertFalse((ROOT / "client").exists())

    def test_where_the_loader_does_not_look_the_last_words_say_what_to_do(self) -> None:
        prefix = scratch() / "elsewhere"
        outcome = run(["make", "--no-print-directory", "install", f"PREFIX={prefix}", "DESTDIR="])
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        lib = f"{prefix}/lib"
        expected = [
            f"hostlock is in {lib}, where the loader does not look: link programs with -Wl,-rpath,{lib},",
            f"or, as root: echo {lib} > /etc/ld.so.conf.d/hostlock.conf && ldconfig",
        ]
        self.assertEqual(outcome.stdout.splitlines()[-2:], expected)

    def test_the_command_runs_and_lists_roots(self) -> None:
        listed = json.loads(must([installed() / "bin/hostlock", "roots", "list", "--source", "bundled", "--json"]))
        self.assertGreater(len(listed["roots"]), 100)

    def test_pkg_config_knows_version_and_flags(self) -> None:
        self.assertEqual(pkg_config("--modversion", "hostlock"), [VERSION])
        self.assertEqual(pkg_config("--cflags", "hostlock"), [f"-I{installed()}/include"])
        self.assertEqual(pkg_config("--libs", "hostlock"), [f"-L{installed()}/lib", "-lhostlock"])

    def test_a_staged_install_names_the_final_prefix_and_uninstall_leaves_nothing(self) -> None:
        stage = scratch() / "stage"
        where = ["PREFIX=/opt/hostlock", f"DESTDIR={stage}"]
        must(["make", "install", *where])
        found = files(stage)
        self.assertEqual([name for name in found if "/man/" not in name], [f"opt/hostlock/{name}" for name in FILES])
        self.assertEqual(pages(found), pages(files(installed())))
        config = (stage / "opt/hostlock/lib/cmake/hostlock/hostlock-config.cmake").read_text()
        self.assertIn('"/opt/hostlock/lib/libhostlock.a"', config)
        self.assertIn("prefix=/opt/hostlock\n", (stage / "opt/hostlock/lib/pkgconfig/hostlock.pc").read_text())
        must(["make", "uninstall", *where])
        self.assertEqual(files(stage), [])

    def test_a_program_needs_hostlock_and_not_libssl(self) -> None:
        needed = re.findall(r"Shared library: \[(.*?)\]", must(["readelf", "-d", example("client")]))
        self.assertIn("libhostlock.so.0", needed)
        self.assertEqual([name for name in needed if name.startswith(("libssl", "libcrypto"))], [])

    def test_a_program_without_openssl_is_compiled_where_openssl_has_no_headers(self) -> None:
        ours = {"PKG_CONFIG_LIBDIR": str(installed() / "lib/pkgconfig"), "PKG_CONFIG_PATH": ""}
        cflags = must(["pkg-config", "--cflags", "--libs", "hostlock"], **ours).split()
        self.assertEqual(cflags, [f"-I{installed()}/include", f"-L{installed()}/lib", "-lhostlock"])

    def test_the_static_flags_link_a_program_that_runs(self) -> None:
        """All static; and hostlock alone, whose shared library the linker would otherwise prefer."""
        flags = pkg_config("--static", "--cflags", "--libs", "hostlock")
        archive = [flag if flag != "-lhostlock" else "-l:libhostlock.a" for flag in flags]
        ways = {
            "line": [*flags, f"-Wl,-rpath,{installed()}/lib"],
            "archive": archive,
            # glibc warns that it looks names up by shared libraries all the same.
            "static": ["-static", *flags],
            "static-pie": ["-static-pie", *flags],
        }
        authority = Authority("Static CA")
        with Server(authority.issue("localhost")) as port:
            for way, with_flags in ways.items():
                with self.subTest(way=way):
                    program = scratch() / f"client-{way}"
                    must(["cc", ROOT / "examples/client.c", *with_flags, "-o", program])
                    needed = re.findall(r"Shared library: \[(.*?)\]", must(["readelf", "-d", program]))
                    self.assertEqual("libhostlock.so.0" in needed, way == "line")
                    self.assertEqual(needed == [], way.startswith("static"))
                    self.assertIn("</HTML>", must([program, "localhost", str(port), authority.certificate]))
                    refused = run([program, "127.0.0.1", str(port), authority.certificate])
                    self.assertEqual((refused.returncode, refused.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()
