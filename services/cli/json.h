/* json: any message of proto/ as JSON: keys are its fields' names, each field is there, also where it is
 * zero. */
#ifndef SLUICE_SERVICES_CLI_JSON_H
#define SLUICE_SERVICES_CLI_JSON_H

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

void json_message(FILE *to, const ProtobufCMessage *message);
/* As a line on standard output. */
void json_line(const ProtobufCMessage *message);
/* The same without the braces, to have more beside it. */
void json_fields(FILE *to, const ProtobufCMessage *message);
/* Quoted and escaped, also what would steer a terminal; what is no UTF-8 is U+FFFD. */
void json_text(FILE *to, const char *text);

#endif
