#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/capture.h"

static void cleanup_url(CURLU **url) {
    curl_url_cleanup(*url);
}

static void cleanup_part(char **part) {
    curl_free(*part);
}

static int wrong(char *why, const char *what) {
    snprintf(why, CAPTURE_WHY_BYTES, "%s", what);
    return -EINVAL;
}

/* An http or https URL with a host; anything else is -EINVAL. curl alone would guess a scheme, and take the path for a
 * host where that is missing. */
static int parse(const char *text, CURLU **ret, char *why) {
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return wrong(why, "it must start with http:// or https://");
    if (strchr(text, ':')[3] == '/')
        return wrong(why, "it has no host");
    _cleanup_(cleanup_url) CURLU *url = curl_url();
    if (!url)
        return -ENOMEM;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (code != CURLUE_OK)
        return wrong(why, curl_url_strerror(code));
    *ret = url;
    url = NULL;
    return 0;
}

static int part_error(CURLUcode code) {
    return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int capture_base_beside(const char *url, unsigned port, char **ret, char why[CAPTURE_WHY_BYTES]) {
    _cleanup_(cleanup_url) CURLU *parts = NULL;
    int error = parse(url, &parts, why);
    if (error)
        return error;
    _cleanup_(cleanup_part) char *host = NULL;
    CURLUcode code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK) {
        wrong(why, curl_url_strerror(code));
        return part_error(code);
    }
    char *base = NULL;
    if (asprintf(&base, "http://%s:%u", host, port) < 0)
        return -ENOMEM;
    *ret = base;
    return 0;
}

/* Cut the path and all that follows it off: what stays is scheme, login, host and port. */
static int base_of(CURLU *url, char **ret) {
    CURLUcode code = curl_url_set(url, CURLUPART_PATH, "/", 0);
    _cleanup_(cleanup_part) char *whole = NULL;
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &whole, 0);
    if (code != CURLUE_OK)
        return part_error(code);
    char *base = strndup(whole, strlen(whole) - 1);
    if (!base)
        return -ENOMEM;
    *ret = base;
    return 0;
}

int capture_split_url(const char *url, char **ret_base, char **ret_prefix, char why[CAPTURE_WHY_BYTES]) {
    if (strpbrk(url, "?#"))
        return wrong(why, "it must end with its path");
    _cleanup_(cleanup_url) CURLU *parts = NULL;
    int error = parse(url, &parts, why);
    if (error)
        return error;
    _cleanup_(cleanup_part) char *path = NULL;
    CURLUcode code = curl_url_get(parts, CURLUPART_PATH, &path, 0);
    if (code != CURLUE_OK) {
        wrong(why, curl_url_strerror(code));
        return part_error(code);
    }
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    char *base = NULL;
    if ((error = base_of(parts, &base)))
        return error;
    char *prefix = strndup(path, length);
    if (!prefix) {
        free(base);
        return -ENOMEM;
    }
    *ret_base = base;
    *ret_prefix = prefix;
    return 0;
}
