# shellcheck shell=bash
# tests/system/load.sh: a load with a pace from a to b, and an appliance that is slower than who offers it; sourced after
# tests/system/live.sh, once tests/bench/load is built.
#
#   slow PERCENT               the stages get that much of one processor, together, and no more; until `fast`
#   sink                       b drops UDP before its kernel looks, and answers the rest, pings too
#   offer RATE COMMAND...      that many 64-byte UDP frames a second (0: as many as go) while the command runs: a second,
#                              $offered came to the port and $forwarded arrived
#   find_capacity              the load is doubled until some of it is lost: $capacity, the most that came through, a second
#   pings COUNT                to b, one every 50 ms: of so many those answered, $urgent of the control class and $ordinary
#   lost_in_ring, lost_inside  packets so far: in the NIC's ring of m0, and for want of room behind it

# shellcheck disable=SC2154 # names of tests/system/live.sh
load_tools=$SLUICE_BUILD/tests/bench/load
load_as=() # what runs the sender and what slows: chrt, taskset

slow()
{
	local role pids=()
	for role in ingest filter router session; do pids+=("$(pid_of $role)"); done
	"${load_as[@]}" "$load_tools/load_throttle" "$1" "${pids[@]}" &
	throttle=$!
}

# fast: fails if one of them had ended before.
fast()
{
	kill "$throttle" 2>/dev/null
	wait "$throttle"
}

sink()
{
	: >"$work/sink"
	ip netns exec "$b" "$load_tools/load_send" sink b0 >"$work/sink" &
	disown # who cleans up ends it
	wait_for 30 grep -q ready "$work/sink" || die "no sink"
}

# interface NAMESPACE NAME COUNTER
interface() { ip netns exec "$1" cat "/sys/class/net/$2/statistics/$3"; }

offers() { [ "$(interface "$a" a0 tx_packets)" -gt "$1" ]; }

offer()
{
	local rate=$1 mac sender sent got us
	shift
	mac=$(ip netns exec "$m" cat /sys/class/net/m0/address)
	sent=$(interface "$a" a0 tx_packets)
	# Else a port without a native program takes no frame that is in no socket buffer yet.
	ip netns exec "$m" ethtool -K m0 gro on || die "m0 has no GRO"
	ip netns exec "$a" "${load_as[@]}" "$load_tools/load_send" send a0 "$mac" 64 "$rate" &
	sender=$!
	wait_for 30 offers $((sent + 100)) || die "nothing is sent"
	sent=$(interface "$a" a0 tx_packets) got=$(interface "$b" b0 rx_packets) us=${EPOCHREALTIME/./}
	"$@"
	sent=$(($(interface "$a" a0 tx_packets) - sent)) got=$(($(interface "$b" b0 rx_packets) - got))
	us=$((${EPOCHREALTIME/./} - us))
	kill $sender
	wait $sender 2>/dev/null
	offered=$((sent * 1000000 / us)) forwarded=$((got * 1000000 / us))
}

# Twice in a row, since the machine has other work at times.
find_capacity()
{
	local rate=5000 misses=0
	capacity=0
	while [ $misses -lt 2 ]; do
		rate=$((rate * 2))
		offer $rate pause 0.3
		[ $forwarded -lt $capacity ] || capacity=$forwarded
		if [ $((forwarded * 10)) -ge $((offered * 9)) ]; then misses=0; else misses=$((misses + 1)); fi
	done
}

pings()
{
	local tos pids=()
	for tos in 0xc0 0; do
		on a ping -q -Q $tos -c "$1" -i 0.05 -W 10 198.51.100.2 >"$work/pings.$tos" &
		pids+=($!)
	done
	wait "${pids[@]}"
	# shellcheck disable=SC2034 # for tests
	urgent=$(answered 0xc0) ordinary=$(answered 0)
}

answered() { sed -n 's/.* \([0-9]*\) received.*/\1/p' "$work/pings.$1"; }

# kernel_counter NAME: of m0.
kernel_counter() { port m0 ".counters[] | select(.name == \"$1\").value"; }

lost_in_ring() { echo $(($(kernel_counter kernel_rx_ring_full) + $(kernel_counter kernel_rx_fill_empty))); }

lost_inside()
{
	sluice account --json | jq '[.stages[].reasons? // empty | .[] | select(.label | test("ring_full|tx_failed")).packets] | add // 0'
}
