"""tools/check/dockerfile.py against BuildKit's parser and a port of it, and fuzzed."""

import re

import dockerfile as buildkit
import e2b_dockerfile_utils as port
import pytest
from corpus import public
from corpus.edits import ENTRYPOINTS
from corpus.load import build, command, dockerfile, stages
from corpus.right import RIGHT
from corpus.whole import ROWS
from corpus.wrong import WRONG
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import TEMPLATE

GENERATED = TEMPLATE / "{{cookiecutter.project_slug}}" / "languages"
SPACES = re.compile(f"[{dockerfile.SPACE}]+")


def theirs(text):
    """What BuildKit's parser reads, in our words; None for what it refuses."""
    try:
        commands = buildkit.parse_string(text)
    except buildkit.GoParseError:
        return None
    if any(each.cmd is None for each in commands):
        return None  # a continuation of nothing at the end of the file
    return [
        (
            each.cmd.upper(),
            each.start_line,
            each.end_line,
            list(each.flags),
            list(each.value) if each.json and each.cmd.upper() != "ONBUILD" else None,
            [(heredoc.name, heredoc.content) for heredoc in each.heredocs],
            values(each.cmd.upper(), each.value),
        )
        for each in commands
    ]


def ported(text):
    """What the port of BuildKit's parser reads, in our words; None for what it refuses."""
    try:
        read = port.parse_dockerfile_ast(text)
    except port.DockerfileSyntaxError:
        return None
    found = []
    for each in read.instructions:
        name, words = each.name.upper(), each.args
        if name in ("ENV", "LABEL"):  # with a word for the sign between them
            words = [word for number, word in enumerate(words) if number % 3 < 2]
        found.append(
            (
                name,
                each.start_line,
                each.end_line,
                each.flags,
                each.args if each.json and name != "ONBUILD" else None,
                [(heredoc.name, heredoc.content) for heredoc in each.heredocs],
                values(name, words),
            )
        )
    return found


def ours(text):
    """What our reader reads; None for what it refuses."""
    try:
        return [
            (
                each.name,
                each.line,
                each.end,
                each.flags,
                each.json,
                each.heredocs if each.name != "ONBUILD" else [],
                own_values(each),
            )
            for each in dockerfile.read_dockerfile(text)
        ]
    except dockerfile.DockerfileError:
        return None


def values(name, words):
    """The values that both sides can name: not those of instructions that BuildKit drops."""
    if name in ("ENV", "LABEL"):
        return list(zip(words[::2], words[1::2], strict=True))
    if name in ("FROM", "COPY", "ADD", "VOLUME"):
        return list(words)
    if name in ("CMD", "ENTRYPOINT", "RUN", "SHELL", "USER", "WORKDIR"):
        return SPACES.split(" ".join(words).strip(dockerfile.SPACE))
    return [word for word in words if word] if name == "ARG" else None


def own_values(each):
    if each.name in ("ENV", "LABEL"):
        return each.pairs
    if each.name in ("FROM", "COPY", "ADD", "VOLUME"):
        return each.words
    if each.name in ("CMD", "ENTRYPOINT", "RUN", "SHELL", "USER", "WORKDIR"):
        text = " ".join(each.json) if each.json is not None else each.rest
        return SPACES.split(text.strip(dockerfile.SPACE))
    if each.name == "ARG":
        return [name if value is None else f"{name}={value}" for name, value in each.pairs]
    return None


# ---- Every Dockerfile that the tests have --------------------------------------------------


def dockerfiles():
    """Each edit's Dockerfile, and those that lie in the template."""
    for path in [*GENERATED.glob("*/Dockerfile"), *TEMPLATE.glob("tests/**/Dockerfile")]:
        yield path.relative_to(TEMPLATE).as_posix(), path.read_text(encoding="utf-8")
    for name, edit, *_ in [*WRONG, *RIGHT]:
        changes = [each for each in (edit, *edit.more) if each.file == "Dockerfile"]
        if not changes:
            continue
        path = GENERATED / edit.language / "Dockerfile"
        texts = {"Dockerfile": path.read_text(encoding="utf-8")}
        for each in changes:
            each._replace(more=()).apply(texts)
        yield name, texts["Dockerfile"]
    others = [(each[0], each[1]) for each in [*public.RIGHT, *public.WRONG, *public.WARNED]]
    for name, texts in [*others, *((each[0], each[2]) for each in ROWS)]:
        yield from ((name, text) for file, text in texts.items() if "file" in file.lower())


def test_it_reads_what_buildkit_reads():
    number = 0
    for name, text in dockerfiles():
        read = ours(text)
        assert read == theirs(text), name
        if read and all(each[0] in dockerfile.INSTRUCTIONS for each in read):
            assert read == ported(text), name
        else:  # the port knows the instructions by name
            assert not ported(text), name
        number += 1
    assert number > 100


