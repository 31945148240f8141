/* list.h - an intrusive doubly linked ring. The head is a link of its own; an empty list points to
   itself. Removing needs only the link. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

#define list_entry(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))
#define list_each(l, head) for (struct link *l = (head)->next; l != (head); l = l->next)
#define list_each_safe(l, head)                                                                    \
    for (struct link *l = (head)->next, *l##_next = l->next; l != (head);                          \
         l = l##_next, l##_next = l->next)

static inline void list_init(struct link *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline void list_push(struct link *head, struct link *l) /* at the end */
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_remove(struct link *l) /* harmless when it is in no list (zero or self) */
{
    if (l->next) {
        l->prev->next = l->next;
        l->next->prev = l->prev;
    }
    l->next = l->prev = l;
}

static inline struct link *list_pop(struct link *head) /* the first, or NULL */
{
    if (list_empty(head))
        return NULL;
    struct link *l = head->next;
    list_remove(l);
    return l;
}
