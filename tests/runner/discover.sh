# shellcheck shell=bash
# Which tests there are, in the order in which they run, and what each needs.  Sourced by tests/run.
#
#   build/PRESET          compiles without a warning
#   unit/PRESET/NAME      the Criterion binary unit_NAME in that build
#   FOLDER/NAME_test      a script tests/FOLDER/NAME_test, NAME_test.sh or NAME_test.py
#   fuzz/NAME             the libFuzzer target fuzz_NAME, briefly
#   coverage/packet_code  line coverage

script_folders="lint config golden model mutant crash system"

discover()
{
	configured release || :
	echo build/release
	echo build/clang
	unit_tests release
	local folder
	for folder in $script_folders; do scripts "$folder"; done
	local preset
	for preset in asan tsan; do
		echo "build/$preset"
		unit_tests "$preset"
	done
	echo build/fuzz
	fuzz_targets
	echo build/coverage
	echo coverage/packet_code
}

# unit_tests PRESET: all with the label unit, save those that bear the label no_PRESET.  They are the same in every
# preset, so that one configured build tells.
unit_tests()
{
	ctest --test-dir build/release -N -L '^unit$' -LE "^no_$1\$" |
		sed -n "s,^ *Test *#[0-9]*: unit_,unit/$1/,p" | sort
}

fuzz_targets()
{
	configured fuzz || return 0
	ninja -C build/fuzz -t targets all | sed -n 's,^[^:]*/fuzz_\([^/:.]*\): .*EXECUTABLE.*,fuzz/\1,p' | sort -u
}

scripts()
{
	local file
	for file in "tests/$1"/*_test "tests/$1"/*_test.sh "tests/$1"/*_test.py; do
		[ ! -f "$file" ] || [ ! -x "$file" ] || echo "${file#tests/}"
	done
}

# configured PRESET: or says why not; the build of the preset then fails too.
configured()
{
	local log
	log=$(cmake --preset "$1" 2>&1) && return 0
	echo "tests/run: cmake --preset $1 fails:" >&2
	tail -n 15 <<<"$log" >&2
	return 1
}

# says KEY FILE: the value of a line `# KEY: VALUE` near the head of a script.
says()
{
	local value
	value=$(head -n 40 "$2" | sed -n "s/^# $1: //p" | head -n 1)
	[ -n "$value" ] && echo "$value"
}

# needs TEST: the presets that must have been built, one a line.
needs()
{
	local builds preset
	case $1 in
	build/*) echo "${1#build/}" ;;
	unit/*)
		preset=${1#unit/}
		echo "${preset%/*}"
		;;
	fuzz/*) echo fuzz ;;
	coverage/*) echo coverage ;;
	*)
		builds=$(says build "tests/$1") || builds=release
		for preset in $builds; do [ "$preset" = none ] || echo "$preset"; done
		;;
	esac
}
