"""A package index that asks for a password, with one package that no other index has."""

import base64
import hashlib
import io
import secrets
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

POM = """<project><modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId><artifactId>company</artifactId><version>{}</version>
</project>"""


class Index:
    """Serves a folder to who knows the password.

    user, password: it asks for them. version: of its one package, company; no build has seen it.
    asked: the paths that were asked for with the password. elsewhere: where what it does not have
    is to be found, if anywhere. stalls: a path that it sends half of, and no more, when it is first
    asked for it.
    """

    def __init__(self, folder, elsewhere=""):
        self.elsewhere, self.stalls = elsewhere, ""
        self.folder, self.user, self.password = folder, "aws", f"lovelace-{secrets.token_hex(8)}"
        self.version = f"1.{secrets.randbelow(10**9)}"
        self.asked, self.closed = [], threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_port}"

    def close(self):
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def login(self):
        return f"{self.user}:{self.password}"

    @property
    def secrets(self):
        """What must not be found anywhere: the password, and as the header of a request."""
        return [self.password, base64.b64encode(self.login.encode()).decode()[:-4]]

    def write(self, path, content):
        """Lay a file into the folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)

    def add_wheel(self, place):
        """The package for pip, in a folder; return its line of a lock."""
        name, folder = f"company-{self.version}-py3-none-any.whl", f"company-{self.version}"
        wheel = archive(
            {
                "company.py": "",
                f"{folder}.dist-info/METADATA": (
                    f"Metadata-Version: 2.1\nName: company\nVersion: {self.version}\n"
                ),
                f"{folder}.dist-info/WHEEL": (
                    "Wheel-Version: 1.0\nGenerator: tests\n"
                    "Root-Is-Purelib: true\nTag: py3-none-any\n"
                ),
                f"{folder}.dist-info/RECORD": "",
            }
        )
        digest = hashlib.sha256(wheel).hexdigest()
        self.write(f"{place}/company/{name}", wheel)
        page = f'<!DOCTYPE html><a href="{name}#sha256={digest}">{name}</a>'
        self.write(f"{place}/company/index.html", page.encode())
        return f"company=={self.version} --hash=sha256:{digest}\n"

    def add_source_package(self):
        """The package for R, in src/contrib, beside those that lie there."""
        files = {
            "DESCRIPTION": (
                f"Package: company\nVersion: {self.version}\nTitle: Company\n"
                "Description: Of a company.\nAuthor: Ada\nMaintainer: Ada <ada@example.com>\n"
                "License: MIT\n"
            ),
            "NAMESPACE": "",
        }
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as file:
            for name, text in files.items():
                member = tarfile.TarInfo(f"company/{name}")
                member.size = len(text)
                file.addfile(member, io.BytesIO(text.encode()))
        self.write(f"src/contrib/company_{self.version}.tar.gz", packed.getvalue())
        lists = self.folder / "src/contrib/PACKAGES"
        known = lists.read_text() if lists.exists() else ""
        for each in ("PACKAGES.gz", "PACKAGES.rds"):
            lists.with_name(each).unlink(missing_ok=True)
        lists.write_text(f"Package: company\nVersion: {self.version}\nLicense: MIT\n\n{known}")

    def add_jar(self, place):
        """The package for Maven, as com.example:company in a folder; return the path of its jar."""
        place = f"{place}/com/example/company/{self.version}/company-{self.version}"
        self.write(f"{place}.pom", POM.format(self.version).encode())
        self.write(f"{place}.jar", archive({"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"}))
        return f"/{place}.jar"


def archive(texts):
    """Return a zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in texts.items():
            file.writestr(name, text)
    return packed.getvalue()


def _handler(index):
    right = f"Basic {base64.b64encode(index.login.encode()).decode()}"

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=index.folder)

        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.headers.get("Authorization") == right:
                index.asked.append(self.path)
                if index.stalls == self.path and index.asked.count(self.path) == 1:
                    return self.stall()
                if not index.elsewhere or (index.folder / self.path.lstrip("/")).exists():
                    return super().do_GET()
                self.send_response(302)
                self.send_header("Location", index.elsewhere + self.path)
            else:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="company"')
            self.send_header("Content-Length", "0")
            return self.end_headers()

        def stall(self):
            content = (index.folder / self.path.lstrip("/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            index.closed.wait()

    return Handler
