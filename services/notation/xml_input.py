"""Untrusted MusicXML as a tree: plain or compressed, without entities, never larger than it may be."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.errors import Invalid
from services.notation.containers import MUSICXML, SIZES_MAX

SIZE_MAX = SIZES_MAX[MUSICXML]
TAGS_MAX = 4_000_000  # of NOTES_READ_MAX notes as we write them, and some; each takes 300 bytes to hold
CONTAINER = "META-INF/container.xml"


def broken(why: str) -> Invalid:
    """The refusal of a score, code `broken_score`."""
    return Invalid(f"The score cannot be read: {why}.", code="broken_score")


def unpacked(data: bytes) -> bytes:
    """The XML of a plain or compressed (.mxl) file. Raises Invalid for a damaged archive and for more than SIZE_MAX."""
    if not data.startswith(b"PK"):
        if len(data) > SIZE_MAX:
            raise broken(f"it is larger than {SIZE_MAX >> 20} MB")
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = parsed(_member(archive, CONTAINER))
            roots = [e.get("full-path") for e in container.iter() if e.tag.rpartition("}")[2] == "rootfile"]
            if not roots or roots[0] is None:
                raise broken("its container names no score")
            return _member(archive, roots[0])
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        KeyError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
    ) as problem:
        raise broken("the compressed file is damaged") from problem


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        data = member.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise broken(f"it is larger than {SIZE_MAX >> 20} MB when unpacked")
    return data


def parsed(data: bytes) -> Element:
    """The root of an XML file. Raises Invalid for what is not well-formed, declares entities or has too many tags."""
    if data.count(b"<") > TAGS_MAX:
        raise broken(f"it has more than {TAGS_MAX} tags")
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as problem:
        raise broken("it declares entities") from problem
    except (ParseError, ValueError, LookupError) as problem:
        raise broken("it is not well-formed XML") from problem
    return root
