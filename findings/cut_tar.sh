#!/usr/bin/env bash
# A tar that was cut between two members, as a writer leaves it that was killed: POSIX ends an archive by two blocks of
# zeros, and these are missing. GNU tar 1.34, Python 3.11's tarfile and webdataset 1.0.2 read it without a word as an
# archive of fewer files; cut within a member's bytes it is an error to all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 webdataset==1.0.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import subprocess
import sys
import tarfile

import webdataset

print("Python", sys.version.split()[0], "webdataset", webdataset.__version__)
print(subprocess.run(["tar", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0])
with tarfile.open("whole.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
    for i in range(4):
        member = tarfile.TarInfo(f"{i}.txt")
        member.size = 700
        tar.addfile(member, io.BytesIO(b"x" * 700))
with tarfile.open("whole.tar") as tar:
    third = tar.getmembers()[2].offset
whole = open("whole.tar", "rb").read()
open("between.tar", "wb").write(whole[:third])
open("within.tar", "wb").write(whole[: third + 700])


def gnu(name):
    ran = subprocess.run(["tar", "tf", name], check=False, capture_output=True, text=True)
    return len(ran.stdout.split()) if ran.returncode == 0 and not ran.stderr else "an error"


def python(name):
    try:
        with tarfile.open(name) as tar:
            return len(tar.getnames())
    except tarfile.ReadError:
        return "an error"


def web(name):
    try:
        return len(list(webdataset.WebDataset(name, shardshuffle=False)))
    except Exception:
        return "an error"


for name, expected in (("whole.tar", 4), ("between.tar", 2), ("within.tar", "an error")):
    for reader, read in (("GNU tar", gnu), ("tarfile", python), ("webdataset", web)):
        print(f"{name}: {reader} reads {read(name)}")
        assert read(name) == expected
PYTHON
echo
echo "A tar that ends between two members is whole to its readers: whoever writes it must say otherwise how much there is."
