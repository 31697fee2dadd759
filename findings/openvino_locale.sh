#!/usr/bin/env bash
# OpenVINO 2026.4 in a process whose locale writes decimals with a comma, as a program of Qt or GTK has it, or one of
# Python after locale.setlocale: save_model writes attributes of the IR with a comma, alpha="0,75", and whoever reads the
# file, in whatever locale, takes that for 0, without a word. Files with a point are read right in every locale, and the
# cache of compiled models is right. Wants Debian, for apt-get and the sources of a locale.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download locales && dpkg -x ./*.deb package)
mkdir "$folder/locales"
I18NPATH=$folder/package/usr/share/i18n localedef -i de_DE -f UTF-8 "$folder/locales/de_DE.UTF-8"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cd "$folder"
LOCPATH=$folder/locales "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import locale

import numpy as np
import openvino
from openvino import opset13

print("OpenVINO", openvino.get_version())
x = opset13.parameter([3], np.float32)
model = openvino.Model([opset13.elu(x, 0.75), opset13.clamp(x, -0.5, 0.5)], [x])
values = np.array([-1, 0.25, 2], np.float32)


def computed(name):
    results = openvino.Core().compile_model(name, "CPU")(values).values()
    return [[round(float(value), 4) for value in result] for result in results]


def alpha(name):
    text = open(name).read()
    return text[text.index("alpha=") :].split()[0]


openvino.save_model(model, "c.xml", compress_to_fp16=False)
expected = computed("c.xml")
print("in C's locale:", alpha("c.xml"), "ELU and Clamp of", values.tolist(), "are", expected)
locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
read = computed("c.xml")
print("the same file, read in a German locale:", read)
openvino.save_model(model, "de.xml", compress_to_fp16=False)
print("written in that locale:", alpha("de.xml"), "and read there:", computed("de.xml"))
locale.setlocale(locale.LC_NUMERIC, "C")
wrong = computed("de.xml")
print("and read in C's:", wrong)
assert alpha("c.xml") == 'alpha="0.75"' and alpha("de.xml") == 'alpha="0,75"'
assert expected[1] == [-0.5, 0.25, 0.5] and read == expected and wrong == [[0, 0.25, 2], [0, 0, 0]]
PYTHON
echo
echo "OpenVINO writes decimals of the IR after a comma in a German locale, and reads 0 for them."
