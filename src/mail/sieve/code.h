/* code.h - byte code. All numbers are varints.

     code      "CSV1", bits of how it was compiled, then
     names     count, strings: the extensions that are required
     constants count, strings
     words     count, strings: the commands and tests that are called ("!x" is a test)
     code      count, instructions: op, line, then what the op has:
               JUMP, IF, UNLESS: how many instructions forward (from the next one)
               CALL: word, count of arguments, arguments: slot, kind, a number | a constant | count
                     and constants
               LOOP: as JUMP; goes there when there are no parts. NEXT: how many back, to its LOOP.
               LEAVE: how many loops end.  NEEDS: extension name; an error unless it is enabled.
               WRONG: constant; a run-time error (code behind a failed ihave)

   Jumps go forward only, but for NEXT; every path to an instruction is inside the same loops. */
#pragma once

#include "mail/sieve/table.h"

enum sieve_op {
    SIEVE_OP_STOP,
    SIEVE_OP_RETURN,
    SIEVE_OP_JUMP,
    SIEVE_OP_IF,     /* jump when the last test was true */
    SIEVE_OP_UNLESS, /* jump when it was false */
    SIEVE_OP_SET,    /* the result of the last test: 0 or 1 */
    SIEVE_OP_NOT,
    SIEVE_OP_CALL,
    SIEVE_OP_LOOP,
    SIEVE_OP_NEXT,
    SIEVE_OP_LEAVE,
    SIEVE_OP_NEEDS,
    SIEVE_OP_WRONG,
    SIEVE_OP_COUNT,
};

enum sieve_code_bits {
    SIEVE_CODE_VARIABLES = 1, /* ${x} in constants means something */
};

struct sieve_value {
    uint8_t slot, kind; /* enum sieve_slot, enum sieve_kind */
    uint32_t n;         /* of a list */
    uint64_t number;    /* or the constant, or where the list begins in the program's items */
};

struct sieve_call {
    const struct sieve_command *command;
    const struct sieve_value *values;
    uint32_t n;
    uint32_t line;
};

struct sieve_instruction {
    enum sieve_op op;
    uint32_t target; /* absolute; or the constant, the extension, the number */
    struct sieve_call call;
};

struct sieve_program {
    bool variables;
    uint64_t required; /* of extensions */
    struct slice *constants;
    uint32_t n_constants;
    uint32_t *items;
    uint32_t n_items;
    struct sieve_instruction *code;
    uint32_t n_code;
    uint32_t loops; /* how deep */
};

/* One instruction, for people; disassemble.c. */
void sieve_disassemble_one(const struct sieve_program *p, uint32_t i, struct buf *out);
