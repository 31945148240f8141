/* control_frame.c - frames of the control socket, for server and command. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "node/control.h"

static void add_u32(struct buf *out, size_t n)
{
    uint32_t v = htonl((uint32_t)n);
    buf_add(out, slice_of(&v, sizeof(v)));
}

int control_frame_write(struct buf *out, json_t *json, struct slice payload, struct err *e)
{
    char *text = json_dumps(json, JSON_COMPACT);
    size_t n = text ? strlen(text) : 0;
    int rc = 0;
    if (!text || n > CONTROL_JSON_MAX || payload.n > CONTROL_PAYLOAD_MAX) {
        rc = err_set(e, ERR_LIMIT, "too large for the control socket");
    } else {
        add_u32(out, n);
        add_u32(out, payload.n);
        buf_add(out, slice_of(text, n));
        buf_add(out, payload);
        if (out->failed)
            rc = err_set(e, ERR_LIMIT, "too large for the control socket");
    }
    free(text);
    return rc;
}

void control_header_read(const char *p, size_t *ret_json_n, size_t *ret_payload_n)
{
    uint32_t v[2];
    memcpy(v, p, sizeof(v));
    *ret_json_n = ntohl(v[0]);
    *ret_payload_n = ntohl(v[1]);
}

enum err_code control_code(const char *name)
{
    for (int c = ERR_OK; c <= ERR_BUG; c++) {
        if (strcmp(err_code_name((enum err_code)c), name) == 0)
            return (enum err_code)c;
    }
    return ERR_BUG;
}
