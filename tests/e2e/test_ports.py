"""Only the ports of installed roles are open, and those between nodes only on loopback: what the
kernel says about the server's sockets, compared with the contract written down here once more."""
import pathlib
import socket
import struct

import pytest

import serving

OUTSIDE = {"mta": {25, 465, 587}, "proxy": {80, 110, 143, 443, 993, 995, 4190, 5222, 6071, 8636}}
NODES = {"every": {8301, 9100, 9256}, "directory": {389, 636, 9330, 8300, 8302, 9107}, "database": {5432, 9187},
         "mta": {7026}, "mailbox": {7025, 7071, 7072, 7073, 7110, 7143, 7190, 7993, 7995, 8080, 8443, 8735, 8742,
                                    8743}, "proxy": {9113, 11211}, "video": {8188, 8090}}
BUILT = {25, 465, 587, 110, 143, 993, 995, 4190, 7025, 7110, 7143, 7190, 7993, 7995, 9256}


def address(text):
    """(address, port) of a field of /proc/net/tcp."""
    host, port = text.split(":")
    raw = bytes.fromhex(host)
    raw = b"".join(struct.pack("<I", *struct.unpack(">I", raw[i:i + 4])) for i in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), int(port, 16)


def listening(server):
    """{port: {addresses}} of the server's own listening TCP and bound UDP sockets."""
    inodes = set()
    for pid in server.pids():
        for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = str(fd.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    out = {}
    for name, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for line in pathlib.Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] in states:
                host, port = address(fields[1])
                out.setdefault(port, set()).add(host)
    return out


def contract(server, port):
    """The number of the contract behind a port of this server."""
    offset = server.ports["LMTP"] - 7025
    low = server.ports["SMTP"] - 25
    return port - offset if port - offset >= 1024 else port - low


def start(*roles):
    if serving.inherited():
        pytest.skip("needs servers of its own")
    if not serving.WITH_SERVER.exists():
        pytest.skip("scripts/with-server is not there")
    return serving.start(1, *(["--set", "node.roles=" + " ".join(roles)] if roles else []))


@pytest.mark.parametrize("roles", [(), ("directory", "mailbox", "proxy"), ("directory", "mailbox", "mta")],
                         ids=lambda r: "-".join(r) or "all")
def test_only_ports_of_installed_roles(roles):
    server = start(*roles)
    try:
        installed = {"every", *(roles or ("directory", "mta", "mailbox", "proxy"))}
        allowed = set().union(*(OUTSIDE.get(r, set()) | NODES.get(r, set()) for r in installed))
        found = {contract(server, port): hosts for port, hosts in listening(server).items()}
        assert set(found) - allowed == set(), "ports of no installed role"
        assert allowed & BUILT - set(found) == set(), "ports that should be open"
        inner = set().union(*NODES.values())
        for port, hosts in found.items():
            if port in inner and port not in set().union(*OUTSIDE.values()):
                assert hosts <= {"127.0.0.1", "::1"}, f"{port} is open to the world: {hosts}"
        # A scan from outside sees the same.
        offset, low = server.ports["LMTP"] - 7025, server.ports["SMTP"] - 25
        for port in sorted(set().union(*OUTSIDE.values(), *NODES.values())):
            number = port + (offset if port >= 1024 else low)
            if port in found:
                assert is_open(server, number), f"{port} ({number}) is closed"
            elif is_open(server, number):  # somebody else's, who may have gone meanwhile
                assert number in other_listeners(server) or not is_open(server, number), f"{port} ({number}) is open"
    finally:
        server.stop()


def is_open(server, number):
    with socket.socket() as s:
        s.settimeout(30)
        return s.connect_ex((server.host, number)) == 0


def other_listeners(server):
    """Ports that other programs of this machine listen on."""
    mine = set(listening(server))
    everyone = set()
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                everyone.add(address(fields[1])[1])
    return everyone - mine


def test_the_scan_can_fail():
    """It sees a socket that this very process opens."""
    class Self:
        def pids(self):
            return [int(pathlib.Path("/proc/self").readlink().name)]
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        assert listening(Self())[s.getsockname()[1]] == {"127.0.0.1"}
