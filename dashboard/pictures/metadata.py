"""Where a picture comes from, written into its file: a text chunk of PNG, metadata of SVG, the information of PDF."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Mapping
from xml.etree import ElementTree

from dashboard.pictures.frame import SVG

DPI = 96
"""CSS pixels of an inch."""
MM_PER_INCH = 25.4
_AFTER_HEADER = 33
"""In a PNG, signature (8 bytes) and the chunk IHDR (25) come first."""
_CONTROL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold."""


def written(provenance: Mapping[str, object]) -> str:
    """The provenance as JSON, in ASCII: any reader shows it, and no text in it is half a character."""
    return json.dumps({name: str(value) for name, value in provenance.items()})


def described_png(png: bytes, provenance: Mapping[str, object], scale: int) -> bytes:
    """The PNG with its provenance (``Description``) and its size: `scale` pixels are 1/96 inch."""
    per_metre = round(scale * DPI / MM_PER_INCH * 1000)
    chunks = _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    chunks += _chunk(b"tEXt", b"Description\0" + written(provenance).encode("ascii"))
    return png[:_AFTER_HEADER] + chunks + png[_AFTER_HEADER:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def described_svg(svg: bytes, provenance: Mapping[str, object]) -> bytes:
    """The SVG with its provenance in ``<metadata>``, and its size in millimetres: programs differ in what a px is."""
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(name, "0")) for name in ("width", "height"))
    root.set("viewBox", f"0 0 {width:g} {height:g}")
    for name, size in (("width", width), ("height", height)):
        root.set(name, f"{size / DPI * MM_PER_INCH:.2f}mm")
    metadata = ElementTree.Element(f"{{{SVG}}}metadata")
    metadata.text = _CONTROL.sub("\ufffd", written(provenance))
    root.insert(0, metadata)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def described_pdf(pdf: bytes, provenance: Mapping[str, object], title: str) -> bytes:
    """The PDF with title and provenance (``Subject``), as an update behind it (ISO 32000-1, 7.5.6).

    Raises:
        ValueError: it does not end as Chromium's do.
    """
    trailer = re.search(rb"trailer\s*<<(.*?)>>\s*startxref\s+(\d+)\s+%%EOF\s*$", pdf, re.DOTALL)
    size = trailer and re.search(rb"/Size (\d+)", trailer[1])
    root = trailer and re.search(rb"/Root \d+ \d+ R", trailer[1])
    if not (trailer and size and root):
        raise ValueError("the PDF has no trailer of the classic form")
    number, place = int(size[1]), len(pdf) + 1
    facts = {"Title": title, "Subject": written(provenance), "Creator": "Logitscope"}
    entries = " ".join(f"/{name} <{value.encode('utf-16', 'replace').hex()}>" for name, value in facts.items())
    information = f"\n{number} 0 obj\n<< {entries} >>\nendobj\n".encode("ascii")
    table = f"xref\n{number} 1\n{place:010} 00000 n \ntrailer\n<< /Size {number + 1} ".encode("ascii")
    table += root[0] + f" /Info {number} 0 R /Prev {int(trailer[2])} >>\n".encode("ascii")
    end = f"startxref\n{len(pdf) + len(information)}\n%%EOF\n".encode("ascii")
    return pdf + information + table + end
