# shellcheck shell=bash
# What a test left: processes, known by the SLUICE_TEST_ID in their environment, and what all the machine sees: network
# namespaces, interfaces, containers, shared memory, whatever runs from our build folder.  Sourced by tests/run.

# shellcheck disable=SC2154 # root is set by tests/lib.sh

# processes_of ID: pids of the tests whose identity begins with this one.
processes_of()
{
	local pid
	grep -lszE "^SLUICE_TEST_ID=${1//./\\.}(\\.|$)" /proc/[0-9]*/environ 2>/dev/null |
		sed -n 's,/proc/\([0-9]*\)/environ,\1,p' | while read -r pid; do
			! is_alive "$pid" || echo "$pid"
		done
}

is_alive()
{
	local state
	state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -n "$state" ] && [ "$state" != Z ]
}

no_processes()
{
	[ -z "$(processes_of "$1")" ]
}

# end_processes ID: fails, tells and kills where something still runs a minute after the test has ended.
end_processes()
{
	local pid
	no_processes "$1" && return 0
	wait_for 60 no_processes "$1" && return 0
	for pid in $(processes_of "$1"); do
		echo "left behind: process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		kill -KILL "$pid"
	done
	return 1
}

machine_state()
{
	ip netns list 2>/dev/null | sed 's/ .*//; s/^/network namespace /'
	ip -o link 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/interface \1/'
	[ ! -S /var/run/docker.sock ] || timeout 10 docker ps -aq --format 'container {{.Names}}' 2>/dev/null
	find /proc -mindepth 2 -maxdepth 2 -name exe -lname "$root/build/*" -printf 'process %h %l\n' 2>/dev/null
	find /dev/shm -mindepth 1 -maxdepth 1 -printf 'shared memory %f\n' 2>/dev/null
}

new_state()
{
	comm -13 <(sort <<<"$1") <(machine_state | sort)
}

nothing_new()
{
	[ -z "$(new_state "$1")" ]
}

# await_same_state STATE: fails and prints what is there that was not, when it has not gone within a minute; what others
# have made on this machine is not waited for.
await_same_state()
{
	local limit=60
	[ -z "${SLUICE_SHARED:-}" ] || limit=0
	nothing_new "$1" || wait_for $limit nothing_new "$1" && return 0
	new_state "$1"
	return 1
}
