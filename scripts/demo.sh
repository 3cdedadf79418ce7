#!/usr/bin/env bash
# A network from start to stop in a few seconds. It keeps its state to itself and leaves only a picture, bin/demo.svg.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly picture=bin/demo.svg
readonly conflict=6 # the exit status of gossipctl when something else has the port
readonly patience=10s # for a message to cross 16 nodes; it takes milliseconds

PATH="$PWD/bin:$PATH"
state=$(mktemp -d)
export XDG_STATE_HOME=$state XDG_CONFIG_HOME=$state GOSSIPCTL_NETWORK=demo
running=

finish() {
	local status=$?
	trap '' INT TERM PIPE # neither a second Ctrl-C nor a reader that left may keep the network from being stopped
	if [[ -n $running ]] && ! gossipctl stop-network >/dev/null; then
		echo "demo: the network may still run; its state is in $state" >&2
		exit 1
	fi
	rm -rf -- "$state"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

show() {
	printf '\n$ gossipctl %s\n' "$*"
	gossipctl "$@"
}

# start takes the default ports, or the next block that is free.
start() {
	local status=0 base
	running=yes
	show start-network random 3 --plot="$picture" || status=$?
	for ((base = 7100; status == conflict && base < 8000; base += 100)); do
		echo "demo: those ports are in use; trying from $base"
		status=0
		show start-network random 3 --plot="$picture" --base-port "$base" || status=$?
	done
	if ((status)); then
		echo 'demo: the network did not start' >&2
		exit "$status"
	fi
}

start
show send-message 8 banana
show wait-message 8.1.1 --timeout "$patience"
show get-messages 3 -p -t
show stop-network
running=

cat <<END

That was a network of 16 processes, one message, and the way it took. The network is drawn in $picture.
To go on by hand:

  export PATH="\$PWD/bin:\$PATH"
  gossipctl start-network
  gossipctl send-message 8 banana
  gossipctl get-messages 3 -p -t
  gossipctl stop-network
  gossipctl --help
END
