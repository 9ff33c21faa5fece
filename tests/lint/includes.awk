# Reads the lines `FILE:LINE:#include ...` and prints those that are not allowed, with the reason; STYLE in one place.
# An include is known by the folder of the file (its "unit": common/fib, services/router, tests, proto).

function unit_of(path,    part)
{
	split(path, part, "/")
	if (part[1] == "common" || part[1] == "services")
		return part[1] "/" part[2]
	return part[1]
}

function refuse(reason)
{
	printf "%s:%s: %s: %s\n", file, line, target, reason
	bad++
}

# The libraries that few may know, and who.
function library_of(target)
{
	if (target ~ /^uv(\.h|\/)/) return "libuv"
	if (target ~ /^(zmq|czmq|zmq_utils)\.h/) return "ZeroMQ"
	if (target ~ /^openssl\//) return "OpenSSL"
	if (target ~ /^yaml\.h/) return "YAML"
	if (target ~ /^(protobuf-c\/|google\/protobuf)/ || target ~ /\.pb-c\.h$/) return "protobuf-c"
	if (target ~ /^common\/rpc\//) return "RPC"
	if (target ~ /^criterion\//) return "Criterion"
	if (target ~ /^(pcap\.h|pcap\/|rte_|xdp\/|bpf\/)/) return "a packet library"
	return ""
}

function may_use(unit, library)
{
	if (unit == "tests")
		return 1
	if (library == "a packet library")
		return unit == "services/cli"
	if (library == "Criterion")
		return 0
	if (library == "YAML")
		return unit == "common/config"
	if (library == "protobuf-c" && unit == "proto")
		return 1
	return unit ~ /^(services\/(control|cli)|common\/rpc)$/
}

function check_ours(unit, target,    other, name)
{
	other = unit_of(target)
	if (unit == "tests" || other == unit)
		return
	if (other == "tests")
		refuse("the product knows no test")
	else if (unit ~ /^(common|proto)/ && other ~ /^services/)
		refuse("common/ knows no service")
	else if (other ~ /^services/) {
		name = substr(other, length("services/") + 1)
		if (unit ~ /^services\/(replay|control)$/ && target == "services/" name "/" name ".h")
			return
		if (unit == "services/cli" && other == "services/replay")
			return
		if (unit ~ /^services\/(replay|control)$/)
			refuse("replay and control may know a service's public header alone")
		else
			refuse("a service knows no other service; what two share is in common/")
	}
}

{
	match($0, /^[^:]*:[0-9]+:/)
	split(substr($0, 1, RLENGTH), at, ":")
	file = at[1]
	line = at[2]
	if (!match($0, /#[ \t]*include[ \t]*[<"][^>"]*[>"]/))
		next
	target = substr($0, RSTART, RLENGTH)
	gsub(/^#[ \t]*include[ \t]*[<"]|[>"]$/, "", target)
	unit = unit_of(file)
	count++
	if (target ~ /(^|\/)\.\.\//) {
		refuse("paths start at the root")
		next
	}
	library = library_of(target)
	if (library != "" && !may_use(unit, library))
		refuse(unit " may not know " library)
	else if (target ~ /^(common|services|tests|proto)\//)
		check_ours(unit, target)
}

END {
	printf "%d includes read, %d not allowed\n", count, bad
	exit bad > 0
}
