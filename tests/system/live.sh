# shellcheck shell=bash
# tests/system/live.sh: the network of two hosts that most tests of live ports need; sourced after tests/system/lib.sh.
#
#     a (192.0.2.2/24, 2001:db8:1::2/64) --- m0 [Sluice] m1 --- (198.51.100.2/24, 2001:db8:2::2/64) b

# shellcheck disable=SC2154 # work is set by tests/system/lib.sh

# The hosts, and the appliance's namespace around them.
networks()
{
	local name
	need_live
	for name in a b; do
		host_$name host
		# Hosts that are asked often are to answer each time.
		on $name sysctl -qw net.ipv4.icmp_ratelimit=0
	done
}

# host_a [cable]: the host, or only its cable anew.
host_a()
{
	"${1:-cable}" a m0 192.0.2.2/24 2001:db8:1::2/64
	route a default 192.0.2.1
	route a default 2001:db8:1::1
}

host_b()
{
	"${1:-cable}" b m1 198.51.100.2/24 2001:db8:2::2/64
	route b default 198.51.100.1
	route b default 2001:db8:2::1
}

# two_ports LANES DRIVER-A DRIVER-B: a configuration; what stands behind `driver:` of each port, the addresses are added.
two_ports()
{
	cat <<-END
		appliance: { lanes: $1 }
		ports:
		  m0: { driver: $2, addresses: [192.0.2.1/24, "2001:db8:1::1/64"] }
		  m1: { driver: $3, addresses: [198.51.100.1/24, "2001:db8:2::1/64"] }
	END
}

# passes 4|6: a ping from a to b.
passes()
{
	local to=198.51.100.2
	[ "$1" = 4 ] || to=2001:db8:2::2
	on a ping -q -c 1 -W 1 "$to" >/dev/null
}

# up <CONFIG: starts it, and waits until packets pass.
up()
{
	sluice_up
	wait_for 30 passes 4 && wait_for 30 passes 6 || die "it does not forward: $(tail -n 5 "$work/log"; sluice port)"
}
