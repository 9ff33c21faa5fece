# shellcheck shell=bash
# tests/system/frr.sh: FRR's daemons in hosts of tests/system/lib.sh, all of which is there too; sourced after tests/lib.sh.
# What is a host's own is in $work/frr-HOST.

# shellcheck source=tests/system/lib.sh
source tests/system/lib.sh
need_live
frr=/usr/lib/frr
[ -x $frr/bgpd ] || skip "FRR is missing: deploy/install test"

# daemon HOST NAME [OPTION...]: starts one; without a configuration it has an empty one.
daemon()
{
	local dir=$work/frr-$1
	mkdir -p "$dir"
	[ -e "$dir/$2.conf" ] || : >"$dir/$2.conf"
	chown -R frr: "$dir" # whom they become
	on "$1" $frr/"$2" -f "$dir/$2.conf" -i "$dir/$2.pid" -z "$dir/zserv" --vty_socket "$dir" -P 0 "${@:3}" \
		>>"$dir/$2.log" 2>&1 &
	wait_for 30 test -s "$dir/$2.pid" || die "$2 of $1 does not start: $(tail -n 5 "$dir/$2.log")"
}

# stop HOST NAME...: SIGKILL.
stop()
{
	local name pid
	for name in "${@:2}"; do
		pid=$(cat "$work/frr-$1/$name.pid")
		kill -KILL "$pid" || die "$name of $1 does not run"
		wait_for 30 ended "$pid" || die "$name of $1 does not end"
		rm -rf "$work/frr-$1/$name.pid" "/var/tmp/frr/$name.$pid"
	done
}
ended() { ! kill -0 "$1" 2>/dev/null; }

# bgp HOST AS ID PEER:AS...: bgpd's configuration; `network` lines come from standard input.
bgp()
{
	local dir=$work/frr-$1 peer
	mkdir -p "$dir"
	{
		echo "router bgp $2"
		echo " bgp router-id $3"
		echo " no bgp ebgp-requires-policy"
		echo " no bgp network import-check"
		for peer in "${@:4}"; do
			echo " neighbor ${peer%:*} remote-as ${peer#*:}"
			[ "${peer#*:}" = "$2" ] || echo " neighbor ${peer%:*} ebgp-multihop 8"
			echo " neighbor ${peer%:*} timers connect 1"
		done
		echo " address-family ipv4 unicast"
		cat
	} >"$dir/bgpd.conf"
}

# fpm_link HOST: a link of its own to Sluice's namespace, 10.255.0.2 here and 10.255.0.1 there, by which its zebra tells.
fpm_link()
{
	local ns=$sl-$1
	ip link add fpm netns "$ns" type veth peer name fpm netns "$box" || die "no veth"
	ip -n "$ns" link set fpm up
	ip -n "$ns" address add 10.255.0.2/30 dev fpm
	ip -n "$box" link set fpm up
	ip -n "$box" address add 10.255.0.1/30 dev fpm
	mkdir -p "$work/frr-$1"
	echo "fpm address 10.255.0.1 port 2620" >"$work/frr-$1/zebra.conf"
}

# What `sluice route` and `sluice route source` tell of it.
fpm_is() { tells ".sources[0]$1" "$2" route source; }
expect_fpm() { wait_for 60 fpm_is "$@" || die "fpm does not tell $1 = $2: $(sluice route source; tail -n 3 "$work"/frr-*/*.log)"; }
told() { sluice route | has -F -- "$1"; }
lacks() { sluice route >"$work/routes" && ! grep -qF -- "$1" "$work/routes"; }
expect_told() { wait_for 60 told "$1" || die "no route '$1': $(sluice route; sluice route source; tail -n 3 "$work"/frr-*/*.log)"; }
learned() { ip -n "$1" route show proto bgp | has "^$2"; }
