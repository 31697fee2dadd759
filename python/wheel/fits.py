"""fits.py FOLDER: the wheel of a folder that this interpreter would install, where there is one."""

import sys
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

for wheel in Path(sys.argv[1]).glob("*.whl"):
    if not parse_wheel_filename(wheel.name)[3].isdisjoint(sys_tags()):
        print(wheel)
        break
