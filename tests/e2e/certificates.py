"""Certificates of the tests' own making, and having a server take them up."""
import os
import signal
import subprocess

import serving


def make(server, name, *names):
    """NAME.crt and NAME.key in the server's folder `tls`, for the host names."""
    folder = server.state / "tls"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={names[0]}", "-addext",
                    "subjectAltName=" + ",".join(f"DNS:{n}" for n in names),
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"],
                   check=True, stderr=subprocess.PIPE)


def reload(server, event="serve.reloaded"):
    """SIGHUP; returns when the server has said in its log what came of it."""
    def said():
        return (server.state / "serve.log").read_text(errors="replace").count(f"event={event}")
    before = said()
    os.kill(server.pid, signal.SIGHUP)
    serving.wait_for(lambda: said() != before, why=f"the log does not say {event}")
