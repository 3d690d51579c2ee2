"""A box in QEMU: started from an image that stays as it is, reached by forwarded ports, its power cut, its disks plugged and pulled.

`./hearth boot` and the tests in `tests/image` both use it. One process per box; a context manager, so that none is left behind.
"""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

import qmp

# As `words` in the agent's welcome.rs puts it.
CODE = r"Setup code: ([0-9A-Z]{4}-[0-9A-Z]{4})"

# What is reached inside, by name.
PORTS = {"wizard": 8443, "redirect": 80, "https": 443, "federation": 8448}


class NotReady(Exception):
    """The box did not come to where it was awaited; the text holds the end of its console."""


class Box:
    """A box of a board.

    `folder` is the box's own: overlay, serial log, sockets. `image` is the unpacked `disk.img`; it is never written. `overlay` may name
    an overlay that is there already: the same card again. `backup_disk` is a raw file that is plugged in from the start.
    `probe` gives a root shell to `run` by a port that only QEMU can offer; nothing in the image opens it otherwise.
    """

    def __init__(self, board, image, folder, overlay=None, memory_mib=None, backup_disk=None, probe=False, firmware=None, device_tree=None, ports=None):
        self.board = board
        self.facts = board["emulation"]
        self.image = os.path.abspath(image)
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.overlay = os.path.abspath(overlay or os.path.join(self.folder, "card.qcow2"))
        self.serial_log = os.path.join(self.folder, "serial.log")
        self.memory_mib = memory_mib or self.facts["memory_mib"]
        self.backup_disk = backup_disk
        self.probe = probe
        self.firmware = firmware or os.path.join(os.path.dirname(self.image), "emulation-firmware.bin")
        self.device_tree = device_tree or os.path.join(os.path.dirname(self.image), "boot", "dtb", self.facts["device_tree"])
        self.ports = ports or {}
        self.process = None
        self.monitor = None
        self.started = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_cut()

    # -- power ------------------------------------------------------------------------------------------------------

    def start(self):
        """Power on. The card of the last start is used again, whatever state it was left in."""
        if self.process and self.process.poll() is None:
            raise RuntimeError("the box is running already")
        if not os.path.exists(self.overlay):
            subprocess.run(
                ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.image, self.overlay, f"{self.facts['disk_gib']}G"], check=True
            )
        if not self.ports:
            self.ports = {name: free_port() for name in PORTS}
        open(self.serial_log, "w").close()
        command = self._command()
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.folder, "qemu.log"), "w"), stderr=subprocess.STDOUT)
        try:
            self.monitor = qmp.Monitor(self._socket("monitor"), alive=lambda: self.process.poll() is None)
        except Exception:
            self.power_cut()
            with open(os.path.join(self.folder, "qemu.log")) as log:
                raise NotReady(f"QEMU did not start:\n{log.read()}") from None
        return self

    def power_cut(self):
        """The plug is pulled: nothing is asked, nothing is flushed."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self.monitor:
            self.monitor.close()
            self.monitor = None

    def wait_or(self, seconds):
        """Lets the box run for this long, or until it goes off."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def running(self):
        return self.process is not None and self.process.poll() is None

    def _socket(self, name):
        # Unix sockets have short names; the box's folder may be deep.
        place = f"/tmp/hearth-box-{os.getpid()}-{id(self):x}"
        os.makedirs(place, mode=0o700, exist_ok=True)
        return os.path.join(place, name)

    def _emulated_tree(self):
        """The board's device tree without what the emulator lacks, and with the word that it is the one to be used."""
        tree = os.path.join(self.folder, "emulated.dtb")
        shutil.copyfile(self.device_tree, tree)
        edits = [["-t", "s", tree, node, "status", "disabled"] for node in self.facts["tree_disabled"]]
        edits += [["-d", tree, *removed.split()] for removed in self.facts["tree_removed"]]
        edits += [["-p", "-t", "s", tree, "/chosen", "hearth,keep-tree", "yes"]]
        for edit in edits:
            subprocess.run(["fdtput", *edit], check=True)
        return tree

    def _command(self):
        facts = self.facts
        command = ["qemu-system-aarch64", *facts["machine"], "-m", str(self.memory_mib), "-display", "none", "-no-user-config"]
        command += [facts["firmware_option"], self.firmware]
        if facts["device_tree"]:
            command += ["-dtb", self._emulated_tree()]
        if facts["drive"] == "sd":
            command += ["-drive", f"if=sd,format=qcow2,file={self.overlay}"]
        else:
            command += ["-drive", f"if=none,id=card,format=qcow2,file={self.overlay},discard=unmap", "-device", f"{facts['drive']},drive=card,bootindex=0"]
        command += ["-chardev", f"file,id=console,path={self.serial_log}"]
        command += ["-serial", "null"] * facts["serial"] + ["-serial", "chardev:console"]
        command += ["-qmp", f"unix:{self._socket('monitor')},server=on,wait=off"]
        if facts["network"]:
            forwards = "".join(f",hostfwd=tcp:127.0.0.1:{self.ports[name]}-:{inside}" for name, inside in PORTS.items())
            command += ["-netdev", f"user,id=net{forwards}", "-device", f"{facts['network']},netdev=net"]
        if self.backup_disk:
            command += ["-drive", f"if=none,id=backup,format=raw,file={self.backup_disk},discard=unmap", "-device", f"{facts['second_disk']},drive=backup,id=backup-device,serial=HEARTH-BACKUP"]
        if self.probe:
            unit = os.path.join(self.folder, "probe.service")
            with open(unit, "w") as file:
                file.write(PROBE)
            rule = os.path.join(self.folder, "probe.rules")
            with open(rule, "w") as file:
                file.write('SUBSYSTEM=="virtio-ports", ATTR{name}=="hearth.probe", TAG+="systemd", ENV{SYSTEMD_WANTS}+="p.service"\n')
            command += [
                "-device", "virtio-serial-pci", "-chardev", f"socket,id=probe,path={self._socket('probe')},server=on,wait=off", "-device", "virtserialport,chardev=probe,name=hearth.probe",
                # Short names, for QEMU takes 55 letters at most.
                "-fw_cfg", f"name=opt/io.systemd.credentials/systemd.extra-unit.p.service,file={unit}",
                "-fw_cfg", f"name=opt/io.systemd.credentials/udev.rules.p,file={rule}",
            ]
        return command

    # -- what can be seen from outside ----------------------------------------------------------------------------------

    def console(self):
        """Everything the box has said on its serial console since this start."""
        with open(self.serial_log, errors="replace") as file:
            return file.read()

    def wait_console(self, pattern, seconds):
        """Waits for this regular expression on the console and gives the match."""
        return self._wait(lambda: re.search(pattern, self.console()), seconds, f"{pattern!r} on the console")

    def wait_ready(self, seconds=300, given_up=lambda: False):
        """Waits until the agent's API answers; gives the seconds since power-on, or None where `given_up()` came first."""
        self._wait(lambda: given_up() or self.state(), seconds, "the wizard")
        return None if given_up() else time.monotonic() - self.started

    def setup_code(self):
        """The setup code as the console shows it, or None."""
        found = re.search(CODE, self.console())
        return found.group(1) if found else None

    def probe_socket(self):
        """Where the shell for tests is reached."""
        return self._socket("probe")

    def state(self):
        """`GET /api/state`, or None while nothing answers."""
        try:
            status, body = self.request("GET", "/api/state")
            return json.loads(body) if status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def request(self, method, path, body=None, headers=None, port="wizard", timeout=10):
        """One HTTPS request, the certificate unchecked: (status, body)."""
        status, _, said = self.request_whole(method, path, body, headers, port, timeout)
        return status, said

    def cookie(self, method, path, body):
        """The cookie that this JSON request to the agent is given."""
        headers = {"Content-Type": "application/json", "X-Hearth": "1"}
        status, answered, said = self.request_whole(method, path, json.dumps(body), headers)
        if status != 200:
            raise NotReady(f"{method} {path} was answered {status}: {said.decode(errors='replace')}")
        return answered["Set-Cookie"].split(";")[0]

    def request_whole(self, method, path, body=None, headers=None, port="wizard", timeout=60):
        """As `request`, with the answer's headers: (status, headers, body)."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[port], timeout=timeout, context=context)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def url(self, port="wizard"):
        return f"https://127.0.0.1:{self.ports[port]}/"

    def _wait(self, condition, seconds, what):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = condition()
            if found:
                return found
            if not self.running():
                raise NotReady(f"The box went off while waiting for {what}:\n{self.console()[-3000:]}")
            time.sleep(0.2)
        raise NotReady(f"No sign of {what} within {seconds} s:\n{self.console()[-3000:]}")

    # -- disks --------------------------------------------------------------------------------------------------------

    def plug(self, name, path):
        """Plugs a disk (a raw file) into USB; `name` also becomes its serial number."""
        self.monitor.execute("blockdev-add", {"node-name": name, "driver": "raw", "discard": "unmap", "file": {"driver": "file", "filename": os.path.abspath(path), "discard": "unmap"}})
        self.monitor.execute("device_add", {"driver": self.facts["second_disk"], "id": f"{name}-device", "drive": name, "serial": name})

    def pull(self, name):
        """Pulls it out, whatever is going on."""
        self.monitor.execute("device_del", {"id": f"{name}-device"})
        self.monitor.wait_event("DEVICE_DELETED", lambda data: data.get("device") == f"{name}-device", 30)
        if name != "backup":
            self.monitor.execute("blockdev-del", {"node-name": name})

    # -- inside -------------------------------------------------------------------------------------------------------

    def run(self, script, seconds=120):
        """Runs a shell script as root inside (with `probe`); gives (status, output)."""
        if not self.probe:
            raise RuntimeError("this box was started without a probe")
        mark = f"done-{time.monotonic_ns():x}"
        until = time.monotonic() + seconds
        with self._shell(until) as port:
            port.sendall(f"( {script}\n) </dev/null 2>&1; echo {mark} $?\n".encode())
            said = b""
            while True:
                try:
                    said += port.recv(65536)
                except TimeoutError:
                    pass
                found = re.search(rf"{mark} (\d+)\r?\n".encode(), said)
                if found:
                    return int(found.group(1)), said[: found.start()].decode(errors="replace").replace("\r\n", "\n")
                if time.monotonic() > until or not self.running():
                    raise NotReady(f"No answer from inside within {seconds} s; so far:\n{said.decode(errors='replace')}\n{self.console()[-2000:]}")

    def _shell(self, until):
        """A connection to a shell inside that has answered. What is sent while the box is starting may be lost: then a new one is tried."""
        while True:
            port = socket.socket(socket.AF_UNIX)
            try:
                port.connect(self._socket("probe"))
                port.settimeout(5)
                mark = f"here-{time.monotonic_ns():x}"
                port.sendall(f"echo {mark}\n".encode())
                said = b""
                while mark.encode() not in said:
                    part = port.recv(65536)
                    if not part:
                        raise ConnectionResetError
                    said += part
                port.settimeout(1)
                return port
            except OSError:
                port.close()
            if time.monotonic() > until or not self.running():
                raise NotReady(f"No shell inside answers:\n{self.console()[-2000:]}")
            time.sleep(0.5)


PROBE = """[Unit]
Description=A shell for tests, by a port that the emulator offers
After=hearth-agent.service
StartLimitIntervalSec=0

[Service]
Environment=PATH=/usr/bin:/usr/sbin
ExecStart=/usr/bin/sh
StandardInput=file:/dev/virtio-ports/hearth.probe
StandardOutput=file:/dev/virtio-ports/hearth.probe
StandardError=journal
Restart=always
RestartSec=1s
"""


def free_port():
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def blank_disk(path, size_mib):
    """A new, empty disk as a sparse file."""
    with open(path, "wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    return path


def copy_overlay(box, path):
    """The card as it is now under another name, to go back to later."""
    shutil.copyfile(box.overlay, path)
    return path
