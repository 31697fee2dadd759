"""`./dev errors`: what upconv_errors measures, as docs/errors.md; exits with 1 where it is more than is allowed."""

import datetime
import subprocess
import sys

import machine
from paths import PROGRAM, ROOT
from program import Program

PAGE = """# Errors

How far each algorithm's results lie from float64's, of normal random weights and inputs, for layers with as many input
channels as the columns say: the rms of the errors, how many times the direct kernel's that is, and the largest error,
in 1e-7 of the outputs' rms. The accuracy is the strictest that allows the algorithm. On no instruction set does an
algorithm of `standard` go beyond 2.2 times the direct kernel's rms: `./dev errors`, which writes this page, fails where
one does.

Measured with upconv {version} ({commit}) on {processor}, {system}, {date}. Errors belong to the instruction set, not to
the machine or the number of threads.

{table}"""


def main() -> int:
    done = subprocess.run([PROGRAM.with_name("upconv_errors")], stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit("./dev errors: upconv_errors printed nothing")
    about = machine.describe() | {"version": Program().version(), "commit": machine.commit(), "table": done.stdout}
    page = ROOT / "docs/errors.md"
    page.write_text(PAGE.format(**about, date=datetime.date.today()))
    print(page.relative_to(ROOT))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
