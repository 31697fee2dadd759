#!/usr/bin/env bash
# PyTorch 2.13 in a process whose locale writes decimals with a comma: an operator of one's own that is defined then by
# torch.library.custom_op has another default in its schema than in Python, slope=0.25 is 0, as numbers of a schema are
# parsed up to the point. Who passes 0 then passes the default, which is left out, and the function takes 0.25; an exported
# program has lost the 0 for good. Defaults without a point, 1e-05, are right, and so are PyTorch's own operators, which
# were defined when it was loaded. Wants Debian, for apt-get and the sources of a locale.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download locales && dpkg -x ./*.deb package)
mkdir "$folder/locales"
I18NPATH=$folder/package/usr/share/i18n localedef -i de_DE -f UTF-8 "$folder/locales/de_DE.UTF-8"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat >"$folder/main.py" <<'PYTHON'
import locale

import torch

print("torch", torch.__version__)


def defined(name):
    @torch.library.custom_op(name, mutates_args=())
    def leaky(x: torch.Tensor, slope: float = 0.25, eps: float = 1e-05) -> torch.Tensor:
        return torch.where(x < 0, slope * x, x)

    leaky.register_fake(lambda x, slope=0.25, eps=1e-05: torch.empty_like(x))
    return leaky


class Net(torch.nn.Module):
    def forward(self, x):
        return torch.ops.found.after(x, 0.0)


x = torch.tensor([-4.0, 2.0])
before = defined("found::before")
locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
after = defined("found::after")
locale.setlocale(locale.LC_NUMERIC, "C")
print("its schema:", torch.ops.found.after.default._schema)
print("defined in C's locale, with slope 0:", before(x, 0.0).tolist(), "0.5:", before(x, 0.5).tolist())
print("defined in a German one, with slope 0:", after(x, 0.0).tolist(), "0.5:", after(x, 0.5).tolist())
exported = torch.export.export(Net(), (x,))
arguments = [node.args for node in exported.graph.nodes if node.op == "call_function"]
print("exported with slope 0:", arguments, exported.module()(x).tolist())
assert before(x, 0.0).tolist() == [0, 2] and after(x, 0.5).tolist() == [-2, 2]
assert after(x, 0.0).tolist() == exported.module()(x).tolist() == [-1, 2] and len(arguments[0]) == 1
assert [one.default_value for one in torch.ops.found.after.default._schema.arguments][1:] == [0.0, 1e-05]
PYTHON
LOCPATH=$folder/locales "$folder/venv/bin/python" -W ignore "$folder/main.py"
echo
echo "An operator that is defined in a German locale takes its default where it is given 0."
