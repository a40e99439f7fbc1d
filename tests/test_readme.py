"""What README.md names exists: commands, options, make targets, extras, Python names, files, modules."""

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from mediscan.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = typer.main.get_command(app)
SHELLS = {"sh", "bash", "shell", "console", "shell-session", "zsh"}
SEPARATORS = re.compile(r"[|&;<>()]+")
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)


def fenced(text: str) -> list[tuple[str, str]]:
    """Language and body of each fenced block."""
    return [(match["language"].lower(), match["body"]) for match in FENCE.finditer(text)]


def prose(text: str) -> str:
    return FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text))]


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each simple command of a shell line, without assignments, redirections and prompt."""
    lexer = shlex.shlex(re.sub(r"^\s*[$%] ", "", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in [*lexer, ";"]:
        if not SEPARATORS.fullmatch(word):
            if not redirected and (words or not re.match(r"\w+=", word)):
                words.append(word)
        elif "<" in word or ">" in word:
            redirected = True
        else:
            if words:
                yield words
            words, redirected = [], False


def shell_commands(text: str) -> list[list[str]]:
    """Every simple command of the shell blocks; a block that shows output marks its commands with `$`."""
    commands = []
    for language, body in fenced(text):
        if language not in SHELLS:
            continue
        lines = body.replace("\\\n", " ").splitlines()
        if any(line.lstrip().startswith("$ ") for line in lines):
            lines = [line for line in lines if line.lstrip().startswith("$ ")]
        commands += [words for line in lines for words in simple_commands(line)]
    return commands


def arguments_of(words: list[str]) -> list[str] | None:
    """What a command gives to mediscan, or None where it starts another program."""
    name = Path(words[0]).name
    if name == "mediscan":
        return words[1:]
    if re.fullmatch(r"python[\d.]*", name) and words[1:3] == ["-m", "mediscan"]:
        return words[3:]
    return None


def usage_problem(arguments: list[str]) -> str | None:
    """Why the program would not take these arguments; nothing is run."""
    try:
        with PROGRAM.make_context("mediscan", list(arguments)) as context:
            name, command, rest = PROGRAM.resolve_command(context, [*context._protected_args, *context.args])
            if command is not None:
                command.make_context(name, rest, parent=context)
    except typer.Exit:  # --help and --version answer at once
        return None
    except typer.TyperException as error:
        return f"mediscan {shlex.join(arguments)}: {error.format_message()}"
    return None


def wrong_commands(text: str) -> list[str]:
    """Commands of shell blocks that the program would refuse."""
    found = [
        usage_problem(arguments) for words in shell_commands(text) if (arguments := arguments_of(words)) is not None
    ]
    return [problem for problem in found if problem]


def wrong_mentions(text: str) -> list[str]:
    """Commands and options in running text that do not exist; arguments may be left out there."""
    problems = []
    for code in inline_code(text):
        words = code.split()
        if words[0] != "mediscan" or len(words) == 1:
            continue
        command = PROGRAM.commands.get(words[1])
        options = {
            name for parameter in (command or PROGRAM).params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        if command is None and not words[1].startswith("-"):
            problems.append(f"{code}: no command {words[1]}")
        problems += [
            f"{code}: no option {word}"
            for word in words[1:]
            if word.startswith("--") and word.split("=")[0] not in options | {"--help"}
        ]
    return problems


def wrong_make_targets(text: str) -> list[str]:
    targets = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = [*shell_commands(text), *(code.split() for code in inline_code(text))]
    return [
        f"make {word}"
        for words in commands
        if words[0] == "make"
        for word in words[1:]
        if "=" not in word and not word.startswith("-") and word not in targets
    ]


def wrong_extras(text: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"(?:mediscan|'\.|\"\.|\s\.)\[([\w, -]+)\]", text)
    extras = {extra.strip() for names in named for extra in names.split(",")}
    return sorted(extras - project["optional-dependencies"].keys())


def wrong_python(text: str) -> list[str]:
    """What a Python block imports, or takes from a module of this project, that does not exist."""
    problems = []
    for language, body in fenced(text):
        if language not in {"python", "py", "pycon"}:
            continue
        source = "\n".join(re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", body, re.MULTILINE)) if ">>>" in body else body
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            problems.append(f"does not compile: {error.msg} in {(error.text or '').strip()!r}")
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                problems += [alias.name for alias in node.names if not named_in_python(alias.name)]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                problems += [name for name in names if not named_in_python(name)]
            elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("mediscan."):
                problems += [] if named_in_python(ast.unparse(node)) else [ast.unparse(node)]
    return problems


def named_in_python(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module holds."""
    try:
        if find_spec(name):
            return True
    except ModuleNotFoundError:
        pass
    module, _, attribute = name.rpartition(".")
    try:
        return bool(module) and hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return False