SNIPPETS = [
    'FROM a\nCOPY --from="x" a b\n',
    "FROM a\nCOPY --chown='a\\ b' --chmod=1 -- a b\n",
    'FROM a\nRUN <<-"E F" cat\n\ta\n\tE F\n',
    "FROM a\nRUN 3<<A cat <<'B' <<\"C\"\n1\nA\n2\nB\n3\nC\n",
    "FROM a\nCOPY <<A <<B /x/\n1\nA\n2\nB\n",
    "FROM a\nRUN cat <<<word\n",
    'FROM a\nRUN ["a", "b"] <<E\nb\n',
    "FROM a\nENTRYPOINT <<E\n",
    "#escape=`\n#syntax=x\n#escape=`\nFROM x",
    "# escape=`\nFROM x\nRUN a `\n\n # c\n b\\\n",
    "#escape=x\nFROM x",
    "\n# escape=`\nFROM x\nRUN a \\\n b",
    "# comment\n# escape=`\nFROM x\nRUN a \\\n b",
    "from a\nonbuild run echo\n",
    "\ufeffFROM a\nRUN a \\",
    "FROM a\nRUN a\\\\\nRUN b\\\\\\\nc\n",
    'FROM a\nRUN ["a"\nCMD ["a"] b\nCMD []\nCMD [ ]\nSHELL ["a"]\n',
    'FROM a\nCMD ["a", 1]\n',
    'FROM a\nCMD ["a", ["b"]]\n',
    "FROM a\n\\\nRUN b",
    'FROM a\nENV a="b c" d=\\\n  e=f\n',
    "FROM a\nENV a b  c\nENV d='e f' g=\\ h\nLABEL a.b=c\n",
    'FROM a\r\nRUN a \\\r\n  b\r\n# c\r\nCMD ["a"]\r\n',
    "FROM a\n\tRUN\ta\n  # b\n  CMD a",
    "FROM a # no comment\n",
    'ARG a=1 b c="d e"\nFROM a\n',
    'FROM a\nVOLUME /a /b\nVOLUME ["/a b"]\nWORKDIR /a b\nUSER a\n',
    "FROM a\nHEALTHCHECK --interval=5s CMD a\nSTOPSIGNAL 9\nEXPOSE 80 81\nMAINTAINER a b\n",
    'FROM a\nCMD [\'a\']\nCMD ["\\u0041", "\\n"]\n',
    "",
    "# only\n",
    "\n\n",
    "FROM",
    "FROM a\nRUN <<E\nno end",
]


@pytest.mark.parametrize("text", SNIPPETS)
def test_it_reads_a_snippet_as_buildkit_does(text):
    read = theirs(text)
    if read is not None:
        assert ours(text) == read
    else:
        assert ours(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "*\n!training\n",
        "# data\n\ndata\n!data/d.csv\n",
        "**/*.py\n!a/x.py\n",
        "/a/b\n",
        "a/*\n",
        "!top.py\n*.py\n",
        "a?b\n./top.py\n",
        "*/b/\n",
    ],
)
def test_what_dockerignore_hides_is_what_the_port_hides(text):
    seen = build.ignored(text)
    matcher = port.PatternMatcher(text.splitlines())
    for name in (*FILES, "training/train.py", ".git/config", "a/b/c/d.txt", "data"):
        assert seen(name) != matcher.matches(name), name


# ---- Variables -----------------------------------------------------------------------------

VALUES = {"a": "A", "empty": "", "b": "B"}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$a", "A"),
        ("${a}x", "Ax"),
        ("$ax", "$ax"),
        ("${a:-c}", "A"),
        ("${empty:-c}", "c"),
        ("${empty-c}", ""),
        ("${no:-c}", "c"),
        ("${no:-$a}", "A"),
        ("${no:-${empty:-${b}}}", "B"),
        ("${a:+c}", "c"),
        ("${empty:+c}", ""),
        ("${empty+c}", "c"),
        ("${no:+c}", ""),
        ("${a:?message}", "A"),
        ("'$a'", "$a"),
        ('"$a b"', "A b"),
        ("\\$a", "$a"),
        ('"\\a"', "\\a"),
        ("a\\ b", "a b"),
        ("$", "$"),
        ("$$a", "$A"),
        ("${a#x}", "$a"),
    ],
)
def test_variables_are_put_in(word, value):
    assert dockerfile.expand(word, VALUES) == value


@pytest.mark.parametrize("word", ["${a", "${a:-${b}", "${a:-{}"])
def test_an_open_brace_is_said(word):
    with pytest.raises(dockerfile.DockerfileError, match="not closed"):
        dockerfile.expand(word, VALUES)


def image(text, context=()):
    return stages.stages_of(dockerfile.read_dockerfile(text), {each: each for each in context})[-1]


def test_arguments_before_from_need_to_be_named_again():
    text = "ARG V=1\nFROM a:$V\nENV x=${V:-none}\nARG V\nENV y=$V\n"
    assert image(text).base == "a:1"
    assert image(text).variables == {"x": "none", "V": "1", "y": "1"}


def test_the_last_of_env_and_arg_holds_and_env_sees_the_line_before():
    text = "FROM a\nENV x=1\nARG x=2\nENV x=3 y=$x\n"
    assert image(text).variables == {"x": "3", "y": "2"}


