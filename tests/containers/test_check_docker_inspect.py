"""What tools/check/dockerfile.py reads from a Dockerfile is what the built image says."""

import json
import subprocess

import pytest
from corpus.load import dockerfile, stages

# Each is built FROM an image without ENTRYPOINT, CMD, USER and WORKDIR. No heredoc: engines of
# before 2022 read them with a frontend from a registry only.
DOCKERFILES = {
    "exec form": 'ENTRYPOINT ["python", "train.py"]\nWORKDIR /opt/ml/code\n',
    "shell form": "ENTRYPOINT python train.py\nCMD a b\n",
    "lower case": 'entrypoint ["a"]\ncmd ["b", "c"]\nworkdir x\nuser root\n',
    "no valid list": "ENTRYPOINT ['a', 'b']\n",
    "continued": 'ENTRYPOINT [ "a", \\\n  # comment\n\n  "b c" ]\nUSER 0:0\n',
    "another escape": '# escape=`\nFROM base0\nWORKDIR /a\\b`\n/c\nCMD ["x"]\n',
    "variables": "ARG A=/x\nENV B=${A:-/no}/y C=${NO:+z}\nWORKDIR ${B}$C\nUSER ${D:-daemon}\n",
    "ARG after ENV": "ENV A=/one\nARG A=/two\nWORKDIR $A\n",
    "stages": 'FROM base0 AS one\nWORKDIR /a\nUSER 1\nENTRYPOINT ["e"]\nCMD ["c"]\nFROM one\n'
    "WORKDIR b\n",
    "a stage resets CMD": 'FROM base0 AS One\nCMD ["c"]\nFROM one\nENTRYPOINT ["e"]\n',
    "the last stage counts": 'FROM base0 AS one\nENTRYPOINT ["e"]\nFROM base0\nCMD c\n',
    "twice": 'ENTRYPOINT ["a"]\nENTRYPOINT ["b"]\nCMD a\nCMD ["b"]\n',
    "an empty list": 'FROM base0 AS one\nENTRYPOINT ["a"]\nFROM one\nENTRYPOINT []\n',
    "another shell": 'SHELL ["/bin/bash", "-c"]\nENTRYPOINT a "b c"\n',
    "quotes": 'WORKDIR "/a b"/\'c d\'\nUSER "daemon"\n',
}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_it_is_what_the_engine_inspects(engine, tmp_path, name):
    base = "stand-in/check:base0"
    empty = tmp_path / "empty"
    empty.mkdir()
    build(engine, empty, base, "FROM scratch\nLABEL a=b\n")
    text = DOCKERFILES[name].replace("base0", base)
    if "FROM" not in text:
        text = f"FROM {base}\n{text}"
    tag = f"check-inspect:{list(DOCKERFILES).index(name)}"
    build(engine, empty, tag, text)
    inspect = [engine, "image", "inspect", "--format", "{{json .Config}}", tag]
    done = subprocess.run(inspect, check=True, capture_output=True, text=True, timeout=60)
    subprocess.run([engine, "image", "rm", "--force", tag], capture_output=True, timeout=60)
    config = json.loads(done.stdout)
    stage = stages.stages_of(dockerfile.read_dockerfile(text), {})[-1]
    assert words(stage, stage.entrypoint) == (config.get("Entrypoint") or [])
    assert words(stage, stage.cmd) == (config.get("Cmd") or [])
    assert (stage.workdir.rstrip("/") or "/") == (config.get("WorkingDir") or "/")
    assert (stage.value(stage.user) if stage.user else "") == config.get("User", "")


def build(engine, folder, tag, text):
    subprocess.run(
        [engine, "build", "--quiet", "--tag", tag, "--file", "-", str(folder)],
        input=text,
        env={"PATH": "/usr/bin:/bin", "DOCKER_BUILDKIT": "1", "HOME": str(folder)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )


def words(stage, instruction):
    """The words of ENTRYPOINT or CMD; the shell form is the words of SHELL and one more."""
    if not instruction:
        return []
    if instruction.json is not None:
        return instruction.json
    shells = [each.json for each in stage.instructions if each.name == "SHELL"]
    return [*(shells[-1] if shells else ["/bin/sh", "-c"]), instruction.rest]
