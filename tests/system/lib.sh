# shellcheck shell=bash
# tests/system/lib.sh: hosts in namespaces around a running appliance; sourced after tests/lib.sh.
#
#   need_live                      root, namespaces, and what is built; else the test is skipped
#   host NAME[:INTERFACE] PORT ADDRESS...     a namespace, and a cable from it to the appliance
#   cable NAME[:INTERFACE] PORT ADDRESS...    a veth from that host's INTERFACE (eth0) to PORT in the appliance's namespace
#   route NAME DESTINATION VIA     as `ip route add` there
#   sluice_up [OPTION...] <CONFIG  starts it, waits until every process runs and every port is up; sluice_start has a file
#   on NAME COMMAND...             runs in that host's namespace
#   sluice COMMAND...              the command, on this appliance
#   apply FILE                     puts that configuration in force
#   port NAME FILTER, port_is NAME FILTER VALUE, role NAME FILTER    what `sluice port` and `sluice status` tell
#   expect_balanced                every packet and every buffer is accounted for
#   watch_kernel PORT, expect_kernel_silent PORT    nothing was sent in between by the kernel that the port belongs to
#   sluice_down                    in order; whatever happens, cleanup does the rest
#
# Everything is in $work; names begin with sl-$$.

# shellcheck disable=SC2154 # root is set by tests/lib.sh
shopt -s nullglob
sl=sl-$$
box=$sl-box
work=
run=
up_pid=
hosts=()
declare -A watchers # by port: pids

need_live()
{
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces and interfaces"
	ip netns add "$box" 2>/dev/null || skip "no namespaces can be made here"
	trap cleanup EXIT
	work=$(mktemp -d)
	chmod 755 "$work"
	run=$work/run
	build release sluice sluice-keeper sluice-control sluice-ingest sluice-filter sluice-router sluice-session ||
		die "it does not build"
	ip -n "$box" link set lo up
}

