"""The clients of the matrix: each asks a server for a word. Reads one line of JSON (client, host and port of each
connection to make), and prints one: for each "accepted", or why not.

usage: matrix_clients.py plainly|inject|ours      (by every Python from 3.8 on)"""

import json
import os
import socket
import ssl as standard
import sys

HOW = sys.argv[1]
ROOTS, CRL = os.environ["SSL_CERT_FILE"], os.environ.get("MATRIX_CRL", "")
socket.setdefaulttimeout(8)

# Every name of the matrix is this machine; programs and hostlock see the names.
_getaddrinfo, _connect = socket.getaddrinfo, socket.socket.connect


def getaddrinfo(host, *rest, **more):
    return _getaddrinfo("127.0.0.1" if host else host, *rest, **more)


def connect(self, address):
    here = ("127.0.0.1", *address[1:]) if isinstance(address, tuple) else address
    return _connect(self, here)


socket.getaddrinfo, socket.socket.connect = getaddrinfo, connect

if HOW == "inject":
    import hostlock

    hostlock.inject()
if HOW == "ours":
    from hostlock import ssl
else:
    ssl = standard
OURS = HOW == "ours"


def default_context():
    return ssl.create_default_context()


def careless_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_verify_locations(ROOTS)
    loosen(context)
    return context


def loosen(context):
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.minimum_version = standard.TLSVersion.MINIMUM_SUPPORTED


def ask(tls):
    tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert tls.recv(15).startswith(b"HTTP/1.0 200")
    tls.close()


def dialled(host, port):
    return socket.create_connection((host, port))


def client_wrap_socket(host, port):
    ask(ssl.wrap_socket(dialled(host, port), ca_certs=ROOTS, cert_reqs=ssl.CERT_REQUIRED, ciphers="ALL:@SECLEVEL=0"))


def client_ssl_default(host, port):
    ask(default_context().wrap_socket(dialled(host, port), server_hostname=host))


def client_ssl_careless(host, port):
    ask(careless_context().wrap_socket(dialled(host, port), server_hostname=host))


def client_ssl_no_name(host, port):
    context = careless_context()
    context.verify_mode = ssl.CERT_REQUIRED
    ask(context.wrap_socket(dialled(host, port)))


def client_ssl_with_crl(host, port):
    context = careless_context()
    context.load_verify_locations(CRL)
    context.verify_flags |= standard.VERIFY_CRL_CHECK_LEAF
    ask(context.wrap_socket(dialled(host, port), server_hostname=host))


def client_ssl_resumed(host, port):
    """Once as the good host, and then with that session as another one."""
    context = careless_context()
    first = context.wrap_socket(dialled("bank.example", port), server_hostname="bank.example")
    first.sendall(b"GET / HTTP/1.0\r\n\r\n")
    first.recv(15)
    session = first.session
    first.close()
    ask(context.wrap_socket(dialled(host, port), server_hostname=host, session=session))


def client_asyncio(host, port):
    import asyncio

    async def talk():
        context = default_context() if OURS else careless_context()
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(15), 8)).startswith(b"HTTP/1.0 200")
        writer.close()

    asyncio.run(talk())


def client_http_client(host, port):
    import http.client

    page = http.client.HTTPSConnection(host, port, context=default_context() if OURS else None)
    page.request("GET", "/")
    assert page.getresponse().status == 200


def client_urllib(host, port):
    import urllib.request

    url = "https://%s:%d/" % (host, port)
    assert urllib.request.urlopen(url, context=default_context() if OURS else None).status == 200


def client_urllib_unverified(host, port):
    import urllib.request

    url = "https://%s:%d/" % (host, port)
    assert urllib.request.urlopen(url, context=ssl._create_unverified_context()).status == 200


def client_urllib3(host, port):
    import urllib3

    pool = urllib3.PoolManager(retries=False, timeout=8, **({"ssl_context": default_context()} if OURS else {}))
    assert pool.request("GET", "https://%s:%d/" % (host, port)).status == 200


def client_requests(host, port):
    import requests

    session = requests.Session()
    if OURS:
        from requests.adapters import HTTPAdapter

        class Adapter(HTTPAdapter):
            def init_poolmanager(self, *arguments, **more):
                return super().init_poolmanager(*arguments, ssl_context=default_context(), **more)

        session.mount("https://", Adapter())
    assert session.get("https://%s:%d/" % (host, port), timeout=8).status_code == 200


