# shellcheck shell=bash
# captures.sh: what the tests over all captures share; sourced behind lib.sh.

# play_all CONFIG PATTERN [OPTION...]: replays every capture whose path matches, each to a balanced account; says how many, and which not.
play_all()
{
	local config=$1 pattern=$2 file n=0 bad=0
	shift 2
	while read -r file; do
		n=$((n + 1))
		if ! timeout 120 "$SLUICE_BUILD/bin/sluice" replay "$file" --config "$config" --json "$@" >"$scratch/json" 2>"$scratch/err"; then
			bad=$((bad + 1))
			echo "$file: $(head -c 300 "$scratch/err") $(jq -c '.account|map_values(.balance)' <"$scratch/json" 2>/dev/null)"
		elif ! jq -e '.balanced and .rings_off == 0 and .buffers.lost == 0 and .buffers.twice == 0 and .restarts == 0 and
			all(.account[]; .balance == 0)' <"$scratch/json" >/dev/null; then
			bad=$((bad + 1))
			echo "$file: the status says balanced, the numbers do not: $(cat "$scratch/json")"
		fi
	done < <(find -L "$SLUICE_CAPTURES" \( -name '*.pcap' -o -name '*.pcapng' \) -path "$pattern" | sort)
	echo "$n captures replayed ($config $*), $bad not accounted for"
	[ "$n" -gt 0 ] && [ "$bad" -eq 0 ]
}

[ -d "$SLUICE_CAPTURES" ] || skip "no captures at $SLUICE_CAPTURES"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Example FILE with so many lanes.
with_lanes()
{
	{ echo "appliance: { lanes: $2 }"; cat "$1"; } >"$scratch/lanes.yaml"
	echo "$scratch/lanes.yaml"
}
