"""Makes tests/golden/tar: what tars of others look like, for the test and the fuzzer of the reader. Names of more than
100 bytes are written in three ways. Running it again changes no byte.

    python3 tests/golden/tar.py
"""

import io
import tarfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "tar"
LONG = "d" * 70 + "/" + "e" * 70 + ".json"
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}

FOLDER.mkdir(exist_ok=True)
for name, format in FORMATS.items():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=format) as tar:
        folder = tarfile.TarInfo("d" * 70)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for path, content in (("short.json", b"{}"), (LONG, b"[1]"), ("empty", b"")):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "short.json"
        tar.addfile(link)
        used = tar.offset
    # Two blocks of zeros are the end; tarfile fills up to twenty.
    (FOLDER / f"{name}.tar").write_bytes(archive.getvalue()[: used + 1024])
