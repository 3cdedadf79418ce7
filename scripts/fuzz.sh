#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for the time given: scripts/fuzz.sh 20s
# An input that fails is kept in the package's testdata/fuzz, where every later `make test` tries it again.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzztime=${1:?usage: scripts/fuzz.sh TIME, such as 20s}
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
trap 'exit 130' INT

# `go test -list` prints the targets of a package and then a line "ok <package> <time>".
listed=$($go test -list '^Fuzz' ./...)
targets=$(awk '/^Fuzz/ { names[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print names[i], $2; n = 0 }' <<<"$listed")
if [[ -z $targets ]]; then
	echo 'fuzz: found no target at all, which cannot be right' >&2
	exit 1
fi

# Before Go 1.27 the end of -fuzztime can itself be reported as a failure (go.dev/issue/75804), above all on a busy machine.
# Then it is all that the report says, and no input was written.
time_is_up() {
	grep -A 1 '^--- FAIL' "$log" | grep -qE '^ +context deadline exceeded$' && ! grep -qiE 'failing input|panic' "$log"
}

while read -r name package; do
	echo "fuzz: $name in $package"
	if $go test -run '^$' -fuzz "^$name\$" -fuzzminimizetime 10x -fuzztime "$fuzztime" "$package" </dev/null 2>&1 | tee "$log"; then
		continue
	elif time_is_up; then
		echo "fuzz: $name ran its whole time and found nothing"
	else
		echo "fuzz: $name failed; the lines above name the input" >&2
		exit 1
	fi
done <<<"$targets"
