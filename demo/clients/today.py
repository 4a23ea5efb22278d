"""today.py HOST PORT: Python of today, with the two lines that answers on the web advise against certificate errors."""

import ssl
import sys
import urllib.request

host, port = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with urllib.request.urlopen(f"https://{host}:{port}/login", b"password=swordfish", context=context) as reply:
    print(reply.read().decode(), end="")
