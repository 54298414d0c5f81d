"""AWS on this machine: moto behind a proxy, so that the aws CLI and scripts speak to it unchanged.

The proxy keeps what was asked, holds it against botocore's model, and fails where a test says so.
"""

import json
import logging
import os
import shutil
import subprocess
import threading
from collections import namedtuple
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import botocore.session
from botocore.config import Config
from botocore.validate import ParamValidator
from moto.backends import get_backend
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_proxy import proxy3

# Whoever signs with this key belongs to the tests' account; other keys are those of assumed roles.
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
# One request: ("ecr", "CreateRepository", "us-east-1", {…}); for S3 ("s3", "PUT", …, {"path": …}).
Call = namedtuple("Call", "service operation region body")
# How a JSON request names its service, where that is not the beginning of its host.
MODELS = {
    "api.ecr": "ecr",
    "api.sagemaker": "sagemaker",
    "servicequotas": "service-quotas",
}


class Cloud:
    """What the fixture `cloud` gives.

    environment: of scripts that shall speak to this cloud; with an account and a region.
    calls: what was asked, in order.
    home: the home folder of scripts.
    answers: operation → a function: body → the JSON that is answered in moto's place.
    """

    def __init__(self, account, folder):
        self.account = account
        self._folder = folder
        self._session = botocore.session.get_session()
        self._models = {}
        self._certificates = certificates(folder)
        logging.getLogger("MOTO_PROXY").setLevel(logging.WARNING)
        proxy3.MotoRequestHandler = lambda port: _Handler(port, self)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._proxy = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def reset(self, home):
        """Forget everything; a new home folder."""
        moto_api_backend.reset()
        self.home = home
        # moto has no price list.
        self.answers = {"GetProducts": lambda body: {"PriceList": []}}
        self.calls = []
        self.invalid = []
        self._failures = []
        self.environment = {
            name: text
            for name, text in os.environ.items()
            # A make that runs pytest must not speak to the tests', nor this machine's own AWS.
            if not name.startswith(("MAKE", "AWS_", "SAGEMAKER_")) and "proxy" not in name.lower()
        } | {
            "HOME": str(home),
            "PATH": f"{tools(self._folder)}{os.pathsep}{os.environ['PATH']}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_CA_BUNDLE": str(self._certificates),
            "HTTPS_PROXY": self._proxy,
            # Logins of docker and of podman.
            "DOCKER_CONFIG": str(home / "docker"),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        }

    def client(self, service, region="us-east-1"):
        """A botocore client, to prepare and to look: client("ecr").create_repository(…)."""
        return self._session.create_client(
            service,
            region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key="secret",
            verify=str(self._certificates),
            config=Config(proxies={"https": self._proxy}, retries={"total_max_attempts": 1}),
        )

    def backend(self, service, region="us-east-1", account=None):
        """moto's own state, for what no API sets: backend("sagemaker").training_jobs[…]."""
        return get_backend(service)[account or self.account][region]

    def fail(self, operation, code, message="", status=400, times=None):
        """Let an operation fail as AWS would, so many times (default: always)."""
        self._failures.append([operation, code, message, status, times])

    def asked(self, operation):
        """The bodies of the requests for an operation, in order."""
        return [call.body for call in self.calls if call.operation == operation]

    def run(self, folder, *command, **environment):
        """Run a command in a folder, against this cloud; its output is text, errors included."""
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
        )

    def _failure(self, operation):
        for failure in self._failures:
            if failure[0] == operation and failure[-1] != 0:
                failure[-1] = failure[-1] and failure[-1] - 1
                return failure[1:4]
        return None

    def _check(self, call):
        """Hold a JSON request against botocore's model of the operation."""
        if call.service not in self._models:
            self._models[call.service] = self._session.get_service_model(call.service)
        shape = self._models[call.service].operation_model(call.operation).input_shape
        report = ParamValidator().validate(call.body, shape) if shape else None
        if report and report.has_errors():
            self.invalid.append(f"{call.service} {call.operation}: {report.generate_report()}")


class _Proxy(proxy3.ProxyRequestHandler):
    # A loaded machine is slow to send.
    timeout = 120

    def log_message(self, *_):
        pass

    def end_headers(self):
        # It closes after each answer: unless it says so, a fast client sends the next one into it.
        if self.command != "CONNECT":
            self.send_header("Connection", "close")
        super().end_headers()

    def finish(self):
        super().finish()
        # The socket within TLS: the server knows the outer one alone.
        self.connection.close()


class _Handler(proxy3.MotoRequestHandler):
    def __init__(self, port, cloud):
        super().__init__(port)
        self.cloud = cloud

    def parse_request(self, method, host, path, headers, body):
        if f"Credential={ACCESS_KEY}/" in headers.get("Authorization", ""):
            headers["x-moto-account-id"] = self.cloud.account
        call = _call(method, host.removeprefix("https://"), path, headers, body)
        self.cloud.calls.append(call)
        if headers.get("X-Amz-Target"):
            self.cloud._check(call)
        if failure := self.cloud._failure(call.operation):
            return _error(call, *failure)
        if answer := self.cloud.answers.get(call.operation):
            return (
                200,
                {"Content-Type": "application/x-amz-json-1.1"},
                json.dumps(answer(call.body)),
            )
        return super().parse_request(method, host, path, headers, body)


def _call(method, host, path, headers, body):
    scope = headers.get("Authorization", "").partition("Credential=")[2].split("/")
    region, service = scope[2:4] if len(scope) > 3 else ("", host.split(".")[0])
    if target := headers.get("X-Amz-Target"):
        service = MODELS.get(service, service)
        return Call(service, target.split(".")[-1], region, json.loads(body or b"{}"))
    if b"Action=" in (body or b""):
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        return Call(service, fields["Action"], region, fields)
    bucket = host.split(".s3")[0] if ".s3" in host else ""
    return Call(service, method, region, {"path": f"/{bucket}{path}" if bucket else path})


def _error(call, code, message, status):
    if isinstance(call.body, dict) and "Action" in call.body:
        text = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f"<ErrorResponse>{text}<RequestId>1</RequestId></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, body
    if call.service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, body
    body = json.dumps({"__type": code, "message": message})
    return status, {"Content-Type": "application/x-amz-json-1.1"}, body


def certificates(folder):
    """Let moto write its certificates to a folder of ours; return that of its authority."""
    creator = proxy3.CertificateCreator
    shipped = Path(creator.certdir)
    if shipped != folder:
        shutil.copy(shipped / "req.conf.tmpl", folder)
        creator.certdir = str(folder)
    return Path(creator.cacert)


def tools(folder):
    """A folder with the aws CLI v2 alone; another version may come first in the PATH."""
    found = folder / "bin"
    if not found.exists():
        for place in os.get_exec_path():
            aws = Path(place, "aws")
            if aws.exists() and "aws-cli/2" in version(aws):
                found.mkdir()
                (found / "aws").symlink_to(aws)
                break
    return found


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout
