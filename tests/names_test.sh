#!/usr/bin/env bash
# names_test.sh NM LIBRARY: whoever links the library gets no name from us outside of namespace upconv. What stands beside
# it is weak: copies of inline functions of the headers that we include, each in a namespace of its own.
set -euo pipefail
nm=$1 library=$2
# How mangled names begin: a vtable, one while a base is constructed, a type's information, a thunk, a guard; Z and N for
# what lies in functions and namespaces.
begin='(DW\.ref\.)?_Z(T[VTISC]|T[hv]([0-9n]+_)+|GV|GR)?(Z|L?N[VKRO]*)*'
theirs='S[tabsiod]|3fmt|8nlohmann|3tbb|9__gnu_cxx|P?DoFv'
shown=$("$nm" --defined-only --extern-only "$library" | sed -nE 's/^[0-9a-f]+ //p')
grep -qE "^T ${begin}6upconv7compile" <<<"$shown" || {
  echo "$library: expected upconv's names" >&2
  exit 1
}
if grep -vE "^[A-Zu] ${begin}6upconv|^[WVu] $begin($theirs)|^V DW\.ref\.__gxx|^W __clang_call_terminate$" <<<"$shown"; then
  echo "$library: these names are not in namespace upconv" >&2
  exit 1
fi
