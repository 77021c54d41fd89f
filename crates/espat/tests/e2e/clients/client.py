"""Connects to a server of the modem, sends a line, prints the answer, and waits for the end.

Arguments: port, CA, version as `TLSv1_2`; and where there is a certificate, its file and that of its key.
"""

import socket
import ssl
import sys

port, ca, version, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if own:
    context.load_cert_chain(*own)
with socket.create_connection(("127.0.0.1", int(port))) as plain:
    # An end without close_notify is an error.
    options = {"server_hostname": "broker.local", "suppress_ragged_eofs": False}
    with context.wrap_socket(plain, **options) as session:
        session.sendall(b"hello\n")
        print(session.recv(100).decode(), end="", flush=True)
        assert session.recv(1) == b""
