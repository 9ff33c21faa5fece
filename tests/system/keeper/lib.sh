# shellcheck shell=bash
# tests/system/keeper/lib.sh: an appliance under its keeper, whose ports play captures and whose control process only
# tells what it sees (control.c); sourced after tests/lib.sh.

# shellcheck disable=SC2154 # root is set by tests/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root, since the processes get users of their own"
build release sluice sluice-keeper sluice-ingest sluice-filter sluice-router sluice-session system_keeper_control \
	system_keeper_ingest
work=$(mktemp -d)
chmod 755 "$work"
run=$work/run
up_pid=

# The keeper first, or it would start the attendants again; their processes go with them.
cleanup()
{
	local name pid
	[ -z "$up_pid" ] || kill -KILL "$up_pid" 2>/dev/null
	for name in filter router ingest session control; do
		pid=$(cat "$run/$name.lock" 2>/dev/null) && kill -KILL "$pid" 2>/dev/null
	done
	wait_for 5 rm -rf "$work" 2>/dev/null || :
}
trap cleanup EXIT

# What the shipped folder would hold, with the tests' own ingest and control.
programs()
{
	local name
	mkdir -p "$work/bin"
	for name in keeper filter router session; do
		ln -s "$SLUICE_BUILD/bin/sluice-$name" "$work/bin/"
	done
	ln -s "$SLUICE_BUILD/tests/system/keeper/system_keeper_control" "$work/bin/sluice-control"
	ln -s "$SLUICE_BUILD/tests/system/keeper/system_keeper_ingest" "$work/bin/sluice-ingest"
	export SLUICE_LIBEXEC=$work/bin
}

# config LOOPS PACE: two hosts that talk through it, their conversation so many times.
config()
{
	sed -e "s,^  wan:,&\n    driver: pcap\n    in: $root/deploy/examples/demo-client.pcap\n    loop: $1\n    pace: $2 pps," \
		-e "s,^  lan:,&\n    driver: pcap\n    in: $root/deploy/examples/demo-server.pcap\n    loop: $1\n    pace: $2 pps," \
		deploy/examples/demo.yaml >"$work/config.yaml"
}

# up: starts it and waits until it forwards.
up()
{
	"$SLUICE_BUILD/bin/sluice" up --config "$work/config.yaml" --run-dir "$run" 2>>"$work/log" &
	up_pid=$!
	wait_for 30 all_run || die "it did not start: $(cat "$work/log")"
}

seen()
{
	jq -r "$1" "$run/seen" 2>/dev/null
}

all_run()
{
	[ "$(seen '[.keeper == '"$up_pid"', .epoch > 0, (.roles[] | .state == "running" and .pid > 0)] | all')" = true ]
}

# is FILTER VALUE
is()
{
	[ "$(seen "$1")" = "$2" ]
}

more_than()
{
	local now
	now=$(seen "$1")
	[ -n "$now" ] && [ "$now" -gt "$2" ]
}

# No more comes, and each account balances.
at_rest()
{
	local before
	before=$(seen .received)
	pause 0.3
	[ "$(seen .received)" = "$before" ] &&
		[ "$(seen '[.balance == 0, .rings_off == 0, (.stages[] | .balance == 0)] | all')" = true ]
}

# kill_role SIGNAL ROLE: ends its process and waits for another that runs.
kill_role()
{
	local starts
	starts=$(seen ".roles.$2.starts")
	kill "-$1" "$(seen ".roles.$2.pid")"
	wait_for 30 more_than ".roles.$2.starts" "$starts" || die "$2 was not started again: $(seen .)"
	wait_for 30 all_run || die "$2 does not run again: $(seen .) $(tail -n 5 "$work/log")"
}

kill_attendant()
{
	local old
	old=$(seen ".roles.$1.attendant")
	kill -KILL "$old"
	wait_for 30 other_attendant "$1" "$old" || die "$1 has no new attendant: $(seen .)"
	wait_for 30 all_run || die "$1 does not run again: $(seen .)"
}

other_attendant()
{
	[ "$(seen ".roles.$1.attendant")" != "$2" ] && [ "$(seen ".roles.$1.state")" = running ]
}

# alive PID: a process that nobody has waited for yet is dead all the same.
alive()
{
	local state
	state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -n "$state" ] && [ "$state" != Z ]
}

balanced()
{
	wait_for 30 at_rest || die "the account does not balance: $(seen .)"
}

down()
{
	kill -TERM "$up_pid"
	wait "$up_pid" || die "it did not end in order: $(tail -n 5 "$work/log")"
	up_pid=
	local name
	for name in keeper.sock filter.lock ingest.lock empty; do
		[ ! -e "$run/$name" ] || die "$name is left in the run folder"
	done
}
