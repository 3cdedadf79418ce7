#!/usr/bin/env bash
# Draws docs/network.svg and docs/spread.svg from a real network of 16 nodes, docs/compare.svg with the simulator.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/bin:$PATH"
state=$(mktemp -d)
export XDG_STATE_HOME=$state XDG_CONFIG_HOME=$state GOSSIPCTL_NETWORK=laboratory GOSSIPCTL_BASE_PORT=${GOSSIPCTL_BASE_PORT:-7900} GOSSIPCTL_QUIET=true
finish() {
	gossipctl stop-network >/dev/null
	rm -rf -- "$state"
}
trap finish EXIT
gossipctl start-network random 3 -n 16 --seed 42 --plot=docs/network.svg --no-open -o name
# The first message opens the links between the nodes; the second shows what they take.
for text in warm-up banana; do
	id=$(gossipctl send-message 8 "$text" -o name)
	gossipctl wait-message "$id" -o name
done
gossipctl trace-message "$id" --plot docs/spread.svg -o name
gossipctl compare push pull push-pull rumor:k=2 --nodes 1000 --runs 20 --seed 1 --plot docs/compare.svg --no-open -o name
