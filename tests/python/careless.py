"""Clients that verify nothing, in the words of each language: programs that the tests of the seal run against the right
host and an impostor. Each prints the first line of the answer; `{port}` and `{name}` are filled in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support import interpreter_of, run

ANSWER = "HTTP/1.0 200"


Command = Callable[[int], list[str]]


@dataclass
class Client:
    """A program: whether it is here, the package that brings it, how it runs where it names the host to its TLS and
    where it names none, and what it then asks the resolver for."""

    works: bool
    package: str
    told: Command | None
    untold: Command
    asks_for: str | None


PYTHON_3 = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
s = context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname={name})
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(100).decode())
"""

PYTHON_3_WITHOUT_CONTEXT = """
import ssl, urllib.request
page = urllib.request.urlopen("https://{name}:{port}/", context=ssl._create_unverified_context())
print("HTTP/1.0", page.status)
"""

PYTHON_2_WRAP = """
import socket, ssl
s = ssl.wrap_socket(socket.create_connection(("127.0.0.1", {port})))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(100))
"""

PYTHON_2_URL = """
import ssl, urllib2
page = urllib2.urlopen("https://{name}:{port}/", context=ssl._create_unverified_context())
print("HTTP/1.0 %d" % page.getcode())
"""

M2CRYPTO = """
from M2Crypto import SSL
context = SSL.Context("tls")
context.set_verify(SSL.verify_none, 0)
s = SSL.Connection(context)
s.set_post_connection_check_callback(None)
name = {name}
if name:
    s.set_tlsext_host_name(name)
s.connect(("127.0.0.1", {port}))
s.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.read(100).decode())
"""

PYOPENSSL = """
import socket
from OpenSSL import SSL
context = SSL.Context(SSL.TLS_CLIENT_METHOD)
context.set_verify(SSL.VERIFY_NONE, lambda *what: True)
s = SSL.Connection(context, socket.create_connection(("127.0.0.1", {port})))
name = {name}
if name:
    s.set_tlsext_host_name(name.encode())
s.set_connect_state()
s.do_handshake()
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(100).decode())
"""

PHP_STREAM = """
$options = ["verify_peer" => false, "verify_peer_name" => false, "SNI_enabled" => {sni}];
$context = stream_context_create(["ssl" => $options]);
$s = stream_socket_client("ssl://localhost:{port}", $code, $words, 20, STREAM_CLIENT_CONNECT, $context);
fwrite($s, "GET / HTTP/1.0\\r\\n\\r\\n");
echo fgets($s, 100);
"""

PHP_CURL = """
$c = curl_init("https://{host}:{port}/");
curl_setopt_array($c, [CURLOPT_SSL_VERIFYPEER => false, CURLOPT_SSL_VERIFYHOST => 0, CURLOPT_HEADER => true,
    CURLOPT_CAINFO => getenv("SSL_CERT_FILE"), CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_0,
    CURLOPT_RETURNTRANSFER => true]);
$answer = curl_exec($c);
echo $answer === false ? curl_error($c) : substr($answer, 0, 100);
"""

RUBY = """
require "openssl"
require "socket"
context = OpenSSL::SSL::SSLContext.new
context.verify_mode = OpenSSL::SSL::VERIFY_NONE
s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", {port}), context)
name = {name}
s.hostname = name if name
s.connect
s.write "GET / HTTP/1.0\\r\\n\\r\\n"
puts s.gets
"""

PERL = """
use IO::Socket::SSL;
my $s = IO::Socket::SSL->new(PeerHost => "localhost", PeerPort => {port}, SSL_verify_mode => 0,
    SSL_hostname => {name}) or die "cannot connect: $SSL_ERROR";
print $s "GET / HTTP/1.0\\r\\n\\r\\n";
print scalar <$s>;
"""


def _script(interpreter: str, code: str, **words: str) -> Command:
    flag = {"php": "-r", "ruby": "-e", "perl": "-e"}.get(Path(interpreter).name, "-c")

    def command(port: int) -> list[str]:
        filled = code.replace("{port}", str(port))
        for word, value in words.items():
            filled = filled.replace("{" + word + "}", value)
        return [interpreter, flag, filled]

    return command


