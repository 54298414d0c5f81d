"""Answers are data wherever they land: nothing in them is a command, a quote or a template."""

import json
import subprocess
import tomllib

import pytest
import yaml

HOSTILE = {
    "quotes": "Ada's \"best\" 'model'",
    "triple quotes": 'a """ b \'\'\' c """',
    "dollars": "$HOME $(touch pwned) ${PATH} $$ `touch pwned`",
    "backslashes": "C:\\new\\table \\u0041 \\\\ \\",
    "markup": "<script>alert(1)</script> & <b>bold</b> [red]rich[/red] &amp;",
    "jinja": "{{ 7 * 7 }} {# gone #} ${{ github.ref }} {{{ #=}",
    "letters": "Éclair Ĳssel 数据 펭귄 🐧 e\u0301 \u202eabc",
    "markdown": "# *a* | `b` | [c](d) <!-- --> ~~~",
    "syntax": "key: [value, {a: b}] # no = comment; %s %(s)s {0} !!x @y",
    "make": "$(error no) := %.o: ; \\# $@",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_are_data(cookiecutter, tmp_path, text):
    # Typed at the prompt: cookiecutter itself renders what the command line gives.
    typed = [text, "data-only", text, text, "1", "", "3", "1"]
    done = cookiecutter("--output-dir", tmp_path, typed="".join(f"{line}\n" for line in typed))
    assert done.returncode == 0, done.stderr
    # The last lines say what was made.
    assert f"{text} is ready in data-only: language python" in done.stdout

    repository = tmp_path / "data-only"
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {text}\n\n{text}\n\n")
    lines = (repository / "LICENSE").read_text(encoding="utf-8").split("\n")
    assert f"Copyright (c) {text}" in lines

    json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    yaml.safe_load((repository / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    helped = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("license", ["mit", "bsd-3-clause", "proprietary"])
def test_the_copyright_stands_on_one_line(bake, license):
    author = "The Very Long Name of a Company, and Another One, GmbH & Co. KG " * 3 + "x"
    text = (bake("r", license=license, author=author) / "LICENSE").read_text(encoding="utf-8")
    assert f"Copyright (c) {author}" in text
