"""Opens the packages of office documents: zip files of XML parts that refer to each other."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.office.zip_safety import open_archive

_STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL_NAME = rb"http://schemas.openxmlformats.org/\1/2006/"
RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


UNPACKING_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError)
"""What reading a damaged member of a zip file raises."""


class Damaged(Exception):
    """A part is missing or is no XML."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part refers to: the kind of part (`footnotes`, `chart`) and its path, or an URL."""

    kind: str
    target: str
    external: bool = False


class Package:
    """An office document whose parts are read by path. A path finds its part in any case.

    `kind` is what its name says that it is. Where `Damaged` leaves the block of a `with`, the
    document is refused.
    """

    def __init__(self, data: bytes, name: str, kind: str) -> None:
        self._name, self._kind = name, kind
        self._archive = open_archive(data, name, kind)
        self._paths = {path.lower().lstrip("/"): path for path in self._archive.namelist()}
        self._relations: dict[str, dict[str, Relation]] = {}

    def __enter__(self) -> Package:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        if isinstance(error, Damaged):
            raise damaged(self._name, self._kind) from error

    @property
    def main(self) -> str:
        """The path of the part that the document begins with. Raises `Damaged` without one."""
        found = self.related("", "officeDocument")
        if not found:
            raise Damaged
        return found[0]

    def has(self, path: str) -> bool:
        return path.lower() in self._paths

    def relations(self, path: str) -> dict[str, Relation]:
        """What a part refers to, by id; the package itself has the path "".

        Raises `Damaged` only for the package and its main part: what another part refers to is
        then missing.
        """
        found = self._relations.get(path)
        if found is None:
            folder, name = posixpath.split(path)
            listed = posixpath.join(folder, "_rels", f"{name}.rels")
            try:
                root = self.xml(listed) if self.has(listed) else Element("none")
            except Damaged:
                if not path or path == self.main:
                    raise
                root = Element("none")
            found = {one.get("Id", ""): _relation(one, folder) for one in root}
            self._relations[path] = found
        return found

    def related(self, path: str, kind: str) -> list[str]:
        """The paths of the parts of a kind that a part refers to, those that are there."""
        return [
            one.target
            for one in self.relations(path).values()
            if one.kind == kind and not one.external and self.has(one.target)
        ]

    def read(self, path: str) -> bytes:
        """A part as it is. Raises `Damaged`."""
        with self.open(path) as stream:
            try:
                return stream.read()
            except UNPACKING_ERRORS as exc:
                raise Damaged from exc

    def xml(self, path: str) -> Element:
        """A part as XML, under the names of the transitional form. Raises `Damaged`."""
        data = transitional(self.read(path))
        try:
            return fromstring(data)
        except (ParseError, ValueError, LookupError) as exc:
            raise Damaged from exc

    def open(self, path: str) -> IO[bytes]:
        """A part as a stream. Raises `Damaged` if it is not there."""
        try:
            return self._archive.open(self._paths[path.lower()])
        except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as exc:
            raise Damaged from exc

    def title(self) -> str:
        """The title that the document's properties have, or ""."""
        for path in self.related("", "core-properties"):
            try:
                title = self.xml(path).findtext("{http://purl.org/dc/elements/1.1/}title")
            except Damaged:
                continue
            return " ".join((title or "").split())[:200]
        return ""


def transitional(data: bytes) -> bytes:
    """XML with the names of the transitional form, which say the same as those of the strict one.
    Raises `Damaged` where it declares entities, as no document needs to."""
    if b"<!ENTITY" in data:
        raise Damaged
    return _STRICT_NAME.sub(_TRANSITIONAL_NAME, data)


def damaged(name: str, kind: str) -> Refused:
    """The sentence for a file that is not what its name says."""
    return Refused(
        say("{name} is damaged or not {kind}, and cannot be read.", name=name[:100], kind=kind)
    )


def without_text(name: str) -> Refused:
    """The sentence for a file in which nothing is to be read."""
    return Refused(say("{name} has no text.", name=name[:100]))


def _relation(one: Element, folder: str) -> Relation:
    kind = one.get("Type", "").rpartition("/")[2]
    target = one.get("Target", "")
    if one.get("TargetMode") == "External":
        return Relation(kind, target, external=True)
    path = unquote(target).replace("\\", "/")
    joined = path if path.startswith("/") else posixpath.join(folder, path)
    return Relation(kind, posixpath.normpath(joined).lstrip("/"))
