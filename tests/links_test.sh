#!/usr/bin/env bash
# Whatever a page of ours links to, a page, a picture or a heading of another page, is there.
set -euo pipefail
cd "$1"
failed=0 links=0

# The headings of a page, as links name them.
headings() {
  sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

for page in *.md docs/*.md docs/*/*.md; do
  while read -r link; do
    links=$((links + 1))
    target=$page
    [ -z "${link%%#*}" ] || target=$(dirname "$page")/${link%%#*}
    if ! [ -e "$target" ]; then
      echo "$page: there is no $link" >&2
      failed=1
    elif [[ $link == *#* ]] && ! grep -qxF -- "${link#*#}" < <(headings "$target"); then
      echo "$page: there is no heading ${link#*#} in $target" >&2
      failed=1
    fi
  done < <(grep -oP '\]\(\K[^)\s]+(?=\))' "$page" | grep -v '://')
done
[ "$links" -ge 40 ] || { echo "only $links links were found" >&2; failed=1; }
exit $failed
