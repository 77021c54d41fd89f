"""A modem, a TLS server and a host, for each test anew. Needs `openssl`, and `espat` in PATH or in $ESPAT."""

import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from host import Host

NAME = "broker.local"
PORT = 8883


class Pki:
    """A CA and what it has signed, as files."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.stranger = folder / "stranger.pem"
        for ca in (self.ca, self.stranger):
            self.openssl("req", "-x509", "-nodes", "-days", "3650", *self.key(ca.stem),
                         "-out", ca, "-subj", f"/CN={ca.stem}", "-addext", "keyUsage=critical,keyCertSign")

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    def key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", self.folder / f"{name}.key"

    def server(self, name):
        """Files of a certificate for this name, and of its key."""
        request, extensions, certificate = (self.folder / f"{name}.{ext}" for ext in ("csr", "ext", "pem"))
        self.openssl("req", "-new", "-nodes", *self.key(name), "-out", request, "-subj", f"/CN={name}")
        extensions.write_text("basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n"
                              f"extendedKeyUsage = serverAuth\nsubjectAltName = DNS:{name}\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                     "-CAcreateserial", "-days", "365", "-extfile", extensions, "-out", certificate)
        return certificate, self.folder / f"{name}.key"


class Server(threading.Thread):
    """Sends each line back reversed."""

    def __init__(self, certificate, key):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:{}".format(self.listener.getsockname()[1])
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls, tls.makefile("rwb", 0) as lines:
                for line in lines:
                    lines.write(line.rstrip()[::-1] + b"\n")
        except OSError:
            # A client that refuses this server is what some of the tests are about.
            connection.close()


class Modem:
    """`espat sim`. Its ports are free ones, so tests can run at the same time."""

    def __init__(self, *options):
        command = [os.environ.get("ESPAT", "espat"), "sim", "--listen", "127.0.0.1:0",
                   "--control", "127.0.0.1:0", "--exit-with-parent", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.control = self.told("control on")
        self.port = self.told("listening on")

    def told(self, what):
        """The address in a line on stderr."""
        said = ""
        for line in self.process.stderr:
            said += line
            found = re.match(rf"{what} (\S+):(\d+)", line)
            if found:
                return found[1], int(found[2])
        raise RuntimeError(f"no modem: {said}")

    def do(self, line):
        """A line for the control port: `espat sim` lists them for `help`."""
        with socket.create_connection(self.control, timeout=10) as port:
            port.sendall(f"{line}\n".encode())
            answer = port.makefile().readline().strip()
        assert answer.startswith("ok"), f"{line}: {answer}"

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def bench(pki):
    """`bench(certificate_for=…, ca=…, clock=…)` makes a host whose modem knows this CA."""
    running = []

    def make(certificate_for=NAME, ca=None, clock="host"):
        server = Server(*pki.server(certificate_for))
        modem = Modem("--clock", clock, "--pki", f"client_ca={ca or pki.ca}",
                      "--map", f"{NAME}:{PORT}={server.address}")
        host = Host(modem.port)
        host.until("ready")
        host.modem = modem
        running.append((host, modem, server))
        return host

    yield make
    for host, modem, server in running:
        host.close()
        modem.stop()
        server.listener.close()
