"""A host driver: what is under test. Put your own in its place."""

import socket


class Refused(Exception):
    """The modem answered ERROR; `reason` is the last parameter of +SSLWHY, `text` the one before."""

    def __init__(self, command, lines):
        self.command = command
        fields = next((line for line in lines if line.startswith("+SSLWHY:")), "").split(",")
        self.reason = fields[-1].strip('"')
        self.text = fields[-2].strip('"') if len(fields) > 1 else ""
        super().__init__(f"{command}: {self.reason}: {self.text}")


class Host:
    def __init__(self, address):
        self.port = socket.create_connection(address, timeout=10)
        self.lines = self.port.makefile("rb")

    def close(self):
        self.lines.close()
        self.port.close()

    def line(self):
        """The next line that is not empty."""
        while True:
            line = self.lines.readline()
            if not line:
                raise EOFError("the modem is gone")
            if line.strip():
                return line.decode().strip()

    def until(self, *ends):
        """Lines up to one of these, that one included."""
        lines = [self.line()]
        while lines[-1] not in ends:
            lines.append(self.line())
        return lines

    def command(self, line):
        """What the modem says before OK; Refused if it says ERROR."""
        self.port.sendall(f"{line}\r\n".encode())
        lines = self.until("OK", "ERROR")
        if lines[-1] == "ERROR":
            raise Refused(line, lines)
        return lines[:-1]

    def join(self, network):
        self.command("AT+CWMODE=1")
        self.command(f'AT+CWJAP="{network}",""')

    def connect(self, host, port):
        """A TLS connection to a server that must prove to be `host`."""
        self.command("AT+SYSLOG=1")
        self.command("AT+CIPSSLCCONF=2,0,0")
        self.command(f'AT+CIPSSLCCN="{host}"')
        self.command(f'AT+CIPSTART="SSL","{host}",{port}')

    def ask(self, text):
        """Sends a line and takes one back."""
        data = f"{text}\n".encode()
        self.command(f"AT+CIPSEND={len(data)}")
        # The prompt has no line end.
        while self.lines.read(1) != b">":
            pass
        self.port.sendall(data)
        self.until("SEND OK")
        head = self.line()
        assert head.startswith("+IPD,"), head
        return head.split(":", 1)[1]
