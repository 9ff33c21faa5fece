/* list: the commands, in the order in which help shows them. */
#include "services/cli/commands.h"

extern const struct cli_command command_up, command_status, command_health, command_port, command_vlan,
        command_address, command_route, command_neighbor, command_rule, command_socket, command_account,
        command_counter, command_drop, command_capture, command_config, command_crash, command_keys,
        command_config_apply, command_config_check, command_monitor, command_doctor, command_top,
        command_replay, command_udp_echo, command_completion, command_man;

const struct commands_entry commands[COMMANDS_MAX + 1] = {
        {&command_up, NULL},
        {&command_status, NULL},
        {&command_health, NULL},
        {&command_top, NULL},
        {&command_port, NULL},
        {&command_vlan, NULL},
        {&command_address, NULL},
        {&command_route, NULL},
        {&command_neighbor, NULL},
        {&command_rule, NULL},
        {&command_socket, NULL},
        {&command_account, NULL},
        {&command_counter, NULL},
        {&command_drop, NULL},
        {&command_capture, NULL},
        {&command_crash, NULL},
        {&command_monitor, NULL},
        {&command_config, NULL},
        {&command_keys, NULL},
        {&command_config_apply, "config apply"},
        {&command_config_check, "config check"},
        {&command_doctor, NULL},
        {&command_replay, NULL},
        {&command_udp_echo, NULL},
        {&command_completion, NULL},
        {&command_man, NULL},
        {&command_help, NULL},
};
