"""ECR on this machine: a real registry behind TLS and ECR's own name, on a loopback address.

Between the two stands what makes a registry ECR: repositories are created first, immutable tags,
refusals. It knows moto's repositories and tells moto which images arrive.
"""

import base64
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from moto.backends import get_backend
from moto.moto_proxy.proxy3 import CertificateCreator

HOSTS = Path("/etc/hosts")
# Where docker and podman look for a registry's certificate; no restart needed.
CERTIFICATES = Path("/etc/docker/certs.d")
REGION = "us-east-1"
CONFIGURATION = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:5443", relativeurls: true}}
"""


class Unavailable(Exception):
    """What this machine does not allow."""


class Registry:
    """What the fixture `registry` gives.

    host, other_host: its names, for the tests' account and for a second one.
    hook: None, or a function: method, path → None, or (status, code, message) to refuse with.
    """

    def __init__(self, account, other_account, folder):
        self.host, self.other_host = (
            f"{each}.dkr.ecr.{REGION}.amazonaws.com" for each in (account, other_account)
        )
        # Of this process alone, as its accounts are.
        pid = os.getpid()
        self.address = f"127.{64 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"
        self._folder = folder / "registry"
        self.hook = None
        self._stack = contextlib.ExitStack()
        try:
            self._start(folder)
        except OSError as error:
            self.close()
            raise Unavailable(f"No registry on {self.address}:443: {error}.") from None
        except BaseException:
            self.close()
            raise

    def _start(self, folder):
        program = shutil.which("docker-registry") or shutil.which("registry")
        if not program:
            raise Unavailable("docker-registry is not installed.")
        configuration = folder / "registry.yml"
        configuration.write_text(
            CONFIGURATION.format(folder=self._folder, address=self.address), encoding="utf-8"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = CertificateCreator().create(self.host)
        context.load_cert_chain(keyfile=CertificateCreator.certkey, certfile=certificate)
        server = ThreadingHTTPServer((self.address, 443), _handler(self))
        self._stack.callback(server.server_close)
        server.daemon_threads = True
        # Not in accept(): one slow client must not hold up the others.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        process = subprocess.Popen(
            [program, "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._stack.callback(server.shutdown)
        self._stack.callback(_forget, os.getpid())
        _introduce(self.address, [self.host, self.other_host])
        until(
            lambda: process.poll() or self._ask("GET", "/v2/", {}, None), "docker-registry starts"
        )
        if process.poll():
            raise Unavailable("docker-registry does not start.")

    def close(self):
        self._stack.close()

    def reset(self):
        """Forget every image."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.hook = None

    def manifest(self, repository, reference):
        """The media type and the text of what lies in the registry under a tag or digest."""
        accept = {"Accept": ", ".join(MEDIA_TYPES)}
        path = f"/v2/{repository}/manifests/{reference}"
        status, headers, body = self._ask("GET", path, accept, None)
        assert status == 200, body
        return headers["Content-Type"], json.loads(body)

    def blob(self, repository, digest):
        """The JSON of a blob, such as an image's configuration."""
        status, _, body = self._ask("GET", f"/v2/{repository}/blobs/{digest}", {}, None)
        assert status == 200, body
        return json.loads(body)

    def _ask(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self.address, 5443, timeout=600)
        try:
            connection.request(method, path, body, headers, encode_chunked=body is not None)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


MEDIA_TYPES = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


