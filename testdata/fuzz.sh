#!/usr/bin/env bash
# Runs fuzz tests for a time each: fuzz.sh TIME [PACKAGE...]; without packages
# those of all. The test binary of a package is built once for all its targets.
# What fails is written to testdata/fuzz of the package, to be kept with its
# mending. FUZZJOBS is how many packages run at a time, FUZZPARALLEL how many
# workers each has, FUZZCACHE where values that reached something new are kept.
# With FUZZGUIDE=own only what the packages of this repository do with a value
# tells whether it is new, so that nothing else has to be built for it.
set -euo pipefail
time=$1
shift
go=${GO:-go}

if (($# != 1)); then
  if (($# == 0)); then
    mapfile -t packages < <(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u)
    set -- "${packages[@]}"
  fi
  printf '%s\n' "$@" | xargs -P "${FUZZJOBS:-1}" -n 1 "$0" "$time"
  exit
fi

package=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
guided=(-fuzz .)
if [[ ${FUZZGUIDE:-all} == own ]]; then guided=('-gcflags=latchkey/...=-d=libfuzzer'); fi
"$go" test -c -ldflags=-w "${guided[@]}" -o "$scratch/test" "$package"
cd "$package"
failed=0
while read -r name; do
  # On a busy machine the go tool may take the end of its own time for a failure.
  if "$scratch/test" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$time" -test.parallel "${FUZZPARALLEL:-2}" \
    -test.fuzzcachedir "${FUZZCACHE:-$scratch/corpus}/${package#./}" >"$scratch/out" 2>&1 ||
    { grep -q 'context deadline exceeded' "$scratch/out" && ! grep -q 'Failing input' "$scratch/out"; }; then
    echo "$package $name: $(grep -oE 'execs: [0-9]+' "$scratch/out" | tail -n 1)"
  else
    cat "$scratch/out" >&2
    echo "$package $name: FAILED" >&2
    failed=1
  fi
done < <("$scratch/test" -test.list '^Fuzz')
exit $failed
