# shellcheck shell=bash
# tests/system/live.sh: an appliance between two namespaces, over veths whose ends keep their default offloads; sourced
# after tests/lib.sh.
#
#     a (a0: 192.0.2.2/24, 2001:db8:1::2/64) --- m0 [sluice in m] m1 --- (b0: 198.51.100.2/24, 2001:db8:2::2/64) b

# shellcheck disable=SC2154 # root is set by tests/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root, for namespaces and AF_XDP"
build release sluice sluice-keeper sluice-control sluice-ingest sluice-filter sluice-router sluice-session
sluice=$SLUICE_BUILD/bin/sluice
a=sl-$$-a m=sl-$$-m b=sl-$$-b
work=$(mktemp -d)
chmod 755 "$work"
run=$work/run
up_pid=

in_ns() { ip netns exec "$@"; }

# The keeper first, or it would start the others again.
stop_all()
{
	local pid
	[ -z "$up_pid" ] || kill -KILL "$up_pid" 2>/dev/null
	for pid in $(ip netns pids $m 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
}

cleanup()
{
	local ns pid
	stop_all
	for ns in $a $b; do
		for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
	done
	for ns in $a $m $b; do ip netns del "$ns" 2>/dev/null; done
	wait_for 5 rm -rf "$work" 2>/dev/null || :
}
trap cleanup EXIT

# link SIDE: one of the two veths.
link()
{
	if [ "$1" = a ]; then
		ip link add a0 netns $a type veth peer name m0 netns $m || die "no veth"
		ip -n $a addr add 192.0.2.2/24 dev a0
		ip -n $a addr add 2001:db8:1::2/64 dev a0 nodad
		ip -n $a link set a0 up
		ip -n $m link set m0 up
		ip -n $a route add default via 192.0.2.1
		ip -n $a route add default via 2001:db8:1::1
	else
		ip link add b0 netns $b type veth peer name m1 netns $m || die "no veth"
		ip -n $b addr add 198.51.100.2/24 dev b0
		ip -n $b addr add 2001:db8:2::2/64 dev b0 nodad
		ip -n $b link set b0 up
		ip -n $m link set m1 up
		ip -n $b route add default via 198.51.100.1
		ip -n $b route add default via 2001:db8:2::1
	fi
}

networks()
{
	local ns
	for ns in $a $m $b; do
		ip netns add "$ns" || die "no namespace $ns"
		ip -n "$ns" link set lo up
	done
	# Hosts that are asked often are to answer each time.
	in_ns $a sysctl -qw net.ipv4.icmp_ratelimit=0
	in_ns $b sysctl -qw net.ipv4.icmp_ratelimit=0
	link a
	link b
}

# config FILE LANES DRIVER-A DRIVER-B: what stands behind `driver:` of each port; the addresses are added.
config()
{
	cat >"$1" <<-END
		appliance: { lanes: $2 }
		ports:
		  m0: { driver: $3, addresses: [192.0.2.1/24, "2001:db8:1::1/64"] }
		  m1: { driver: $4, addresses: [198.51.100.1/24, "2001:db8:2::1/64"] }
	END
}

up()
{
	ip netns exec $m "$sluice" up --config "$1" --run-dir "$run" 2>>"$work/log" &
	up_pid=$!
	wait_for 10 passes 4 && wait_for 10 passes 6 || die "it does not forward: $(tail -n 5 "$work/log") $(tell port)"
}

# tell COMMAND...: what the running appliance says.
tell() { in_ns $m "$sluice" "$@" --run-dir "$run" 2>&1; }

passes()
{
	local to=198.51.100.2
	[ "$1" = 4 ] || to=2001:db8:2::2
	in_ns $a ping -q -c 1 -W 1 "$to" >/dev/null
}

# apply FILE: packets of the epoch before the last may still be under way.
apply() { wait_for 10 tell apply "$1" >"$work/applied" || die "not applied: $(cat "$work/applied") $(tell status)"; }

balanced() { [ "$(tell account --json | jq -r '.balanced and .appliance.held == 0')" = true ]; }

# port NAME FILTER
port() { tell port "$1" --json | jq -r ".ports[0]$2"; }
port_is() { [ "$(port "$1" "$2")" = "$3" ]; }
role() { tell status --json | jq -r ".roles[] | select(.name == \"$1\") | $2"; }

down()
{
	wait_for 10 balanced || die "the account does not balance: $(tell account)"
	kill -TERM "$up_pid"
	wait "$up_pid" || die "it did not end in order: $(tail -n 5 "$work/log")"
	up_pid=
	! ip -n $m -d link show m0 | grep -q xdp || die "the program is still on m0"
}