def test_stages_take_over_from_stages():
    text = (
        'FROM a:1 AS One\nENV x=1\nWORKDIR /x\nENTRYPOINT ["p"]\nCMD ["c"]\nUSER u\n'
        "FROM b\nFROM one AS two\nWORKDIR y\n"
    )
    stage = image(text)
    assert (stage.workdir, stage.root.base, stage.variables) == ("/x/y", "a:1", {"x": "1"})
    assert (stage.entrypoint.json, stage.cmd.json, stage.value(stage.user)) == (["p"], ["c"], "u")


def test_entrypoint_takes_away_the_cmd_of_the_stage_before_only():
    assert image("FROM a AS b\nCMD c\nFROM b\nENTRYPOINT d").cmd is None
    assert image("FROM a\nCMD c\nENTRYPOINT d").cmd is not None
    assert image("FROM a AS b\nCMD c\nFROM b AS d\nENTRYPOINT e\nFROM d").cmd is None
    assert image("FROM a AS b\nCMD c\nFROM b\nENTRYPOINT []").cmd is None
    assert image("FROM a AS b\nCMD c\nFROM b AS d\nFROM d").cmd is not None


FILES = ["a/x.py", "a/b/y.py", "top.py", "data/d.csv"]


@pytest.mark.parametrize(
    ("copy", "laid"),
    [
        ("COPY a/ ./", {"/w/x.py", "/w/b/y.py"}),
        ("COPY a /z", {"/z/x.py", "/z/b/y.py"}),
        ("COPY top.py .", {"/w/top.py"}),
        ("COPY top.py /w", {"/w/top.py"}),
        ("COPY top.py /z", {"/z"}),
        ("COPY top.py a/x.py /z/", {"/z/top.py", "/z/x.py"}),
        ("COPY *.py /z/", {"/z/top.py"}),
        ("COPY */*.py /z/", {"/z/x.py"}),
        ("COPY t?p.[op]y /z/", {"/z/top.py"}),
        ("COPY ../top.py /z/", {"/z/top.py"}),
        ('COPY ["top.py", "/a b/"]', {"/a b/top.py"}),
        ("COPY <<x.py /z/\n1\nx.py", {"/z/x.py"}),
        ("ADD https://example.com/m.bin /z/", {"/z/m.bin"}),
    ],
)
def test_copy_lays_files_where_docker_does(copy, laid):
    assert set(image(f"FROM a\nWORKDIR /w\n{copy}\n", FILES).files) == laid


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("**/b", "a/b", True),
        ("**/b", "b", True),
        ("a*c", "abc", True),
        ("a?c", "a/c", False),
        ("[!a]", "b", True),
        ("[a-c]", "b", True),
        ("\\*", "a", False),
        ("*" * 500 + "b", "a" * 500, False),
        ("*a" * 250, "a" * 499 + "b", False),
    ],
)
def test_patterns(pattern, name, expected):
    assert stages.matches(pattern, name) == expected


# ---- Fuzzing -------------------------------------------------------------------------------

TOKENS = [
    *dockerfile.INSTRUCTIONS,
    *ENTRYPOINTS.values(),
    *("from", "a:1", "AS b", "b", "--from=b", "--platform=$P", "--", "-", "ARG P=1", "=", "x=y"),
    *("\n", "\n", "\n", "\r\n", " ", " ", "\t", "\\\n", "`\n", "\\", "`", "#", "# escape=`\n"),
    *('["a"]', '["', '"]', '"', "'", "[", "]", "<<E", "<<-'E'", "\nE\n", "$", "${", "}", "${a:-"),
    *("$a", "/opt/ml/code", "/opt/ml", "training/", ".", "*", "**", "[a", "\0"),
    *("é", "\ufeff", "\u2028", "\x85"),
]
text = st.lists(st.sampled_from(TOKENS) | st.text(max_size=4), max_size=40).map("".join)
quick = settings(
    max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@quick
@given(text)
@example("FROM a\n" + "ENV A=$A$A$A$A\n" * 100)
@example("FROM a\nENV x " + "${" * 3000)
def test_it_never_crashes(text):
    try:
        read = stages.stages_of(dockerfile.read_dockerfile(text), dict.fromkeys(FILES, ""))
    except dockerfile.DockerfileError as error:
        assert str(error) and error.line >= 1
    else:
        assert read


@quick
@given(text.map("FROM a\n".__add__))
def test_what_buildkit_reads_it_reads_alike(text):
    # BuildKit looks for flags byte by byte, so a letter of two bytes may hold a blank for it.
    if "\0" not in text and ("--" not in text or text.isascii()):
        read = theirs(text)
        assert read is None or ours(text) == read


SMALL = {"training/train.py": "#!/bin/sh\n", "training-job.json": "{}"}


@quick
@given(text=text.map("FROM a:1\n".__add__))
@example("FROM a:1\nCOPY --from=² /a /b\nFROM ²\n")
def test_no_rule_crashes(text):
    for each in command.check(SMALL | {"Dockerfile": text}):
        assert each.line >= 1 and each.message
