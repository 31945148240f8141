/* gmime_parse.c - what GMime makes of messages, one JSON object a line: the part tree with the
   decoded content of the leaves, and a few decoded fields. A test-only program; see test_corpus.py.
 */
#include <stdio.h>

#include <gmime/gmime.h>

static void json(const char *s)
{
    putchar('"');
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < ' ' || c == '"' || c == '\\' || c >= 127)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

struct item {
    GMimeObject *object;
    int depth;
};

static void leaf(GMimePart *part)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *mem = g_mime_stream_mem_new();
    if (content)
        g_mime_data_wrapper_write_to_stream(content, mem);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
    char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes->data, bytes->len);
    printf(",\"decoded\":\"%.32s\",\"decoded_size\":%u", sum, bytes->len);
    g_free(sum);
    g_object_unref(mem);
    if (GMIME_IS_TEXT_PART(part)) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        GString *lf = g_string_new(text ? text : "");
        g_string_replace(lf, "\r\n", "\n", 0);
        sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)lf->str, lf->len);
        printf(",\"text\":\"%.32s\",\"text_size\":%zu", sum, lf->len);
        g_free(sum);
        g_free(text);
        g_string_free(lf, TRUE);
    }
}

/* The tree without recursion: children go on the stack in reverse. */
static void parts(GMimeObject *root)
{
    GArray *stack = g_array_new(FALSE, FALSE, sizeof(struct item));
    struct item first = {root, 0};
    int n = 0;
    g_array_append_val(stack, first);
    while (stack->len) {
        struct item it = g_array_index(stack, struct item, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        GMimeContentType *type = g_mime_object_get_content_type(it.object);
        char *name = g_mime_content_type_get_mime_type(type);
        printf("%s{\"depth\":%d,\"type\":", n++ ? "," : "", it.depth);
        json(name);
        g_free(name);
        if (GMIME_IS_MULTIPART(it.object)) {
            GMimeMultipart *mp = GMIME_MULTIPART(it.object);
            printf(",\"kind\":\"multipart\"");
            for (int i = g_mime_multipart_get_count(mp) - 1; i >= 0; i--) {
                struct item child = {g_mime_multipart_get_part(mp, i), it.depth + 1};
                g_array_append_val(stack, child);
            }
        } else if (GMIME_IS_MESSAGE_PART(it.object)) {
            GMimeMessage *m = g_mime_message_part_get_message(GMIME_MESSAGE_PART(it.object));
            printf(",\"kind\":\"message\"");
            GMimeObject *body = m ? g_mime_message_get_mime_part(m) : NULL;
            if (body) {
                struct item child = {body, it.depth + 1};
                g_array_append_val(stack, child);
            }
        } else {
            printf(",\"kind\":\"leaf\"");
            if (GMIME_IS_PART(it.object))
                leaf(GMIME_PART(it.object));
        }
        putchar('}');
    }
    g_array_free(stack, TRUE);
}

int main(int argc, char **argv)
{
    g_mime_init();
    GMimeParserOptions *options = g_mime_parser_options_new();
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        GMimeStream *stream = g_mime_stream_file_new(f);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *m = g_mime_parser_construct_message(parser, options);
        char *name = g_path_get_basename(argv[i]);
        printf("{\"file\":");
        json(name);
        printf(",\"subject\":");
        json(m ? g_mime_message_get_subject(m) : "");
        printf(",\"parts\":[");
        if (m && g_mime_message_get_mime_part(m))
            parts(g_mime_message_get_mime_part(m));
        printf("]}\n");
        g_free(name);
        if (m)
            g_object_unref(m);
        g_object_unref(parser);
        g_object_unref(stream);
    }
    g_mime_parser_options_free(options);
    return 0;
}
