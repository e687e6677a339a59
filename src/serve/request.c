#include "serve/request.h"

#include <stdlib.h>
#include <string.h>

#define FORM_BUFFER_BYTES 1024u

struct request *request_new(struct serve *serve, struct tree *tree, const char *uri) {
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    request->serve = serve;
    request->tree = tree;
    request->body = (struct buffer)BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    request->answer = ANSWER_INIT;
    request->uri = strdup(uri);
    if (!request->uri) {
        free(request);
        return NULL;
    }
    return request;
}

void request_free(struct request *request) {
    if (!request)
        return;
    answer_done(&request->answer);
    buffer_done(&request->body);
    buffer_done(&request->location);
    free(request->uri);
    free(request);
}

const char *request_query(const struct request *request) {
    const char *mark = strchr(request->uri, '?');
    return mark ? mark + 1 : "";
}

static char *argument(struct arguments *arguments, const char *key) {
    if (!strcmp(key, "seconds"))
        return arguments->seconds;
    if (!strcmp(key, "debug"))
        return arguments->debug;
    if (!strcmp(key, "pid"))
        return arguments->pid;
    if (!strcmp(key, "format"))
        return arguments->format;
    return strcmp(key, "hz") ? NULL : arguments->hz;
}

/* A value that is longer than any number is cut: what is left of it is still none. */
static void append(char *argument, size_t offset, const char *value, size_t size) {
    if (offset + 1 >= REQUEST_ARGUMENT_BYTES)
        return;
    size_t room = REQUEST_ARGUMENT_BYTES - 1 - offset;
    size_t n = size < room ? size : room;
    memcpy(argument + offset, value, n);
    argument[offset + n] = '\0';
}

static enum MHD_Result form_value(void *data, enum MHD_ValueKind kind, const char *key, const char *filename,
                                  const char *content_type, const char *transfer_encoding, const char *value,
                                  uint64_t offset, size_t size) {
    (void)kind;
    (void)filename;
    (void)content_type;
    (void)transfer_encoding;
    char *found = key ? argument(data, key) : NULL;
    if (found && offset == strlen(found)) /* the first of several of one name: the others start over at 0 */
        append(found, offset, value, size);
    return MHD_YES;
}

static enum MHD_Result query_value(void *data, enum MHD_ValueKind kind, const char *key, const char *value) {
    (void)kind;
    char *found = argument(data, key);
    if (found && !*found && value)
        append(found, 0, value, strlen(value));
    return MHD_YES;
}

void request_read_arguments(struct request *request) {
    struct arguments form = {0};
    struct MHD_PostProcessor *processor = NULL;
    if (request->body.size)
        processor = MHD_create_post_processor(request->connection, FORM_BUFFER_BYTES, form_value, &form);
    if (processor) { /* NULL for a body that is no form */
        MHD_post_process(processor, request->body.data, request->body.size);
        MHD_destroy_post_processor(processor);
    }
    request->arguments = form;
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_value, &request->arguments);
}
