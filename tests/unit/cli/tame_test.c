/* What an appliance says that means no good: to people, and as JSON. */
#include "services/cli/tame.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* As a client reads it: each text is its own. */
static Sluice__PortsReply *hostile_ports(void)
{
	Sluice__PortsReply reply = SLUICE__PORTS_REPLY__INIT;
	Sluice__Port port = SLUICE__PORT__INIT, *ports[] = {&port};
	char name[] = "\033[2J\033]0;x\007", address[] = "192.0.2.1\r",
	     second[] = "\xc2\x9b"
	                "2J\xff";
	char *addresses[] = {address, second};
	ProtobufCMessage *message;
	uint8_t *bytes;
	size_t len;

	port.name = name;
	port.addresses = addresses;
	port.n_addresses = ARRAY_LEN(addresses);
	reply.ports = ports;
	reply.n_ports = 1;
	bytes = rpc_pack(&reply.base, &len);
	message = rpc_unpack(&sluice__ports_reply__descriptor, bytes, len);
	cr_assert_not_null(message);
	free(bytes);
	return (Sluice__PortsReply *)message;
}

Test(cli_tame, every_text_of_a_message_and_of_those_within_it)
{
	Sluice__PortsReply *reply = hostile_ports();

	tame_message(&reply->base);
	cr_expect_str_eq(reply->ports[0]->name, "?[2J?]0;x?");
	cr_expect_str_eq(reply->ports[0]->addresses[0], "192.0.2.1?");
	cr_expect_str_eq(reply->ports[0]->addresses[1], "??2J?");
	cr_expect_str_eq(reply->ports[0]->driver, "", "it was not sent");
	rpc_free(&reply->base);
}

Test(cli_tame, a_failure_and_what_stands_beside_it)
{
	struct rpc_error error = {.message = "no port '\033c'", .body = &hostile_ports()->base};

	tame_error(&error);
	cr_expect_str_eq(error.message, "no port '?c'");
	cr_expect_str_eq(((Sluice__PortsReply *)error.body)->ports[0]->name, "?[2J?]0;x?");
	rpc_free(error.body);
	tame_error(&(struct rpc_error){.message = "without"});
}

Test(cli_tame, lines_stay_lines)
{
	char text[] = "ports:\n\t# \033[2J\n\n", none[] = "";

	tame_lines(text);
	cr_expect_str_eq(text, "ports:\n\t# ?[2J\n\n");
	tame_lines(none);
	cr_expect_str_eq(none, "");
}

Test(cli_tame, json_holds_no_control_character_and_nothing_but_utf8)
{
	static const char want[] = "{\"ports\":[{\"name\":\"\\u001b[2J\\u001b]0;x\\u0007\",";
	Sluice__PortsReply *reply = hostile_ports();
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	json_message(f, &reply->base);
	cr_assert_eq(fclose(f), 0);
	cr_expect(!strncmp(text, want, sizeof want - 1), "%s", text);
	cr_expect(strstr(text, "[\"192.0.2.1\\u000d\",\"\\u009b2J\\ufffd\"]"), "%s", text);
	free(text);
	rpc_free(&reply->base);
}
