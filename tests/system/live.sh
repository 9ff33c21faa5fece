# shellcheck shell=bash
# tests/system/live.sh: an appliance between two namespaces, over veths whose ends keep their default offloads; sourced
# after tests/lib.sh.  It is made of tests/system/lib.sh, all of which is there too.
#
#     a (a0: 192.0.2.2/24, 2001:db8:1::2/64) --- m0 [sluice in m] m1 --- (b0: 198.51.100.2/24, 2001:db8:2::2/64) b

# shellcheck source=tests/system/lib.sh
source tests/system/lib.sh
need_live
# shellcheck disable=SC2034 # names for tests
a=$sl-a m=$box b=$sl-b sluice=$SLUICE_BUILD/bin/sluice

in_ns() { ip netns exec "$@"; }

networks()
{
	link a host
	link b host
	# Hosts that are asked often are to answer each time.
	on a sysctl -qw net.ipv4.icmp_ratelimit=0
	on b sysctl -qw net.ipv4.icmp_ratelimit=0
}

# link SIDE [host]: one of the two veths; with `host` its namespace first.
link()
{
	local make=${2:-cable}
	if [ "$1" = a ]; then
		$make a:a0 m0 192.0.2.2/24 2001:db8:1::2/64
		route a default 192.0.2.1
		route a default 2001:db8:1::1
	else
		$make b:b0 m1 198.51.100.2/24 2001:db8:2::2/64
		route b default 198.51.100.1
		route b default 2001:db8:2::1
	fi
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

# up FILE [OPTION...]: starts it, and waits until packets pass.
up()
{
	sluice_start "$@"
	wait_for 30 passes 4 && wait_for 30 passes 6 || die "it does not forward: $(tail -n 5 "$work/log"; sluice port)"
}

# tell COMMAND...: what the running appliance says, errors too.
tell() { sluice "$@" 2>&1; }

# passes 4|6: a ping from a to b.
passes()
{
	local to=198.51.100.2
	[ "$1" = 4 ] || to=2001:db8:2::2
	on a ping -q -c 1 -W 1 "$to" >/dev/null
}

# begin_numbered, end_numbered: numbered packets from a to b and back, as many as go, of which none may be lost in between.
begin_numbered()
{
	: >"$work/echo" # what the one before said is not to be taken for this one's
	ip netns exec "$b" python3 tests/system/window.py echo 5002 >"$work/echo" &
	echo=$!
	wait_for 30 grep -q ready "$work/echo" || die "no echo"
	ip netns exec "$a" python3 tests/system/window.py send 198.51.100.2 5002 >"$work/sent" 2>&1 &
	sender=$!
}

end_numbered()
{
	kill -TERM $sender
	wait $sender || die "numbered packets: $(cat "$work/sent")"
	kill $echo
	wait $echo 2>/dev/null
	[ "$(cat "$work/sent")" -gt 1000 ] || die "only $(cat "$work/sent") numbered packets have passed"
}

down()
{
	expect_balanced
	sluice_down
}
