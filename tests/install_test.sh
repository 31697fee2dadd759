#!/usr/bin/env bash
# What `cmake --install` leaves is enough for a stranger: their twenty lines find it, compile with none of our flags and
# paint a picture, also with the weights in the program itself; the installed program finds its weights.
set -euo pipefail
cmake=$1 build=$2 consumer=$3 sanitize=$4
read -ra emulator <<<"${UPCONV_EMULATOR:-}"  # of programs that this machine cannot run
shift 4
folder=$build/install_test
prefix=$folder/moved
rm -rf "$folder"

fail() {
  echo "$*" >&2
  exit 1
}

# Into one place and then to another, so that no path of this build can serve.
"$cmake" --install "$build" --prefix "$folder/prefix" >/dev/null
mv "$folder/prefix" "$prefix"
! grep -rlF --include='*.cmake' -- "$build" "$prefix" || fail "an installed file names the build folder"
# What upconv stands on does not show; upconv/tbb.h is for those who use oneTBB themselves.
! grep -rnE --exclude=tbb.h '#include.*(xsimd|tbb/|fmt/|nlohmann|png\.h|fail\.h)' "$prefix/include" ||
  fail "an installed header includes what is not the caller's"

"$cmake" -S "$consumer" -B "$folder/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DWEIGHTS="$prefix/share/upconv/dcgan.safetensors" ${sanitize:+-DCMAKE_CXX_FLAGS=-fsanitize=$sanitize} "$@" >/dev/null
! grep -E -- '-ffp-contract|-fno-math-errno|-mavx|-mfma|-msse|-Wall|-Wextra|-UNDEBUG|-O[0-9]' "$folder/build/compile_commands.json" ||
  fail "a flag of ours reached the consumer"
"$cmake" --build "$folder/build" >/dev/null
cd "$folder"
"${emulator[@]}" build/paint painted.png "$prefix/share/upconv/dcgan.safetensors"
"${emulator[@]}" build/paint embedded.png
cmp painted.png embedded.png
"${emulator[@]}" "$prefix/bin/upconv" generate --seed 7 --count 4 --batch 1 --nrow 2 --out generated.png
cmp painted.png generated.png
[ "$(head -c 4 painted.png | tail -c 3)" = PNG ]
