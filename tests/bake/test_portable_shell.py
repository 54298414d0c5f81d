"""The shell scripts of a generated repository run under macOS: bash 3.2, BSD's tools."""

import re

import pytest

# What bash 3.2 or BSD's tools do not know → a line that has it: a search must be able to fail.
NEWER = {
    r"\b(declare|local|typeset)\b[^#;]*\s-\w*A": "declare -A map",
    r"\b(declare|local|typeset)\b[^#;]*\s-\w*[gnluc]\b": "local -n name=$1",
    r"\b(mapfile|readarray|coproc)\b": "mapfile -t lines",
    r"\$\{\w+(\[[^]]*\])?(\^|,|~)": 'echo "${name,,}"',
    r"\$\{\w+(\[[^]]*\])?@[A-Za-z]\}": 'echo "${name@Q}"',
    r"\$\{\w+\[-": 'echo "${list[-1]}"',
    r"\$\{\w+:\s*\d+:\s*-": 'echo "${name:0:-1}"',
    r"\|&": "make |& tee log",
    r"&>>": "make &>>log",
    r";;?&": "a) ;;& b) ;; esac",
    r"\{\w+\}[<>]": "exec {file}<name",
    r"\[\[[^]]* -[vR] ": "[[ -v name ]]",
    r"(\btest|\[) -[vR] ": "[ -v name ]",
    r"\bwait -\w*[npf]": "wait -n",
    r"\bread\b[^|;]* -\w*[Ni]": "read -N 1 key",
    r"\bread\b[^|;]* -t ?0?\.": "read -t 0.5 line",
    r"\bprintf [^|;]*%\(": "printf '%(%s)T'",
    r"\bprintf -v \w+\[": "printf -v 'list[0]' x".replace("'", ""),
    r"\{0\d*\.\.|\.\.\d+\.\.": "echo {01..10}",
    r"\bshopt\b.*\b(globstar|lastpipe|inherit_errexit|globasciiranges|autocd)": "shopt -s lastpipe",
    r"\bset -o (posix_|errtrace_)|\bBASH_(XTRACEFD|COMPAT|ARGV0)\b": "BASH_XTRACEFD=9",
    r"\b(EPOCHSECONDS|EPOCHREALTIME|SRANDOM)\b": "echo $EPOCHSECONDS",
    r"\$'[^']*\\[uU]": "echo $'\\u2026'",
    # An empty array is an unbound variable to it: what may be empty is no array here, or guarded.
    r"\w+=\(\)": "words=()",
    # Its parser of $(…) takes the ) of a pattern for its end.
    r"\$\(\s*case\b": "x=$(case $y in a) ;; esac)",
    # BSD's tools, and what macOS does not have.
    r"\b(sed|grep) [^|]*--\w": "sed --quiet p",
    r"\bsed -\w*[iz]": "sed -i s/a/b/ file",
    r"\bgrep -\w*P": "grep -P x",
    r"\breadlink -": "readlink -f x",
    r"\bfind\b.* -(printf|readable|executable)\b": "find . -printf %p",
    r"\bsort -\w*[zV]": "sort -z",
    r"\bxargs -\w*[rd]": "xargs -r",
    r"\b(cut|head|tail) -[cn] -": "head -n -1",
    r"\bmktemp -\w*p": "mktemp -p .",
    r"\b(stat -c|date -d|base64 -w|cp -\w*u|ln -\w*r)": "stat -c %s x",
    r"(^|[|;&(]\s*)(timeout|tac|realpath|nproc|seq|setsid|flock|md5sum)\b": "timeout 5 make",
}


def lines_of(text):
    """The lines without comments and without the text of a here-document."""
    text = re.sub(r"<<'(\w+)'\n.*?\n\1\n", "\n", text, flags=re.DOTALL)
    return [re.sub(r"(^|\s)# .*", "", line) for line in text.splitlines()]


def test_nothing_in_the_scripts_is_newer_than_macos(repository):
    scripts = sorted(repository.rglob("*.sh"))
    assert scripts
    for script in scripts:
        for line in lines_of(script.read_text(encoding="utf-8")):
            found = [pattern for pattern in NEWER if re.search(pattern, line)]
            assert not found, f"{script.name}: {line}"


@pytest.mark.parametrize("pattern", NEWER)
def test_each_search_finds_what_it_is_for(pattern):
    assert re.search(pattern, NEWER[pattern])
