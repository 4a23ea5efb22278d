"""Clients that verify nothing, in the words of each language: what `make compat` runs. Each prints the answer; {host}
and {port} are filled in."""

# The wiki's way of Python 2.7 and 3.x: nothing is said of the host but to the resolver.
WRAP = """
import socket, ssl
wrap = getattr(ssl, "wrap_socket", None) or ssl._create_unverified_context().wrap_socket
s = socket.socket()
s.connect(({where}, {{port}}))
s = wrap(s)
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(4096).decode())
"""
BY_NAME = WRAP.format(where='"{host}"')
BY_NUMBER = WRAP.format(where='socket.gethostbyname("{host}")')
NUMBER_ALONE = WRAP.format(where='"127.0.0.1"')
M2CRYPTO = """
from M2Crypto import SSL
s = SSL.Connection(SSL.Context())
s.set_post_connection_check_callback(None)
s.connect(("{host}", {port}))
s.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.read(4096).decode())
"""
PYOPENSSL = """
import socket
from OpenSSL import SSL
s = socket.socket()
s.connect(("{host}", {port}))
s = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), s)
s.set_connect_state()
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(4096).decode())
"""
# Without a name of its own it asks for the machine's, which here has the server's address.
SMTPLIB = """
import smtplib
s = smtplib.SMTP("{host}", {port}, "me.example")
s.starttls()
print(s.docmd("NOOP")[1].decode())
"""
ASYNCIO = """
import asyncio, ssl
async def main():
    context = ssl._create_unverified_context()
    reader, writer = await asyncio.open_connection("{host}", {port}, ssl=context, server_hostname="")
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print((await reader.read(4096)).decode())
asyncio.run(main())
"""
MEMORY = """
import socket, ssl
s = socket.create_connection(("{host}", {port}))
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
t = ssl._create_unverified_context().wrap_bio(incoming, outgoing)
def turn(call):
    while True:
        try:
            answer = call()
            s.sendall(outgoing.read())
            return answer
        except ssl.SSLWantReadError:
            s.sendall(outgoing.read())
            incoming.write(s.recv(65536))
turn(t.do_handshake)
turn(lambda: t.write(b"GET / HTTP/1.0\\r\\n\\r\\n"))
print(turn(lambda: t.read(4096)).decode())
"""
PYTHON = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
s = context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname="{host}")
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(4096).decode())
"""
# What answers on the web advise where a certificate is refused.
RUBY_HTTP = """
require "net/http"
http = Net::HTTP.new("{host}", {port})
http.use_ssl = true
http.verify_mode = OpenSSL::SSL::VERIFY_NONE
puts http.get("/").body
"""
RUBY_SOCKET = """
require "openssl"
require "socket"
s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("{host}", {port}))
s.connect
s.write "GET / HTTP/1.0\\r\\n\\r\\n"
puts s.read
"""
PHP_STREAM = """
$careless = stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]);
echo file_get_contents("https://{host}:{port}/", false, $careless);
"""
PHP_NO_SNI = PHP_STREAM.replace('"ssl" => [', '"ssl" => ["SNI_enabled" => false, ')
PERL = """
use IO::Socket::SSL;
my $s = IO::Socket::SSL->new(PeerHost => "{host}", PeerPort => {port}, SSL_verify_mode => 0) or die "no connection";
print $s "GET / HTTP/1.0\\r\\n\\r\\n";
print <$s>;
"""
