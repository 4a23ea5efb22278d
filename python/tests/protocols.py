"""Speaks protocols of the standard library to the end, verifying nothing by itself. Prints one line of JSON: for each
"ok", the status of hostlock's refusal, or the exception.

usage: protocols.py inject|ours|plainly NAME=PORT ...      (by every Python from 3.8 on)"""

import json
import ssl
import sys

HOW, PORT = sys.argv[1], 0

if HOW == "inject":
    import hostlock

    hostlock.inject()
elif HOW == "ours":
    from hostlock import protocols

HOST = "localhost"
OURS = HOW == "ours"


def https():
    import http.client

    careless = ssl._create_unverified_context()
    page = protocols.https(HOST, PORT) if OURS else http.client.HTTPSConnection(HOST, PORT, context=careless)
    page.request("GET", "/")
    assert page.getresponse().status == 200


def urlopen():
    import urllib.request

    url = "https://%s:%d/" % (HOST, PORT)
    assert urllib.request.urlopen(url, context=ssl._create_unverified_context(), timeout=20).status == 200


def certificate():
    assert "BEGIN" in ssl.get_server_certificate((HOST, PORT))


def smtp():
    import smtplib

    if OURS:
        session = protocols.smtp(HOST, PORT)
    else:
        session = smtplib.SMTP(HOST, PORT, timeout=20)
        session.starttls()
    assert session.noop()[0] == 250


def smtps():
    import smtplib

    session = protocols.smtps(HOST, PORT) if OURS else smtplib.SMTP_SSL(HOST, PORT, timeout=20)
    assert session.noop()[0] == 250


def ftp():
    import ftplib

    if OURS:
        session = protocols.ftp(HOST, PORT)
        session.login("me", "secret")
    else:
        session = ftplib.FTP_TLS(timeout=20)
        session.connect(HOST, PORT)
        session.login("me", "secret")
        session.prot_p()
    got = []
    session.retrbinary("RETR file", got.append)
    assert b"".join(got) == b"what is in the file"
    session.quit()


def imap():
    import imaplib

    if OURS:
        session = protocols.imap(HOST, PORT)
    else:
        session = imaplib.IMAP4(HOST, PORT)
        session.starttls()
    assert session.noop()[0] == "OK"


def imaps():
    import imaplib

    session = protocols.imaps(HOST, PORT) if OURS else imaplib.IMAP4_SSL(HOST, PORT)
    assert session.noop()[0] == "OK"


def pop3():
    import poplib

    if OURS:
        session = protocols.pop3(HOST, PORT)
    else:
        session = poplib.POP3(HOST, PORT, timeout=20)
        session.stls()
    assert session.noop().startswith(b"+OK")


def pop3s():
    import poplib

    session = protocols.pop3s(HOST, PORT) if OURS else poplib.POP3_SSL(HOST, PORT, timeout=20)
    assert session.noop().startswith(b"+OK")


def xmlrpc():
    import xmlrpc.client

    uri, careless = "https://%s:%d/" % (HOST, PORT), ssl._create_unverified_context()
    proxy = protocols.xmlrpc(uri) if OURS else xmlrpc.client.ServerProxy(uri, context=careless)
    assert proxy.add(2, 3) == 5


def nntp():
    import nntplib

    if OURS:
        session = protocols.nntp(HOST, PORT)
    else:
        session = nntplib.NNTP(HOST, PORT, timeout=20)
        session.starttls()
    assert session.date()[0].startswith("111")


def nntps():
    import nntplib

    session = protocols.nntps(HOST, PORT) if OURS else nntplib.NNTP_SSL(HOST, PORT, timeout=20)
    assert session.date()[0].startswith("111")


def tried(name):
    try:
        globals()[name]()
    except Exception as error:
        facts = getattr(error, "hostlock", None) or getattr(getattr(error, "reason", None), "hostlock", None)
        return facts.status if facts else repr(error)
    return "ok"


found = {}
for pair in sys.argv[2:]:
    way, _, port = pair.partition("=")
    PORT = int(port)
    found[way] = tried(way)
print(json.dumps(found))
