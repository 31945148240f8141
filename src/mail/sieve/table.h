/* table.h - the words of Sieve as tables. An extension is one file ext_x.c with one row set
   (struct sieve_extension), listed in extensions.h: its commands and tests, and the tagged
   arguments that it adds to these or to others. Compiler, verifier and interpreter know only the
   rows. */
#pragma once

#include "mail/sieve/sieve.h"

struct sieve_call;
struct sieve_compiler;
struct sieve_runner;

/* Arguments have numbers: positional ones 0 to 3, then every tag. */
enum sieve_slot {
    SLOT_0,
    SLOT_1,
    SLOT_2,
    SLOT_3,
    SLOT_MATCH, /* enum sieve_match */
    SLOT_RELATION,
    SLOT_COMPARATOR,
    SLOT_PART, /* enum sieve_address_part, body transform */
    SLOT_SIZE, /* 1 over, 2 under */
    SLOT_INDEX,
    SLOT_LAST,
    SLOT_COPY,
    SLOT_CREATE,
    SLOT_FLAGS,
    SLOT_MAILBOX_ID,
    SLOT_SPECIAL_USE,
    SLOT_FCC,
    SLOT_LIST,
    SLOT_ZONE,
    SLOT_ORIGINAL_ZONE,
    SLOT_MIME,
    SLOT_ANY_CHILD,
    SLOT_MIME_OPTION,
    SLOT_PARAMS,
    SLOT_CONTENT,
    SLOT_SUBJECT,
    SLOT_FROM,
    SLOT_ADDRESSES,
    SLOT_HANDLE,
    SLOT_DAYS,
    SLOT_MESSAGE,
    SLOT_IMPORTANCE,
    SLOT_OPTIONS,
    SLOT_HEADERS,
    SLOT_HEADER,
    SLOT_FIRST,
    SLOT_NAME,
    SLOT_UNIQUE,
    SLOT_SECONDS,
    SLOT_LOCATION,
    SLOT_ONCE,
    SLOT_OPTIONAL,
    SLOT_CASE, /* modifiers of set, by precedence */
    SLOT_CASE_FIRST,
    SLOT_QUOTE,
    SLOT_ENCODE,
    SLOT_LENGTH,
    SLOT_PERCENT,
    SLOT_NOTIFY,
    SLOT_RET,
    SLOT_BY,
    SLOT_BY_TIME,
    SLOT_BY_MODE,
    SLOT_BY_TRACE,
    SLOT_COUNT,
};

enum sieve_kind {
    SIEVE_NONE,
    SIEVE_NUMBER,
    SIEVE_STRING,
    SIEVE_LIST, /* a single string may stand for it */
};

/* What a command takes of the arguments that many share. */
enum sieve_uses {
    USES_MATCH = 1,      /* match type, comparator */
    USES_PART = 2,       /* address part */
    USES_INDEX = 4,      /* :index, :last */
    USES_MIME = 8,       /* :mime, :anychild */
    USES_MAILBOX = 16,   /* where a message goes: fileinto */
    USES_SENDS = 32,     /* :fcc and what goes with it */
    USES_MODIFIERS = 64, /* those of set */
    USES_EXTLIST = 128,  /* the match type :list */
};

struct sieve_tag {
    struct slice name; /* without the colon */
    const char *on;    /* the commands, separated by blanks; NULL: all that use */
    unsigned uses;     /* one of these */
    enum sieve_slot slot;
    unsigned value;       /* what goes in the slot, or 0: the argument does */
    enum sieve_kind kind; /* of its argument */
    enum sieve_slot arg;  /* with both: where the argument goes */
    const char *what;     /* the argument, for messages */
};

struct sieve_position {
    const char *what;
    enum sieve_kind kind;
};

/* How the compiler treats it. */
enum sieve_shape {
    SHAPE_ACTION,
    SHAPE_TEST,
    SHAPE_REQUIRE,
    SHAPE_IF,
    SHAPE_ELSIF,
    SHAPE_ELSE,
    SHAPE_STOP,
    SHAPE_RETURN,
    SHAPE_LOOP,
    SHAPE_BREAK,
    SHAPE_TRUE,
    SHAPE_FALSE,
    SHAPE_NOT,
    SHAPE_ALLOF,
    SHAPE_ANYOF,
};

struct sieve_command {
    struct slice name;
    enum sieve_shape shape;
    unsigned uses;
    struct sieve_position args[4];
    unsigned n_args;
    bool first_optional, last_optional;
    /* What tables cannot say, of a call in a script: see compile.h. -1: sieve_wrong was called. */
    int (*check)(struct sieve_compiler *c);
    /* -1: sieve_fail was called. A test returns 1 or 0, an action 0. */
    int (*run)(struct sieve_runner *r, const struct sieve_call *call);
    const char *rfc;
};

struct sieve_extension {
    struct slice name;                    /* empty: of the base, needs no require */
    struct slice implies;                 /* another extension that comes with it */
    const struct sieve_command *commands; /* up to one without a name */
    const struct sieve_tag *tags;         /* likewise */
    bool grammar; /* it changes how scripts are read: not for ihave (RFC 5463 4) */
};

enum sieve_extension_id {
#define SIEVE_EXTENSION(x) SIEVE_EXT_##x,
#include "mail/sieve/extensions.h"
#undef SIEVE_EXTENSION
    SIEVE_EXT_COUNT,
};
_Static_assert(SIEVE_EXT_COUNT <= 64, "extensions are a bit mask");
#define SIEVE_BIT(x) (UINT64_C(1) << SIEVE_EXT_##x)

const struct sieve_extension *sieve_extension(unsigned id);
int sieve_extension_find(struct slice name); /* id, or -1 */
uint64_t sieve_extension_bits(unsigned id);  /* its own, and that of what it implies */

/* By name; *ret_ext is the extension that it belongs to. */
const struct sieve_command *sieve_command_find(struct slice name, bool test, unsigned *ret_ext);

/* The row of :name for that command among the extensions of `mask`; -1: none, *ret_ext the
   extension that would have it, or SIEVE_EXT_COUNT. */
const struct sieve_tag *sieve_tag_find(const struct sieve_command *c, struct slice name,
                                       uint64_t mask, unsigned *ret_ext);

/* What may stand in that slot of a call: SIEVE_NONE when nothing. */
enum sieve_kind sieve_slot_kind(const struct sieve_command *c, unsigned slot);
static inline bool sieve_is_test(const struct sieve_command *c)
{
    return c->shape == SHAPE_TEST || c->shape >= SHAPE_TRUE;
}
