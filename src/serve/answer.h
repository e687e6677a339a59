/* What a request is answered with: made by any thread, sent by the HTTP thread. */
#ifndef PIKO_SERVE_ANSWER_H
#define PIKO_SERVE_ANSWER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buffer.h"

struct stream;

#define ANSWER_TEXT "text/plain; charset=utf-8"
#define ANSWER_HTML "text/html; charset=utf-8"
#define ANSWER_BYTES "application/octet-stream"
#define ANSWER_JSON "application/json"
#define ANSWER_BODY_BYTES_MAX (512u << 20) /* also of all together that clients have not taken yet */

struct answer {
    unsigned status; /* 0 = none yet */
    const char *content_type;
    const char *location;    /* of a redirect; NULL none; lives as long as the request */
    const char *allow;       /* of a 405 */
    char attachment[32];     /* file name; "" none */
    bool no_store, go_pprof; /* Cache-Control: no-store; X-Go-Pprof: 1 */
    bool wants_token;        /* WWW-Authenticate, of a 401 */
    bool is_bodiless;        /* of a HEAD whose GET would first have to capture: headers without a length */
    struct buffer body;
    struct stream *stream; /* in place of the body: what is sent while it is made; NULL none. The answer's own */
};

#define ANSWER_INIT                                                                                                    \
    (struct answer) {                                                                                                  \
        .body = BUFFER_INIT(ANSWER_BODY_BYTES_MAX)                                                                     \
    }

/* Turn into an error of the profiles' own, as Go's pprof package makes it; the text is one line without its newline. */
void answer_error(struct answer *answer, unsigned status, const char *text);

/* The same for what failed inside: a negative errno; -ESRCH is a 404. */
void answer_failure(struct answer *answer, const char *what, int error);

/* An error of the routes: plain text. */
void answer_text(struct answer *answer, unsigned status, const char *text);

void answer_done(struct answer *answer);

/* Hand over to libmicrohttpd; the body is taken. */
enum MHD_Result answer_queue(struct answer *answer, struct MHD_Connection *connection);

#endif