def _handler(registry):
    class Gate(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 600

        def log_message(self, *_):
            pass

        def answer(self, status, headers, body=b""):
            self.send_response(status)
            for name, text in headers.items():
                if name.lower() not in ("date", "server", "transfer-encoding", "connection"):
                    self.send_header(name, text)
            if "Content-Length" not in headers and status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status, code, message, **headers):
            body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
            # What the client still sends is not read.
            self.close_connection = True
            headers |= {"Content-Type": "application/json", "Connection": "close"}
            self.answer(status, headers, body)

        def handle_any(self):
            account, _, _, region = self.headers["Host"].split(".")[:4]
            password = base64.b64encode(f"AWS:{account}-auth-token".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {password}":
                realm = f'Basic realm="https://{self.headers["Host"]}/",service="ecr.amazonaws.com"'
                headers = {"Www-Authenticate": realm}
                return self.refuse(401, "UNAUTHORIZED", "Not Authorized", **headers)
            if registry.hook and (refusal := registry.hook(self.command, self.path)):
                return self.refuse(*refusal)
            name, kind, reference = _parts(self.path)
            known = get_backend("ecr")[account][region]
            if name and name not in known.repositories:
                text = f"The repository with name '{name}' does not exist in the registry with id"
                return self.refuse(404, "NAME_UNKNOWN", f"{text} '{account}'")
            headers = {
                name: text
                for name, text in self.headers.items()
                if name.lower() not in ("connection", "authorization", "expect")
            }
            body = self.body()
            if self.command != "PUT" or kind != "manifests":
                return self.answer(*registry._ask(self.command, self.path, headers, body))
            manifest = b"".join(body)
            digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
            repository = known.repositories[name]
            taken = [each for each in repository.images if reference in each.image_tags]
            if taken and repository.is_tag_immutable():
                text = (
                    f"The image tag '{reference}' already exists in the '{name}' repository and "
                    "cannot be overwritten because the tag is immutable."
                )
                return self.refuse(400, "TAG_INVALID", text)
            answer = registry._ask("PUT", self.path, headers, [manifest])
            if answer[0] == 201:
                tag = None if reference.startswith("sha256:") else reference
                kind = self.headers["Content-Type"]
                known.put_image(name, manifest.decode(), tag, kind, digest)
            return self.answer(*answer)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def body(self):
            """What the client sends, in pieces; None where it sends nothing."""
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                return self.chunks()
            length = int(self.headers.get("Content-Length", 0))
            return [self.rfile.read(length)] if length or self.command == "PUT" else None

        def chunks(self):
            while length := int(self.rfile.readline(), 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()

    return Gate


def _parts(path):
    """/v2/some/name/manifests/tag → the name, manifests, the tag."""
    found = re.match(r"/v2/(.+)/(manifests|blobs|tags)/([^?]*)", path)
    return found.groups() if found else ("", "", "")


def _introduce(address, hosts):
    """Give the registry its names, and its certificate to the engines."""
    with _locked_hosts() as hosts_file:
        lines = "".join(f"{address} {host} # cloud tests {os.getpid()}\n" for host in hosts)
        hosts_file.write(lines)
    for host in hosts:
        folder = CERTIFICATES / host
        folder.mkdir(parents=True)
        shutil.copy(CertificateCreator.cacert, folder / "ca.crt")


def _forget(*pids):
    """Take back what these processes introduced, and what killed ones left behind."""
    with _locked_hosts() as hosts_file:
        hosts_file.seek(0)
        lines = hosts_file.readlines()
        kept = []
        for line in lines:
            owner = re.search(r"# cloud tests (\d+)$", line)
            if not owner or (int(owner[1]) not in pids and Path("/proc", owner[1]).exists()):
                kept.append(line)
                continue
            shutil.rmtree(CERTIFICATES / line.split()[1], ignore_errors=True)
        if kept != lines:
            # In place: a container's /etc/hosts can't be replaced.
            hosts_file.seek(0)
            hosts_file.truncate()
            hosts_file.writelines(kept)


@contextlib.contextmanager
def _locked_hosts():
    with HOSTS.open("a+", encoding="utf-8") as hosts_file:
        fcntl.flock(hosts_file, fcntl.LOCK_EX)
        yield hosts_file


def until(answer, what):
    """Wait for something that has no other way to say that it is ready."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            if answer():
                return
        time.sleep(0.1)
    raise Unavailable(f"In vain for 30 seconds: {what}.")