def wrong_links(text: str) -> list[str]:
    """Links to files that are not there, or to headings that no page has."""
    problems = []
    for target in re.findall(r"\]\(<?([^)>\s]+)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        page = ROOT / path if path else None
        if page is not None and not page.exists():
            problems.append(target)
            continue
        titles = headings(page.read_text(encoding="utf-8") if page and heading else text)
        if heading and heading not in titles:
            problems.append(target)
    return problems


def headings(text: str) -> set[str]:
    titles = re.findall(r"^#+ +(.*?) *$", prose(text), re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in titles}


def wrong_paths(text: str) -> list[str]:
    """Source files, and paths below a folder of this repository, that are named in running text and are not there."""
    problems = []
    for code in inline_code(text):
        path = code.rstrip("/")
        if not re.fullmatch(r"[\w.*/-]+", path) or code.startswith("/"):
            continue
        top, below, _ = path.partition("/")
        here = bool(below or code.endswith("/")) and top not in {"demo", "results", ""} and (ROOT / top).is_dir()
        if (here or path.endswith(".py")) and not in_repository(path):
            problems.append(code)
    return problems


def in_repository(path: str) -> bool:
    """Whether a path, or the same below the package, is in the repository; `*` stands for anything."""
    return any(any(folder.glob(path)) for folder in (ROOT, ROOT / "mediscan"))


def wrong_dotted_names(text: str) -> list[str]:
    names = [match[0] for code in inline_code(text) if (match := re.match(r"(?:mediscan|dashboards)(?:\.\w+)+", code))]
    return [name for name in names if not named_in_python(name)]


def wrong_modules(text: str) -> list[str]:
    """Modules that a table with the heading `module` lists and that do not exist."""
    problems = []
    in_table = False
    for line in prose(text).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            in_table = False
        elif cells[0].strip("`* ").lower() in {"module", "modules"}:
            in_table = True
        elif in_table:
            problems += [name for name in re.findall(r"`([^`]+)`", cells[0]) if not is_module(name)]
    return problems


def is_module(name: str) -> bool:
    path = name.replace(".", "/") if not name.endswith(".py") and "/" not in name else name.rstrip("/")
    return any(in_repository(form) for form in (path, f"{path}.py"))


CHECKS = [
    wrong_commands,
    wrong_mentions,
    wrong_make_targets,
    wrong_extras,
    wrong_python,
    wrong_links,
    wrong_paths,
    wrong_dotted_names,
    wrong_modules,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_readme_names_only_what_exists(check):
    assert check(README) == []


def test_every_fence_of_the_readme_is_closed():
    assert not re.search(r"^\s*(```|~~~)", prose(README), re.MULTILINE)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (wrong_commands, "```sh\nmediscan scor bundle m.parquet --out scores\n```\n"),
        (wrong_commands, "```sh\nmediscan score bundle m.parquet --output scores\n```\n"),
        (wrong_commands, "```console\n$ python -m mediscan score bundle m.parquet\nscored\n```\n"),
        (wrong_commands, "```bash\nA=1 .venv/bin/mediscan train m.parquet \\\n  --out b --epochs 3 2> log\n```\n"),
        (wrong_commands, "```sh\nmediscan doctor && mediscan evaluate b m --split dev --out e\n```\n"),
        (wrong_mentions, "See `mediscan scor`."),
        (wrong_mentions, "See `mediscan train --resum`."),
        (wrong_make_targets, "```sh\nmake dem\n```\n"),
        (wrong_make_targets, "See `make tests`."),
        (wrong_extras, "```sh\npip install 'mediscan[dashbord]'\n```\n"),
        (wrong_extras, "```sh\npip install --editable '.[all,tests]'\n```\n"),
        (wrong_python, "```python\nfrom mediscan.manifest import Manifesto\n```\n"),
        (wrong_python, "```python\nimport mediscan.manifests\n```\n"),
        (wrong_python, "```python\nimport mediscan\nmediscan.open('b')\n```\n"),
        (wrong_python, "```python\nprint('a'\n```\n"),
        (wrong_python, "```python\n>>> from mediscan.study import Studies\n```\n"),
        (wrong_links, "[codes](docs/ledger-code.md)"),
        (wrong_links, "[codes](docs/ledger-codes.md#no-such-heading)"),
        (wrong_links, "# Here\n[there](#there)"),
        (wrong_paths, "See `mediscan/confg.py`."),
        (wrong_paths, "See `benchmarks/none/`."),
        (wrong_paths, "See `confg.py`."),
        (wrong_dotted_names, "Call `mediscan.open(path)`."),
        (wrong_dotted_names, "See `mediscan.score.ray`."),
        (wrong_modules, "| module | what |\n|---|---|\n| `mediscan/audit/` | checks |\n"),
        (wrong_modules, "| module | what |\n|---|---|\n| `mediscan.study`, `mediscan.audit` | checks |\n"),
        (wrong_modules, "| module | what |\n|---|---|\n| `study.py`, `studies.py` | nouns |\n"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_caught(check, text):
    assert len(check(text)) == 1


RIGHT = """# A title, with `code`

[itself](#a-title-with-code) and [codes](docs/ledger-codes.md#ledger-codes), [elsewhere](https://example.org/x).
See `mediscan score`, `mediscan train --set model.heads=2`, `mediscan.load(path)`, `mediscan/study.py`, `findings.py`,
`tests/data/`, `mediscan/*.py`, `demo/scores`, `make test`.

```sh
make demo ARGS=--no-dashboard   # a comment
pip install 'mediscan[codecs,review]'
mediscan score bundle m.parquet --out scores --json > scores.json
cd x && python3 -m mediscan train m.parquet --out b --set train.epochs=3 \\
    --set data.image_size=64
mediscan ingest a b --note history=text --note exam=exam --out m.parquet
mediscan --help
mediscan train --help
```

```console
$ mediscan doctor
mediscan none of this is a command
```

```python
import mediscan
from mediscan.study import Study, Split
diagnoser = mediscan.load("demo/bundle")
```

| module | what |
|---|---|
| `mediscan/study.py`, `findings.py` | nouns |
| `mediscan.sources.reading` | sources |
| `dashboards/` | dashboard |

| other | what |
|---|---|
| `nothing.at.all` | no module |
"""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_page_that_names_only_what_exists_passes(check):
    assert check(RIGHT) == []