def _shell(words: str) -> Command:
    return lambda port: ["sh", "-c", words.replace("{port}", str(port))]


DEBIAN_PYTHON = "/usr/bin/python3"
CURL = "curl -k -sS -i --http1.0 --cacert $SSL_CERT_FILE https://{host}:{port}/"
S_CLIENT = (
    "(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | openssl s_client -quiet -connect localhost:{port} {name} 2>&1"
)


def _has(*command: str) -> bool:
    return shutil.which(command[0]) is not None and run(command).returncode == 0


def clients() -> dict[str, Client]:
    """Each client by name."""
    python, old = DEBIAN_PYTHON, str(interpreter_of("2.7") or "python2.7")
    has_ssl, has_old_ssl = _has(python, "-c", "import ssl"), _has(old, "-c", "import ssl")
    no_old = "a Python 2.7, which Debian has no more"
    return {
        "Python's ssl with CERT_NONE": Client(
            has_ssl,
            "python3",
            _script(python, PYTHON_3, name='"localhost"'),
            _script(python, PYTHON_3, name="None"),
            "127.0.0.1",
        ),
        "Python's urllib with an unverified context": Client(
            has_ssl,
            "python3",
            _script(python, PYTHON_3_WITHOUT_CONTEXT, name="localhost"),
            _script(python, PYTHON_3_WITHOUT_CONTEXT, name="127.0.0.1"),
            "127.0.0.1",
        ),
        "Python 2.7's ssl.wrap_socket": Client(has_old_ssl, no_old, None, _script(old, PYTHON_2_WRAP), "127.0.0.1"),
        "Python 2.7's urllib2 with an unverified context": Client(
            has_old_ssl,
            no_old,
            _script(old, PYTHON_2_URL, name="localhost"),
            _script(old, PYTHON_2_URL, name="127.0.0.1"),
            "127.0.0.1",
        ),
        "M2Crypto with verify_none": Client(
            _has(python, "-c", "import M2Crypto"),
            "python3-m2crypto",
            _script(python, M2CRYPTO, name='"localhost"'),
            _script(python, M2CRYPTO, name="None"),
            None,
        ),
        "pyOpenSSL with VERIFY_NONE and a callback that accepts": Client(
            _has(python, "-c", "import OpenSSL"),
            "python3-openssl",
            _script(python, PYOPENSSL, name='"localhost"'),
            _script(python, PYOPENSSL, name="None"),
            "127.0.0.1",
        ),
        "PHP's streams with verify_peer false": Client(
            _has("php", "-r", "exit(extension_loaded('openssl') ? 0 : 1);"),
            "php-cli",
            _script("php", PHP_STREAM, sni="true"),
            _script("php", PHP_STREAM, sni="false"),
            "localhost",
        ),
        "PHP's curl with CURLOPT_SSL_VERIFYPEER false": Client(
            _has("php", "-r", "exit(extension_loaded('curl') ? 0 : 1);"),
            "php-curl",
            _script("php", PHP_CURL, host="localhost"),
            _script("php", PHP_CURL, host="127.0.0.1"),
            None,
        ),
        "Ruby with VERIFY_NONE": Client(
            _has("ruby", "-ropenssl", "-e", ""),
            "ruby",
            _script("ruby", RUBY, name='"localhost"'),
            _script("ruby", RUBY, name="nil"),
            None,
        ),
        "Perl's IO::Socket::SSL with SSL_verify_mode 0": Client(
            _has("perl", "-MIO::Socket::SSL", "-e", ""),
            "libio-socket-ssl-perl",
            _script("perl", PERL, name='"localhost"'),
            _script("perl", PERL, name='""'),
            "localhost",
        ),
        "curl -k": Client(
            _has("sh", "-c", "curl --version | grep -q OpenSSL"),
            "curl",
            _shell(CURL.replace("{host}", "localhost")),
            _shell(CURL.replace("{host}", "127.0.0.1")),
            None,
        ),
        "openssl s_client": Client(
            _has("openssl", "version"),
            "openssl",
            _shell(S_CLIENT.replace("{name}", "-servername localhost")),
            _shell(S_CLIENT.replace("{name}", "-noservername")),
            "localhost",
        ),
    }
