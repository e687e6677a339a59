#include "load/redirect.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool redirect_is(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool redirect_keeps_method(unsigned status) {
    return status == 307 || status == 308;
}

/* curl knows all the forms that a Location has. */
static int resolve(const char *from, const char *location, char **ret) {
    CURLU *url = curl_url();
    char *whole = NULL;
    if (!url)
        return -ENOMEM;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, from, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_URL, location, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &whole, 0);
    curl_url_cleanup(url);
    if (code != CURLUE_OK)
        return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    *ret = strdup(whole);
    curl_free(whole);
    return *ret ? 0 : -ENOMEM;
}

/* Only what is safe to print of what the server sent. */
static void quote(const char *text, char ret[100]) {
    size_t i = 0;
    for (; text[i] && i < 96; i++)
        ret[i] = (unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127 ? '?' : text[i];
    ret[i] = '\0';
}

int redirect_resolve(const char *from, const char *location, char **ret, struct url *ret_url, char *why,
                     size_t why_size) {
    char *whole = NULL, shown[100], reason[300];
    struct url url, origin;
    quote(location, shown);
    int error = resolve(from, location, &whole);
    if (!error && (url_parse(whole, &url, reason, sizeof reason) || url_parse(from, &origin, reason, sizeof reason)))
        error = -EINVAL;
    if (!error && !url_same_server(&url, &origin))
        error = -EXDEV;
    if (error) {
        snprintf(why, why_size, error == -EXDEV ? "redirected to another server: %s" : "redirected to \"%s\"", shown);
        free(whole);
        return error;
    }
    *ret = whole;
    *ret_url = url;
    return 0;
}
