"""What is generated, and the template itself, pass the linters that they ask others to pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import TEMPLATE, tracked_files


def lint(folder, tool, *arguments):
    """Run a tool of the environment that runs the tests; its words are the failure."""
    done = subprocess.run(
        [Path(sys.executable).with_name(tool), *arguments],
        cwd=folder,
        env=os.environ | {"RUFF_NO_CACHE": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "check", [["check"], ["format", "--check", "--diff"]], ids=["rules", "format"]
)
def test_generated_python_is_clean(repository, check):
    lint(repository, "ruff", *check, ".")


def test_generated_dockerfile_is_clean(repository):
    lint(repository, "hadolint", "--config", TEMPLATE / ".hadolint.yaml", "Dockerfile")


def test_generated_cloudformation_is_clean(bake):
    # The same in each language: it takes ten seconds.
    repository = bake("python")
    templates = sorted((repository / "tools" / "cloud").glob("*.yaml"))
    assert templates
    lint(repository, "cfn-lint", "--include-checks", "I", "--", *templates)


def test_generated_ci_fits_the_published_schema(repository):
    for schema, file in (("github-workflows", "workflows/ci.yml"), ("renovate", "renovate.json")):
        if (repository / ".github" / file).exists():
            arguments = ["--builtin-schema", f"vendor.{schema}", f".github/{file}"]
            lint(repository, "check-jsonschema", *arguments)


def test_the_templates_workflows_fit_the_published_schema():
    workflows = [f".github/workflows/{name}.yml" for name in ("ci", "pages")]
    lint(TEMPLATE, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)


@pytest.mark.parametrize(
    "check", [["check"], ["format", "--check", "--diff"]], ids=["rules", "format"]
)
def test_the_templates_python_is_clean(check):
    lint(TEMPLATE, "ruff", *check, "--config", "pyproject.toml")


def test_shell_scripts_are_clean():
    shebangs = (b"#!/usr/bin/env bash", b"#!/bin/sh")
    scripts = [path for path in tracked_files().values() if path.read_bytes().startswith(shebangs)]
    assert scripts
    lint(TEMPLATE, "shellcheck", *scripts)
