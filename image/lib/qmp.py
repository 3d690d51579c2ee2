"""QEMU's monitor: one command at a time, and the events between them."""

import json
import socket
import time


class Monitor:
    def __init__(self, path, alive, seconds=20):
        self._events = []
        self._buffer = b""
        until = time.monotonic() + seconds
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(path)
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > until or not alive():
                    raise
                time.sleep(0.05)
        self._socket.settimeout(seconds)
        self._read()
        self.execute("qmp_capabilities")

    def close(self):
        self._socket.close()

    def _read(self):
        while b"\n" not in self._buffer:
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("QEMU has gone")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def execute(self, command, arguments=None):
        """Runs a command of the monitor and gives its answer."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode())
        while True:
            message = self._read()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise RuntimeError(f"{command}: {message['error']['desc']}")
            self._events.append(message)

    def wait_event(self, name, matches, seconds):
        """Waits for an event; one that has come already counts."""
        until = time.monotonic() + seconds
        while True:
            for event in self._events:
                if event["event"] == name and matches(event.get("data", {})):
                    self._events.remove(event)
                    return event
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"QEMU did not report {name}")
            self._socket.settimeout(left)
            self._events.append(self._read())
