"""Makes the files of the corpus in build/corpus with the programs that are there.

A file is made again only when its source, its rendering or its writer's script has changed. A
program that is missing is named, and its files are counted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.corpus.flat_text import write_flat_text
from bench.corpus.html import write_html
from bench.corpus.latex import write_latex
from bench.corpus.pandoc import write_pandoc
from bench.corpus.spreadsheet_xml import write_spreadsheet_xml
from bench.corpus.tree import SOURCES, Source
from bench.corpus.writers import PYTHON_PACKAGES, Writer, load_writers

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "corpus"
_LIBRARIES = Path(__file__).with_name("python_writers.py")
_PYTHON = FOLDER / "venv" / "bin" / "python"
_WRITERS_AT_ONCE = 2
_FILE_TIMEOUT_S = 60
_INSTALL_TIMEOUT_S = 300


def _write_sql(source: Source) -> str:
    sheet = source.sheets[0]
    rows = ", ".join(_sql_row([value.shown for value in row], "'") for row in sheet.rows)
    names = _sql_row(sheet.columns, '"')
    return f"CREATE TABLE t {names};\nINSERT INTO t VALUES {rows};\nSELECT * FROM t;\n"


def _sql_row(cells: Sequence[str], mark: str) -> str:
    return "(" + ", ".join(mark + cell.replace(mark, mark * 2) + mark for cell in cells) + ")"


_RENDERINGS: dict[str, tuple[str, Callable[[Source], str]]] = {
    "html": (".html", write_html),
    "pandoc": (".json", write_pandoc),
    "latex": (".tex", write_latex),
    "fodt": (".fodt", write_flat_text),
    "xml": (".xml", write_spreadsheet_xml),
    "sql": (".sql", _write_sql),
    "source": (".yaml", lambda source: (SOURCES / f"{source.name}.yaml").read_text("utf-8")),
}


@dataclass(frozen=True, slots=True)
class Built:
    """One file of the corpus."""

    source: Source
    writer: Writer
    path: Path


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files that could be made, and a sentence for each program that is missing or failed."""

    files: list[Built]
    told: list[str]


def build(sources: Sequence[Source]) -> Corpus:
    """Make every file of every source, as far as the programs are there."""
    files: list[Built] = []
    told: list[str] = []
    ready: list[tuple[Writer, list[Source]]] = []
    for writer in load_writers():
        wanted = [source for source in sources if _can_say(writer, source)]
        if _has_program(writer.program):
            ready.append((writer, wanted))
        else:
            told.append(f"{writer.program} is not here: {len(wanted)} files are left out.")
    with ThreadPoolExecutor(_WRITERS_AT_ONCE) as pool:
        for writer, asked, made in pool.map(_make, *zip(*ready, strict=True)):
            files += made
            if len(made) < len(asked):
                missing = {source.name for source in asked} - {one.source.name for one in made}
                told.append(
                    f"{writer.name} made no {writer.format} of {', '.join(sorted(missing))}."
                )
    return Corpus(files, told)


def _can_say(writer: Writer, source: Source) -> bool:
    """Whether a writer can write a source: its structures, and its letters in the encoding."""
    if not writer.can_say(source):
        return False
    if writer.encodings is None:
        return True
    try:
        write_html(source).encode(writer.encodings[source.language])
        _write_sql(source).encode(writer.encodings[source.language]) if source.sheets else None
    except UnicodeEncodeError:
        return False
    return True


@cache
def _has_program(program: str) -> bool:
    if program != "venv":
        return shutil.which(program) is not None
    if _PYTHON.exists():
        return True
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for command in (
            [sys.executable, "-m", "venv", str(FOLDER / "venv")],
            [str(_PYTHON), "-m", "pip", "install", "-qq", "--no-input", *PYTHON_PACKAGES],
        ):
            subprocess.run(command, check=True, timeout=_INSTALL_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError):
        shutil.rmtree(FOLDER / "venv", ignore_errors=True)
        return False
    return True


def _make(
    writer: Writer, sources: Sequence[Source]
) -> tuple[Writer, Sequence[Source], list[Built]]:
    """Make the files of one writer that are not there yet."""
    suffix, write = _RENDERINGS[writer.rendering]
    folder = FOLDER / writer.format.lower()
    keys = FOLDER / "keys"
    for one in (folder, keys, FOLDER / "home"):
        one.mkdir(parents=True, exist_ok=True)
    stale: list[_Job] = []
    for source in sources:
        text = write(source)
        program = _LIBRARIES.read_text("utf-8") if writer.rendering == "source" else ""
        key = hashlib.sha256(f"{program}\0{writer.script}\0{text}".encode()).hexdigest()
        path = folder / writer.file_name(source)
        job = _Job(source, text, path, keys / f"{path.name}.{key[:24]}")
        if not (job.key.exists() and path.exists()):
            path.unlink(missing_ok=True)
            stale.append(job)
    if stale:
        with tempfile.TemporaryDirectory(prefix="parlance-corpus-") as name:
            _run(writer, stale, Path(name), suffix)
    made = [Built(source, writer, folder / writer.file_name(source)) for source in sources]
    return writer, sources, [one for one in made if one.path.exists()]


@dataclass(frozen=True, slots=True)
class _Job:
    source: Source
    text: str
    path: Path
    key: Path

    def finish(self) -> None:
        """Remember that the file is there and made of this source in this way."""
        if self.path.exists():
            self.key.touch()


def _run(writer: Writer, jobs: Sequence[_Job], folder: Path, suffix: str) -> None:
    """Run a writer's script, once for each file or once for all of them."""
    inputs: list[Path] = []
    for job in jobs:
        inputs.append(folder / f"{job.source.name}{suffix}")
        inputs[-1].write_text(job.text, encoding="utf-8")
    if not writer.together:
        for job, path in zip(jobs, inputs, strict=True):
            inside = folder / job.source.name
            inside.mkdir()
            _shell(writer, inside, [], job, path)
            job.finish()
        return
    _shell(writer, folder, inputs, jobs[0], inputs[0])
    for job in jobs:
        made = folder / "out" / f"{job.source.name}{writer.suffix}"
        if made.exists():
            if writer.encodings is not None:
                text = made.read_bytes().decode("utf-8")
                made.write_bytes(text.encode(writer.encodings[job.source.language]))
            shutil.move(made, job.path)
        job.finish()


def _shell(writer: Writer, folder: Path, inputs: Sequence[Path], job: _Job, path: Path) -> None:
    source = job.source
    variables = os.environ | {
        "in": str(path),
        "out": str(job.path),
        "folder": str(folder),
        "python": f"{_PYTHON} -m bench.corpus.python_writers",
        "profile": f"-env:UserInstallation=file://{folder}/profile --headless",
        "title": source.title,
        "language": source.language,
        "encoding": (writer.encodings or {}).get(source.language, "utf-8"),
        "SOURCE_DATE_EPOCH": "1700000000",
        "LC_ALL": "C.UTF-8",
        "HOME": str(FOLDER / "home"),
    }
    seconds = _FILE_TIMEOUT_S * max(1, len(inputs) // 4)
    # It ends what the script has started, too.
    command = ["timeout", "--kill-after=5", str(seconds), "bash", "-c", writer.script, writer.name]
    ran = subprocess.run(
        [*command, *map(str, inputs)],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if ran.returncode:
        job.path.unlink(missing_ok=True)
        error = ran.stderr.decode(errors="replace")[-2000:]
        with (FOLDER / "writers.log").open("a", encoding="utf-8") as log:
            log.write(f"{writer.name} {writer.format} {source.name}: {ran.returncode} {error}\n")
