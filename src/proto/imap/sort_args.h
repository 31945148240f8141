/* sort_args.h - SORT and THREAD: RFC 5256 5, RFC 5957 5 (DISPLAYFROM, DISPLAYTO), RFC 5267 3
   (RETURN). Behind the criteria or the algorithm stand the charset and a search program. */
#pragma once

#include "proto/imap/search_args.h"

enum imap_sort_key {
    IMAP_SORT_ARRIVAL,
    IMAP_SORT_CC,
    IMAP_SORT_DATE,
    IMAP_SORT_DISPLAYFROM,
    IMAP_SORT_DISPLAYTO,
    IMAP_SORT_FROM,
    IMAP_SORT_SIZE,
    IMAP_SORT_SUBJECT,
    IMAP_SORT_TO,
    IMAP_SORT_KEYS,
};

struct imap_sort_args {
    struct imap_search_args search;
    struct imap_sort_by {
        enum imap_sort_key key;
        bool reverse;
    } by[IMAP_SORT_KEYS]; /* each key once: a second time it decides nothing */
    size_t n;
};

enum imap_thread_way { IMAP_THREAD_ORDEREDSUBJECT, IMAP_THREAD_REFERENCES, IMAP_THREAD_REFS };

struct imap_thread_args {
    struct imap_search_args search;
    enum imap_thread_way way;
};

/* Both begin behind the command's name, at its space. */
int imap_sort_args(struct imap_parser *p, struct imap_sort_args *ret);
int imap_thread_args(struct imap_parser *p, struct imap_thread_args *ret);
