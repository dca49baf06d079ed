#!/usr/bin/env bash
# Builds latchkey twice, from copies of the source in two places, and compares.
# The same source, Go and flags must give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
GO="${GO:-go}"
places="$(mktemp -d)"
trap 'rm -rf "$places"' EXIT
first="$places/one" second="$places/another/and/deeper"
mkdir -p "$first" "$(dirname "$second")"
git ls-files -z --cached | tar --null -T - -cf - | tar -xf - -C "$first"
cp -a "$first" "$second"
for place in "$first" "$second"; do
	(cd "$place" && CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=false -ldflags "-X main.version=${VERSION:-unknown}" -o "$place.latchkey" ./cmd/latchkey)
done
sha256sum "$first.latchkey" "$second.latchkey"
cmp "$first.latchkey" "$second.latchkey" && echo "both are the same"
