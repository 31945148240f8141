/* control.h - the control socket STATE/run/control.sock: frames with operations (op.h) for the
   owner of the state directory. A frame is the length of the JSON and of the payload, four bytes
   each, big-endian, then both. Asking: {"op": NAME, "args": {...}}. Answer: {"ok": RESULT} or
   {"error": {"code": NAME, "text": TEXT}}. One frame at a time each way. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    CONTROL_JSON_MAX = 16 * 1024 * 1024,
    CONTROL_PAYLOAD_MAX = 192 * 1024 * 1024,
    CONTROL_HEADER = 8,
};

#define CONTROL_LISTENER "control" /* its name among the listeners */

int control_start(const char *state_dir, struct err *e); /* loops and jobs run */
unsigned long control_connections(void);                 /* operators: nobody's mail */

/* Frames, for both sides. */
int control_frame_write(struct buf *out, json_t *json, struct slice payload, struct err *e);
void control_header_read(const char *p, size_t *ret_json_n, size_t *ret_payload_n);
enum err_code control_code(const char *name); /* of err_code_name */
