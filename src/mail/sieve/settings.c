/* settings.c - how much a script may be and do. Whoever writes scripts is a stranger. */
#include "mail/sieve/sieve.h"

SETTING(sieve, script_max, SIZE, 256 * KiB, 4 * KiB, 16 * MiB, "Largest Sieve script.");
SETTING(sieve, nesting_max, INT, 32, 15, 200,
        "How deep blocks and tests may be nested in a Sieve script. RFC 5228 2.10.5 asks for 15.");
SETTING(sieve, code_max, INT, 20000, 100, 1000000,
        "How many instructions, and how many strings, a Sieve script may compile to.");
SETTING(sieve, steps_max, INT, 100000, 1000, 100000000,
        "How many instructions one run of Sieve may take, included scripts and loops with it.");
SETTING(sieve, work_max, SIZE, 256 * MiB, MiB, 64 * GiB,
        "How many bytes the tests of one run of Sieve may look at, again and again counted each "
        "time.");
SETTING(sieve, actions_max, INT, 32, 4, 1000, "How many actions one run of Sieve may end with.");
SETTING(sieve, redirects_max, INT, 4, 0, 100,
        "How many of these may be redirects. RFC 5228 4.2 asks for a limit.");
SETTING(sieve, notices_max, INT, 4, 0, 100, "How many of these may be notifications.");
SETTING(sieve, include_depth, INT, 10, 3, 50,
        "How deep Sieve scripts may include each other. RFC 6609 3.1 asks for 3.");
SETTING(sieve, includes_max, INT, 100, 3, 1000, "How many scripts one run of Sieve may include.");
SETTING(sieve, variables_max, INT, 256, 128, 10000,
        "How many variables a script may have. RFC 5229 6 asks for 128.");
SETTING(sieve, variable_size, SIZE, 16 * KiB, 4000, MiB,
        "Longest value of a variable; what is longer is cut. RFC 5229 6 asks for 4000.");
SETTING(sieve, memory_max, SIZE, 64 * MiB, MiB, GiB, "How much memory one run of Sieve may take.");
SETTING(sieve, vacation_min, TIME, MIN, 0, 7 * DAY,
        "Least time before vacation answers the same sender again, whatever a script says.");
SETTING(sieve, vacation_max, TIME, 180 * DAY, 30 * DAY, 3650 * DAY, "The longest such time.");

struct sieve_limits sieve_limits(void)
{
    return (struct sieve_limits){
        .script = (size_t)setting_get(&set_sieve_script_max),
        .nesting = (uint32_t)setting_get(&set_sieve_nesting_max),
        .code = (uint32_t)setting_get(&set_sieve_code_max),
        .steps = (uint64_t)setting_get(&set_sieve_steps_max),
        .work = (uint64_t)setting_get(&set_sieve_work_max),
        .actions = (uint32_t)setting_get(&set_sieve_actions_max),
        .redirects = (uint32_t)setting_get(&set_sieve_redirects_max),
        .notices = (uint32_t)setting_get(&set_sieve_notices_max),
        .include_depth = (uint32_t)setting_get(&set_sieve_include_depth),
        .includes = (uint32_t)setting_get(&set_sieve_includes_max),
        .variables = (uint32_t)setting_get(&set_sieve_variables_max),
        .variable_size = (size_t)setting_get(&set_sieve_variable_size),
        .memory = (size_t)setting_get(&set_sieve_memory_max),
        .vacation_min = (uint64_t)setting_get(&set_sieve_vacation_min) / 1000,
        .vacation_max = (uint64_t)setting_get(&set_sieve_vacation_max) / 1000,
    };
}