# sluice_kill: all at once, the keeper first, or it would start the others again.
sluice_kill()
{
	local name pid
	[ -z "$up_pid" ] || { kill -KILL "$up_pid" && wait "$up_pid"; } 2>/dev/null
	up_pid=
	for name in "$run"/*.lock; do
		pid=$(head -n 1 "$name" 2>/dev/null) && [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	done
}

cleanup()
{
	local name
	sluice_kill
	for name in "$box" "${hosts[@]}"; do
		# shellcheck disable=SC2046 # pids
		kill -KILL $(ip netns pids "$name" 2>/dev/null) 2>/dev/null
		ip netns del "$name" 2>/dev/null
	done
	[ -z "$work" ] || wait_for 5 rm -rf "$work" 2>/dev/null || :
}

on()
{
	local name=$sl-$1
	shift
	ip netns exec "$name" "$@"
}

host()
{
	local ns=$sl-${1%:*}
	hosts+=("$ns")
	ip netns add "$ns" || die "no namespace $ns"
	ip -n "$ns" link set lo up
	cable "$@"
}

cable()
{
	local ns=$sl-${1%:*} near=eth0 port=$2 address
	[[ $1 != *:* ]] || near=${1#*:}
	shift 2
	ip link add "$near" netns "$ns" type veth peer name "$port" netns "$box" || die "no veth for $port"
	ip -n "$ns" link set "$near" up
	ip -n "$box" link set "$port" up
	for address in "$@"; do
		if [[ $address == *:* ]]; then
			ip -n "$ns" address add "$address" dev "$near" nodad
		else
			ip -n "$ns" address add "$address" dev "$near"
		fi || die "no address $address"
	done
}

route()
{
	ip -n "$sl-$1" route add "$2" via "$3" || die "no route to $2 on $1"
}

# words_of WORD...: how many of the words name the command: its noun, and its verb where it has one.
words_of()
{
	[[ "$1 ${2:-}" == @(config|crash|keys|route)\ [a-z]* ]] && echo 2 || echo 1
}

sluice()
{
	local words
	words=$(words_of "$@")
	timeout 15 "$SLUICE_BUILD/bin/sluice" "${@:1:words}" --run-dir "$run" "${@:words+1}"
}

# tells FILTER VALUE COMMAND...: what a command's --json says.
tells()
{
	local filter=$1 value=$2
	shift 2
	[ "$(sluice "$@" --json 2>/dev/null | jq -r "$filter" 2>/dev/null)" = "$value" ]
}

all_up()
{
	kill -0 "$up_pid" 2>/dev/null || die "it has ended: $(tail -n 5 "$work/log")"
	sluice status >/dev/null 2>&1 &&
		tells '[.ports[] | select(.state != "up" or (.carrier | not))] | length' 0 port
}

sluice_up()
{
	cat >"$work/config.yaml"
	sluice_start "$work/config.yaml" "$@"
}

# sluice_start FILE [OPTION...]: the same with a file, which it goes on reading.
sluice_start()
{
	ip netns exec "$box" "$SLUICE_BUILD/bin/sluice" up --config "$1" --run-dir "$run" "${@:2}" \
		>>"$work/log" 2>&1 &
	up_pid=$!
	wait_for 30 all_up || die "it did not come up: $(tail -n 5 "$work/log"; sluice status; sluice port)"
}

sluice_down()
{
	kill -TERM "$up_pid"
	wait "$up_pid" || die "it did not end in order: $(tail -n 5 "$work/log")"
	up_pid=
	wait_for 30 no_program_left || die "a program is still on a port: $(ip -n "$box" -d link show)"
}

no_program_left()
{
	! ip -n "$box" -d link show | has prog/xdp
}

# apply FILE: packets of the epoch before the last may still be under way.
apply()
{
	wait_for 30 applied "$1" || die "not applied: $(cat "$work/applied"; sluice status)"
}

applied()
{
	sluice apply "$1" >"$work/applied" 2>&1
}

port()
{
	sluice port "$1" --json 2>/dev/null | jq -r ".ports[0]?$2"
}

port_is()
{
	[ "$(port "$1" "$2")" = "$3" ]
}

# On a busy machine an answer may be late.
role()
{
	wait_for 30 status_told || return 1
	jq -r --arg role "$1" ".roles[] | select(.name == \$role) | $2" "$work/status"
}

status_told()
{
	sluice status --json >"$work/status" 2>/dev/null
}

pid_of()
{
	role "$1" .pid
}

# kill_role ROLE: SIGKILL, and until another runs.
kill_role()
{
	local old
	old=$(pid_of "$1")
	kill -KILL "$old" || die "$1 has no process: $old"
	wait_for 30 runs_anew "$1" "$old" || die "$1 was not started again: $(sluice status)"
}

runs_anew()
{
	[ "$(pid_of "$1")" != "$2" ] && sluice status >/dev/null
}

# all_answered FILE: in what a ping printed, each request up to the last that was answered has its answer.  What was under way
# when the ping was ended is behind that one.
all_answered()
{
	awk -F'icmp_seq=' '/icmp_seq=/ { n++; if ($2 + 0 > last) last = $2 + 0 } END { exit !(n > 0 && n == last) }' "$1"
}

# Packets stop, then all must be there: also those that wait for a neighbor or for reassembly have their place.
expect_balanced()
{
	wait_for 30 balances || die "the account does not balance: $(sluice account --buffers 2>&1)"
}

balances()
{
	sluice account --buffers >/dev/null 2>&1
}

# watch_kernel PORT: from now on what the other end receives that bears the MAC of the kernel behind the port.  Sluice has
# a MAC of its own where its configuration says so (`mac:`).
watch_kernel()
{
	local ns mac
	for ns in "${hosts[@]}"; do
		mac=$(ip -n "$box" -j link show "$1" | jq -r '.[0].address')
		: >"$work/tcpdump-$1-$ns" # what the one before said is not to be taken for this one's
		ip netns exec "$ns" tcpdump -n -U --immediate-mode -i "$(near_end "$ns")" -Q in \
			-w "$work/kernel-$1-$ns.pcap" "ether src $mac" 2>"$work/tcpdump-$1-$ns" &
		watchers[$1]+=" $!"
		wait_for 30 grep -qs listening "$work/tcpdump-$1-$ns" || die "tcpdump does not start"
	done
}

# near_end NAMESPACE: a host's interface.
near_end()
{
	ip -n "$1" -j link show | jq -r 'map(select(.link_type != "loopback"))[0].ifname'
}

expect_kernel_silent()
{
	local file n
	# shellcheck disable=SC2086 # pids
	kill ${watchers[$1]} && wait ${watchers[$1]}
	unset "watchers[$1]"
	for file in "$work/kernel-$1"-*.pcap; do
		n=$(tcpdump -nr "$file" 2>/dev/null | wc -l)
		[ "$n" = 0 ] || die "the kernel behind $1 sent $n frames: $(tcpdump -nr "$file" 2>/dev/null | head -n 3)"
	done
}
