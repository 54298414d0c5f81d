"""What docker, podman, finch and git mean by their words, and what is to be done.

The whole shape of a message is matched: one word of it, such as "denied", stands in many.
"""

from __future__ import annotations

import re

# fmt: off
FAULTS = {
    r"permission denied while trying to connect to the [Dd]ocker|"
    r"dial unix \S*docker\S*: connect: permission denied":
        'You may not use docker: join its group (sudo usermod -aG docker "$USER", then log in '
        "again), or use podman (CONTAINER_ENGINE=podman).",
    r"Cannot connect to the Docker daemon|failed to connect to the docker API|"
    r"error during connect: .*docker":
        "docker does not answer: start Docker Desktop, or the service (sudo systemctl start "
        "docker).",
    r"could not be found in this WSL":
        "docker is not there in this WSL: turn on its integration in Docker Desktop's settings "
        "(Resources, WSL).",
    r"docker\S*\.sock: connect: connection refused|^context deadline exceeded|"
    r"Internal Server Error for API route":
        "docker hangs: restart Docker Desktop, or the service (sudo systemctl restart docker).",
    r'context "(\S+?)": context not found':
        "docker's context {1} is gone: docker context use default.",
    r"client version \S+ is too old":
        "docker's client is older than its service takes: update the client.",
    r"Cannot connect to Podman|unable to connect to Podman|"
    r"^Error: failed to connect: dial tcp (?:127\.0\.0\.1|\[::1\])":
        "podman does not answer: start its machine, podman machine start (before the first time: "
        "podman machine init).",
    r"insufficient UIDs or GIDs|cannot re-exec process|newuidmap":
        "podman may not map users here: give yours a range in /etc/subuid and /etc/subgid, then "
        "podman system migrate.",
    r'instance "finch" does not exist|run `finch vm init`':
        "finch does not answer: make its machine, finch vm init.",
    r'instance "finch" is (?:stopped|not running)|run `finch vm start`':
        "finch does not answer: start its machine, finch vm start.",
    r"cannot access containerd socket|rootless containerd not running":
        "finch does not answer: start containerd (sudo systemctl start containerd); on Linux finch "
        "runs as root (sudo).",
    r"error (?:storing|getting) credentials - err: (.*?)(?:, out: `(.*?)`?)?\s*$":
        'docker\'s credential store fails ({words}): take "credsStore" out of '
        "~/.docker/config.json, then run this again.",
    r"(?:open|mkdir|stat|lstat|rename|chmod) (\S*?[/\\](?:\.docker|\.finch|containers))"
    r"(?:[/\\]\S*?)?: (?:permission denied|Access is denied)":
        '{1} is another user\'s, perhaps since a sudo: sudo chown -R "$USER" {1}, then run this '
        "again.",
    r"(?:open|mkdir) (\S*?/\.docker)(?:/\S*?)?: read-only file system":
        "{1} can't be written: set DOCKER_CONFIG to a folder that can, then run this again.",
    r'short-name "(\S+?)" did not resolve':
        "podman does not know which registry {1} is of: write its whole name in the Dockerfile, "
        "such as docker.io/{1}.",
    r"toomanyrequests: (?!Rate exceeded)|pull rate limit":
        "The registry lets no more pulls of this address for now: log in to it (docker login), or "
        "try again in some hours.",
    r"x509: certificate (?:signed by unknown authority|is not trusted)|"
    r"tls: failed to verify certificate":
        "The engine does not trust a certificate on its way to the registry: give it that of your "
        "company's proxy (the manual, a company's network).",
    r"Proxy Authentication Required":
        "The proxy wants a password of the engine: put it into the engine's own proxy settings.",
    r"failed to resolve source metadata for (\S+?): .*(?:no basic auth credentials|denied|"
    r"40[13] (?:Forbidden|Unauthorized))|unexpected status from HEAD request to (\S+?): 40[13]":
        "The base image is not given to you ({1}): log in to its registry, for ECR by `aws ecr "
        "get-login-password --region REGION | docker login --username AWS --password-stdin "
        "REGISTRY`, or mend its name.",
    r"failed to resolve source metadata for (\S+?): .*(?:no such host|time.*out|refused|EOF)":
        "The base image {1} can't be fetched: look at network and proxy of the engine.",
    r"attestations are not supported by the current buildkitd":
        "docker's service is too old for its buildx: update docker.",
    r"detected dubious ownership in repository at '(.+?)'":
        "git does not read {1}, which is another user's: git config --global --add safe.directory "
        "{1}.",
}
# Why a container did not start. The program that could not be started names itself.
START_FAULTS = {
    r"select device driver|GPU vendor|nvidia\.com/gpu|nvidia-container-cli":
        "there is no GPU that the engine can use: install NVIDIA's driver and container toolkit, "
        "or leave out --gpus",
    r'exec: "train": executable file not found|executable file `train` not found':
        'the image has no ENTRYPOINT and no program "train" on its PATH: give the Dockerfile an '
        "exec-form ENTRYPOINT that names the training program",
    r'exec: "([^"]+)": executable file not found|executable file `([^`]+)` not found':
        'there is no program "{1}" on the PATH of the image, which ENTRYPOINT names: name one that '
        "is there, or install it in the Dockerfile",
    r"exec format error":
        "the image is of another architecture, or its program is a script without a "
        '"#!" line: build with PLATFORM=linux/amd64',
    r"open executable: Permission denied":
        "the program that ENTRYPOINT names is not executable: COPY it with --chmod=0755",
    r'exec:? "?([^\s":]+)"?: permission denied':
        "the program {1} that ENTRYPOINT names is not executable: COPY it with --chmod=0755",
    r'exec:? "?([^\s":]+)"?: (?:stat \S+: )?no such file or directory|'
    r"executable file `([^`]+)` not found: No such file":
        "the program {1} that ENTRYPOINT names, or the interpreter in its first line, is not in "
        'the image (a "#!" line that ends in CRLF looks the same)',
}
# fmt: on


def explain(said: str, faults: dict[str, str] = FAULTS, **known: object) -> str:
    """Return what is wrong and what to do, by the words of a program; empty where unknown.

    `known` is what else a sentence names.
    """
    for pattern, sentence in faults.items():
        found = re.search(pattern, said, re.MULTILINE)
        if found:
            named = [each for each in found.groups() if each]
            known = {"words": ", ".join(named), **known}
            return sentence.format(found[0], *(named or [""]), **known)
    return ""
