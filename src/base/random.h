/* random.h - bytes from the kernel, and short names made of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t n); /* never fails: aborts when the kernel has none */
uint64_t random_u64(void);

/* n characters of a-z2-7 (5 bits each) and a NUL: trace ids, file names, tokens. */
void random_name(char *out, size_t n);
