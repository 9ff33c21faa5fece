# shellcheck shell=bash
# tests/lib.sh: what the test scripts and the runner share; sourced, never run.
#
#   source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
#
# sets root, SLUICE_BUILD (the build folder under test), SLUICE_CAPTURES and jobs, and goes to the root.  Functions
# that give up do it with a sentence on standard error.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
jobs=${SLUICE_JOBS:-$(nproc)}
export SLUICE_BUILD=${SLUICE_BUILD:-$root/build/release}
export SLUICE_CAPTURES=${SLUICE_CAPTURES:-$root/../shared/captures}
if command -v ccache >/dev/null; then
	export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
fi

die()
{
	echo "${0#"$root"/}: $*" >&2
	exit 1
}

# skip REASON: leave the test as neither passed nor failed.
skip()
{
	echo "skipped: $*"
	exit 77
}

# left_out WHAT: a part of the test that cannot be had here; `tests/run` tells it beside the test.
left_out()
{
	echo "left out: $*"
}

# build PRESET [TARGET...]: configure once, and build.  Under the runner it has been done already.
build()
{
	local preset=$1
	shift
	[ -z "${SLUICE_BUILT:-}" ] || return 0
	cmake --preset "$preset" >/dev/null && ninja -C "build/$preset" -j "$jobs" "$@"
}

# sources [PATTERN...]: our files, one a line, relative to the root; all, or those whose names match a glob.  Files that
# git does not know yet count, files that it ignores do not.
sources()
{
	[ $# -gt 0 ] || set -- '*'
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
	else
		local glob names=()
		for glob in "$@"; do names+=(-o -name "${glob##*/}"); done
		find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -printf '%P\n'
	fi | sort -u
}

# pause SECONDS: between two looks at something; nothing else may need it.
pause()
{
	read -rt "$1" <> <(:) || :
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails when the time is over.
wait_for()
{
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		pause 0.05
	done
}

# COMMAND | has PATTERN...: as `| grep -q`, which ends at the first match: a command that still writes is then ended by
# SIGPIPE, and pipefail takes that for a failure.
has()
{
	grep "$@" >/dev/null
}

# plain_aslr COMMAND...: what the sanitizers of gcc 12 and clang 14 need where a kernel scatters mappings wider than
# they expect.
plain_aslr()
{
	if setarch -R true 2>/dev/null; then
		setarch -R "$@"
	else
		"$@"
	fi
}
