/* loops.h - how many threads of each kind this node runs. */
#pragma once

unsigned cores(void);        /* that this process may use */
unsigned loops_wanted(void); /* io.loops */
