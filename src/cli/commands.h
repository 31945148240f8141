/* commands.h - every sub-command, in the order of help and manual page; two words of one group
   stand together. A line here, a cmd_x.c with `const struct cli_command cmd_x`, and its name in
   meson.build make a new one. */
CLI_COMMAND(preflight)
CLI_COMMAND(serve)
CLI_COMMAND(ports)
CLI_COMMAND(firewall)
CLI_COMMAND(config_show)
CLI_COMMAND(config_check)
CLI_COMMAND(config_docs)
CLI_COMMAND(completion)
CLI_COMMAND(help)