def client_requests_unverified(host, port):
    import requests

    assert requests.get("https://%s:%d/" % (host, port), timeout=8, verify=False).status_code == 200


def client_httpx(host, port):
    import httpx

    answer = httpx.get("https://%s:%d/" % (host, port), timeout=8, verify=default_context() if OURS else True)
    assert answer.status_code == 200


def client_aiohttp(host, port):
    import asyncio

    import aiohttp

    async def talk():
        timeout = aiohttp.ClientTimeout(total=8)
        more = {"ssl": default_context()} if OURS else {}
        url = "https://%s:%d/" % (host, port)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, **more) as answer:
            assert answer.status == 200

    asyncio.run(talk())


def with_context():
    return {"context": default_context()} if OURS else {}


def client_smtplib(host, port):
    import smtplib

    with smtplib.SMTP(host, port, local_hostname="me") as session:
        session.starttls(**with_context())
        assert session.noop()[0] == 250


def client_imaplib(host, port):
    import imaplib

    session = imaplib.IMAP4(host, port)
    session.starttls(default_context() if OURS else None)
    assert session.noop()[0] == "OK"
    session.shutdown()


def client_poplib(host, port):
    import poplib

    session = poplib.POP3(host, port)
    session.stls(**with_context())
    assert session.noop().startswith(b"+OK")
    session.close()


def client_ftplib(host, port):
    import ftplib

    session = ftplib.FTP_TLS(**with_context())
    session.connect(host, port)
    session.login("me", "secret")
    session.close()


def pyopenssl_context():
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    if OURS:
        from hostlock import pyopenssl

        pyopenssl.harden(context)
    context.load_verify_locations(ROOTS)
    context.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, code, depth, ok: ok)
    return context


def pyopenssl_connection(context, host, port):
    from OpenSSL import SSL

    sock = dialled(host, port)
    sock.settimeout(None)
    connection = SSL.Connection(context, sock)
    if not host[0].isdigit():
        connection.set_tlsext_host_name(host.encode())
    elif OURS:
        from hostlock import pyopenssl

        pyopenssl.set_host(connection, host)
    connection.set_connect_state()
    return connection


def client_pyopenssl(host, port):
    """Its handshake is made by the first write."""
    ask(pyopenssl_connection(pyopenssl_context(), host, port))


def client_service_identity(host, port):
    from service_identity.pyopenssl import verify_hostname, verify_ip_address

    connection = pyopenssl_connection(pyopenssl_context(), host, port)
    connection.do_handshake()
    (verify_ip_address if host[0].isdigit() else verify_hostname)(connection, host)
    ask(connection)


def client_m2crypto(host, port):
    from M2Crypto import SSL

    context = SSL.Context("tls")
    if OURS:
        from hostlock import m2crypto

        m2crypto.harden(context)
    context.load_verify_locations(ROOTS)
    context.set_cipher_list("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.set_verify(SSL.verify_peer, 10)
    connection = SSL.Connection(context)
    # As its own HOWTO shows it for tests.
    connection.set_post_connection_check_callback(None)
    connection.connect((host, port))
    connection.write(b"GET / HTTP/1.0\r\n\r\n")
    assert connection.read(15).startswith(b"HTTP/1.0 200")
    connection.close()


def client_twisted(host, port):
    import threading

    from twisted.internet import reactor, threads
    from twisted.web.client import Agent

    if not reactor.running:
        threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True).start()
    url = b"https://%s:%d/" % (host.encode(), port)
    answer = threads.blockingCallFromThread(reactor, Agent(reactor, connectTimeout=8).request, b"GET", url)
    assert answer.code == 200


def tried(client, host, port):
    try:
        globals()["client_" + client](host, port)
    except Exception as error:
        seen = error
        while seen is not None:
            facts = getattr(seen, "hostlock", None)
            if facts is not None:
                return facts.status
            seen = seen.__cause__ or seen.__context__
        return "refused: %s" % str(error or type(error).__name__)[:160]
    return "accepted"


print(json.dumps([tried(*row) for row in json.loads(sys.stdin.readline())]))
sys.stdout.flush()
# Without waiting for threads of clients.
os._exit(0)
